"""`/`: anybody is told what this is and how to ask it, in lines that run as printed, and no secret."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from ims.portal.api.middleware import HEADERS, PAGES

from ...stores import IMS
from .served import PASSWORD, SENSORS, Served


@pytest.fixture
def anyone(served: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, trust_env=False) as client:
        yield client


def test_it_is_text_unless_html_is_accepted(anyone: httpx.Client) -> None:
    for accept, kind in {
        "*/*": "text/plain",
        "text/html,*/*;q=0.8": "text/html",
        "application/json": "text/plain",
    }.items():
        found = anyone.get("/", headers={"Accept": accept})
        assert (found.status_code, found.headers["content-type"]) == (200, f"{kind}; charset=utf-8")
        assert "Internet Motion Sensor, version 0.1.0" in found.text
        assert found.text.isascii() and (kind == "text/html") == found.text.startswith("<!doctype html>")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_headers_are_those_of_every_page_and_no_cookie_is_set(anyone: httpx.Client, method: str) -> None:
    found = anyone.request(method, "/", headers={"Accept": "text/html"})
    assert HEADERS.items() <= dict(found.headers).items()
    assert found.headers["content-security-policy"] == PAGES and found.headers["vary"] == "Accept, Host"
    assert "set-cookie" not in found.headers
    assert (found.content == b"") == (method == "HEAD") and int(found.headers["content-length"]) > 500
    assert anyone.request("POST", "/").status_code == 405


def test_it_tells_nothing_of_sensors_and_accounts(anyone: httpx.Client, served: Served) -> None:
    said = anyone.get("/").text + anyone.get("/", headers={"Accept": "text/html"}).text
    for secret in (*served.world.tokens.values(), PASSWORD, *map(str, SENSORS[0].values()), "198.51.100", "C/24"):
        assert secret not in said or len(secret) < 6


HOSTS = {
    "portal.example:8443": "https://portal.example:8443/",
    "localhost:8000": "http://localhost:8000/",
    "[::1]:8000": "http://[::1]:8000/",
    '"><script>alert(1)</script>': "https://PORTAL/",
    "a b": "https://PORTAL/",
    "x$(reboot)": "https://PORTAL/",
    "x" * 300: "https://PORTAL/",
}


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_that_is_no_name_is_not_said_back(anyone: httpx.Client, host: str) -> None:
    for accept in ("*/*", "text/html"):
        said = anyone.get("/", headers={"Host": host, "Accept": accept}).text
        assert f"{HOSTS[host]}api/v1/openapi.json" in said
        assert "script" not in said and "reboot" not in said


class Links(HTMLParser):
    found: list[str]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("href", "src")]


def test_its_links_lead_somewhere(anyone: httpx.Client) -> None:
    parser = Links()
    parser.found = []
    parser.feed(anyone.get("/", headers={"Accept": "text/html"}).text)
    assert len(parser.found) == 2
    assert [anyone.get(link).status_code for link in parser.found] == [200, 200]


def test_its_commands_run_as_printed(anyone: httpx.Client, served: Served, tmp_path: Path) -> None:
    """But for the name and password, and with the token that the login gave."""
    if shutil.which("curl") is None:
        pytest.skip("curl isn't installed")
    lines = re.findall(r"^  (.*)$", anyone.get("/").text, re.MULTILINE)
    assert [line.split()[0] for line in lines] == ["curl", "ims", "ims", "curl"]
    environment = {**os.environ, "PATH": f"{IMS.parent}:{os.environ['PATH']}", "no_proxy": "*"}
    for line in lines:
        typed = line.replace("NAME", "operator").replace("PASSWORD", PASSWORD)
        done = subprocess.run(
            ["bash", "-euc", typed], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0 and '"error"' not in done.stdout, (line, done.stdout, done.stderr)
        if "/login" in line:
            environment["IMS_TOKEN"] = re.findall(r'"token":\s*"([^"]+)"', done.stdout)[0]
