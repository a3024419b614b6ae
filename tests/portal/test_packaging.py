"""What we ship for systemd, and what docs/deploy.md prints, are settings, and as closed as it says."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ims.portal.config import checked_portal, read_portal_config
from ims.portal.federation.registry import checked_registry
from ims.queryd.config import checked_queryd, read_queryd_config
from ims.sensor.config import checked

ROOT = Path(__file__).parents[2]
INSTALL = ROOT / "src" / "ims" / "install"
DEPLOY = (ROOT / "docs" / "deploy.md").read_text()
SCALE = (ROOT / "docs" / "scale.md").read_text()
MODELS: dict[str, Callable[[Any], Any]] = {
    "queryd.toml": checked_queryd, "portal.toml": checked_portal, "registry.toml": checked_registry,
    "sensor.toml": checked,
}  # fmt: skip
SERVICES = ("queryd", "portal", "ship")


def printed(language: str = "toml") -> dict[str, str]:
    """The files that docs/deploy.md prints, by the comment they begin with."""
    blocks = re.findall(rf"^```{language}\n(# /etc/ims/(.*?)\n.*?)^```", DEPLOY, re.MULTILINE | re.DOTALL)
    return {name: text for text, name in blocks}


@pytest.mark.parametrize("name", printed())
def test_settings_that_the_documentation_prints_are_taken(name: str) -> None:
    MODELS[name.split(maxsplit=1)[0]](tomllib.loads(printed()[name]))


def test_all_settings_that_it_prints_are_tried() -> None:
    assert DEPLOY.count("```toml\n") == len(printed()) == 3
    assert {name.split()[0] for name in printed()} | {"registry.toml"} == set(MODELS)


def test_the_examples_are_those_of_the_documentation() -> None:
    queryd, portal = (INSTALL / "settings" / f"{name}.toml" for name in ("queryd", "portal"))
    assert read_queryd_config(queryd) == checked_queryd(tomllib.loads(printed()["queryd.toml on both sensors"]))
    assert read_portal_config(portal) == checked_portal(tomllib.loads(printed()["portal.toml on the portal"]))
    example = (INSTALL / "settings" / "registry.toml").read_text()
    assert checked_registry(tomllib.loads(re.sub(r"^# ?(?=$|\[|[a-z_]+ = )", "", example, flags=re.MULTILINE))).sensor


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing; CI has it")
def test_the_units_have_no_errors(name: str, tmp_path: Path) -> None:
    text = (INSTALL / "units" / f"ims-{name}.service").read_text().replace("/opt/ims/bin/ims", "/bin/true")
    unit = tmp_path / f"ims-{name}.service"
    unit.write_text(re.sub(r"^(User|Group)=ims.*$", r"\1=daemon", text, flags=re.MULTILINE))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert f"ims-{name}" not in done.stderr


WRITABLE = r"^(?:ReadWritePaths|StateDirectory|CacheDirectory|LogsDirectory|RuntimeDirectory)=(.*)"


def test_the_query_daemon_s_unit_can_write_compiled_kernels_alone() -> None:
    unit = (INSTALL / "units" / "ims-queryd.service").read_text()
    assert "ProtectSystem=strict" in unit
    assert re.findall(WRITABLE, unit, re.MULTILINE) == ["ims-queryd"]
    assert re.search(r"^CapabilityBoundingSet=$", unit, re.MULTILINE)


def test_the_shipper_s_unit_can_write_to_the_store_and_compiled_kernels_alone() -> None:
    unit = (INSTALL / "units" / "ims-ship.service").read_text()
    assert "ProtectSystem=strict" in unit
    assert re.findall(WRITABLE, unit, re.MULTILINE) == ["/var/lib/ims/store", "ims-ship"]
    assert re.search(r"^CapabilityBoundingSet=$", unit, re.MULTILINE)


def test_every_fault_that_the_portal_tells_has_advice() -> None:
    from ims.portal.federation.fault import SAID

    table = DEPLOY[DEPLOY.index("## When a sensor is silent") : DEPLOY.index("## Renewing")]
    for text in {*SAID.values(), "it can't be reached", "its certificate isn't the one that is registered"} - {
        SAID["request"]
    }:
        assert text in table, text


def test_pages_that_the_documentation_links_exist() -> None:
    for page in re.findall(r"\]\(([a-z]+\.md)\)", DEPLOY):
        assert (ROOT / "docs" / page).is_file(), page
