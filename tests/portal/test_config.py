"""Settings of a portal: nothing is served in plain text beyond loopback, nor without an account."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ims.portal.config import checked_portal, read_portal_config

from ..stores import cli

FILES = {"registry": "r.toml", "accounts": "a.db", "audit": "a.jsonl"}
HTTPS = {"certificate": "c.pem", "key": "k.pem"}


def test_three_files_are_enough_on_loopback() -> None:
    found = checked_portal(FILES)
    assert (found.listen, found.is_local, found.https, found.tls) == ("127.0.0.1:8443", True, None, None)
    assert found.secrecy.viewer_delay == 3600
    assert (found.deadline, found.memory) == (30.0, 256 << 20)


@pytest.mark.parametrize("listen", ["0.0.0.0:443", "[::]:443", "192.0.2.1:8443"])
def test_a_public_address_wants_https(listen: str) -> None:
    with pytest.raises(ValueError, match=r"without \[https\]: only loopback may be listened on in plain text"):
        checked_portal({**FILES, "listen": listen})
    assert not checked_portal({**FILES, "listen": listen, "https": HTTPS}).is_local


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "registry is missing: file of sensors"),
        ({**FILES, "regestry": "x"}, "unknown key 'regestry'; meant registry?"),
        ({**FILES, "https": {"certificate": "x"}}, "https.key is missing"),
        ({**FILES, "secrecy": {"viewer_dely": 1}}, "unknown key 'viewer_dely' in secrecy; meant viewer_delay?"),
        ({**FILES, "secrecy": {"viewer_delay": "soon"}}, "secrecy.viewer_delay = 'soon': wanted a number of seconds"),
        ({**FILES, "deadline": 0}, "deadline = 0: "),
        ({**FILES, "deadline": float("nan")}, "deadline = nan: "),
        ({**FILES, "memory": "1M"}, "memory = '1M': wanted 128M or more"),
        ({**FILES, "memory": 2**20}, "memory = 1048576: wanted 134217728 or more"),
        ({**FILES, "memory": "2048T"}, "memory = '2048T': wanted 1024T or less"),
        ({**FILES, "deadline": 1e9}, "deadline = 1000000000.0: wanted 600.0 or less"),
        ({**FILES, "deadline": "0.1"}, "deadline = '0.1': wanted 0.5 or more"),
        ({**FILES, "audit_age": "1h"}, "audit_age = '1h': wanted 86400"),
        ({**FILES, "audit_age": "40000d"}, "audit_age = '40000d': wanted 3162240000"),
        ({**FILES, "rows": "1"}, "rows = '1': wanted 1000 or more"),
        ({**FILES, "listen": "portal.example.net:443"}, "listen = 'portal.example.net:443': "),
    ],
)
def test_what_is_wrong_is_said_in_one_line(data: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as caught:
        checked_portal(data, "portal.toml: ")
    assert str(caught.value).startswith(f"portal.toml: {said}")
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "portal.toml"
    with pytest.raises(ValueError, match=r"portal.toml isn't there; docs/deploy.md has an example"):
        read_portal_config(path)
    path.write_text('registry = "r"\naccounts = "a"\naudit = "u"\n[secrecy]\nviewer_delay = "2h"')
    assert read_portal_config(path).secrecy.viewer_delay == 7200


def portal(folder: Path, **settings: Any) -> subprocess.CompletedProcess[str]:
    """`ims portal`, which is to end by itself."""
    (folder / "registry.toml").touch()
    words = {
        "registry": str(folder / "registry.toml"), "accounts": str(folder / "accounts.db"),
        "audit": str(folder / "audit.jsonl"), "user": "root",
    } | settings  # fmt: skip
    tables = [name for name, value in words.items() if isinstance(value, dict)]
    lines = [f"{name} = {json.dumps(value)}" for name, value in words.items() if name not in tables]
    for name in tables:
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in words[name].items())]
    (folder / "portal.toml").write_text("\n".join(lines))
    return cli("portal", "--config", folder / "portal.toml")


def https(folder: Path) -> dict[str, str]:
    """A certificate for people, of our own making."""
    from ims.pki.authority import create_authority

    create_authority(folder / "PKI", "Test", 3650).issue("web", "sensor", folder / "web")
    return {"certificate": str(folder / "web" / "web.pem"), "key": str(folder / "web" / "web.key")}


def test_a_public_address_wants_an_account(tmp_path: Path) -> None:
    done = portal(tmp_path, listen="0.0.0.0:18443", https=https(tmp_path))
    assert done.returncode == 2
    assert "holds no account; make one with `ims account add NAME --role operator --accounts " in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"listen": "0.0.0.0:18443"}, "without [https]"),
        (
            {"https": {"certificate": "/nowhere/c.pem", "key": "/nowhere/k.pem"}},
            "/nowhere/c.pem isn't there; wanted a certificate in PEM",
        ),
        ({"registry": "/nowhere/registry.toml"}, "/nowhere/registry.toml isn't there"),
        ({"tls": dict.fromkeys(("certificate", "key", "ca", "revoked"), "/nowhere/x.pem")}, "/nowhere/x.pem"),
        ({"audit": "/nowhere/audit.jsonl"}, "/nowhere"),
        ({"accounts": "/nowhere/accounts.db"}, "/nowhere"),
    ],
)
def test_what_will_not_do_ends_it_with_one_line(tmp_path: Path, settings: dict[str, Any], said: str) -> None:
    done = portal(tmp_path, **settings)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_https_certificate_that_is_none_ends_it_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "c.pem").write_text("-----BEGIN CERTIFICATE-----\nnone\n")
    done = portal(tmp_path, https={"certificate": str(tmp_path / "c.pem"), "key": str(tmp_path / "c.pem")})
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert os.fspath(tmp_path) in done.stderr or "[https]" in done.stderr
