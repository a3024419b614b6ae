"""What we ship for systemd holds what the documentation says of it."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from ims.darknet import Darknet
from ims.respond.policy import policies
from ims.sensor.config import checked, read_config

ROOT = Path(__file__).parents[2]
INSTALL = ROOT / "src" / "ims" / "install"
UNIT = INSTALL / "units" / "ims-sensor.service"


def test_the_example_is_a_configuration() -> None:
    assert read_config(INSTALL / "settings" / "sensor.toml").reply_limit == 500


TOML = re.findall(r"^```toml\n(.*?)^```", (ROOT / "docs" / "sensor.md").read_text(), re.MULTILINE | re.DOTALL)
BASE = {"name": "a", "store": "S", "interfaces": ["eth0"], "block": [{"name": "C/24", "prefix": "198.51.100.0/24"}]}


@pytest.mark.parametrize("text", TOML)
def test_the_documentation_s_examples_are_configurations(text: str) -> None:
    config = checked({**BASE, **tomllib.loads(text)})
    darknet: Darknet = config.darknet()
    policies(darknet, {block.name: block.policy for block in config.block})


def test_there_are_examples() -> None:
    assert len(TOML) >= 2
    assert any("default" in text for text in TOML)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing; CI has it")
def test_the_unit_has_no_errors(tmp_path: Path) -> None:
    unit = tmp_path / "ims-sensor.service"
    unit.write_text(UNIT.read_text().replace("/opt/ims/bin/ims", "/bin/true").replace("User=ims", "User=daemon")
                    .replace("Group=ims", "Group=daemon"))  # fmt: skip
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert "ims-sensor" not in done.stderr


def test_the_documentation_has_the_benchmarks_figures() -> None:
    measured = (ROOT / "docs" / "benchmarks.md").read_text()
    said = (ROOT / "docs" / "sensor.md").read_text()
    row = re.search(
        r"^\| ims \| answers, signs, stores \| ([\d.]+) \| .* \| ([\d,]+) \| [\d,]+ \|$", measured, re.MULTILINE
    )
    median = re.search(r"SYN to SYN-ACK at idle, median \| ([\d.]+) ms", measured)
    assert row is not None
    assert median is not None
    assert f"{float(row[1]):.2f} million SYNs a second" in said
    assert f"at {int(row[2].replace(',', '')) / 1000:.2f} µs a packet" in said
    assert f"answered after {float(median[1]):.2f} ms" in said
