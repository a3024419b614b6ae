"""docs/api.md runs as printed, against a real server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ims.portal.services import Limits

from ...stores import IMS
from .served import PASSWORD, Served, world

PAGE = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
BLOCKS = re.findall(r"^```(sh|python)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory, one_store: Path) -> Iterator[Served]:
    with world(tmp_path_factory.mktemp("docs"), one_store) as served:
        served.world.news.endless = False
        served.world.accounts.add("ada", "operator", PASSWORD)
        yield served


def test_the_page_runs_as_printed(portal: Served, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl isn't installed")
    script = ["set -euo pipefail"]
    for number, (language, text) in enumerate(BLOCKS):
        text = text.replace("curl -sS", "curl -sS --fail-with-body")
        if language == "python":
            text = f"python - <<'END'\n{text}END\n"
        script.append(f"echo '== {number}'\n{text}echo")
    environment = {**os.environ, "PORTAL": portal.url, "PATH": f"{IMS.parent}:{os.environ['PATH']}", "no_proxy": "*"}
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert '{"name":"ada","role":"operator"}' in done.stdout
    assert '"darknet_24s": 1.0' in done.stdout and "event: packets" in done.stdout
    assert (tmp_path / "payload.bin").stat().st_size > 0
    assert (tmp_path / "udp.pcap").stat().st_size > 24


def test_the_page_s_limits_are_the_code_s() -> None:
    limits = Limits()
    assert f"over {limits.body_bytes >> 10} kB" in PAGE and f"over {limits.head_bytes >> 10} kB" in PAGE
    assert limits.login_hours == 12 and "twelve hours" in PAGE
    assert f"every {limits.heartbeat_seconds:g} seconds" in PAGE
