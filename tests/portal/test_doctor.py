"""`ims doctor` finds what would be in a portal's way, as the user it becomes finds it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ims.portal.config import PortalConfig, checked_portal
from ims.portal.doctor import examine_portal

from ..queryd.test_doctor import authority, nobody_s_port, tls, wrong

__all__ = ["authority"]  # a fixture
ROOT = {"user": "root"} if os.geteuid() == 0 else {}


@pytest.fixture
def config(tmp_path: Path) -> PortalConfig:
    """Of a portal without TLS, and its registry."""
    (tmp_path / "registry.toml").write_text('[[sensor]]\nname = "a"\naddress = "127.0.0.1:9443"\n')
    files = {name: tmp_path / file for name, file in (
        ("registry", "registry.toml"), ("accounts", "accounts.db"), ("audit", "audit.jsonl"))}  # fmt: skip
    return checked_portal(files | ROOT | {"listen": nobody_s_port()})


@pytest.mark.usefixtures("authority")
def test_a_portal_that_is_well_and_one_that_is_not(tmp_path: Path, config: PortalConfig) -> None:
    data = config.model_dump(exclude_defaults=True) | {"tls": tls(tmp_path / "portal")}
    assert wrong(examine_portal(checked_portal(data))) == {}
    assert not (tmp_path / "accounts.db").exists()
    (tmp_path / "registry.toml").write_text("[[sensor]]\nname = 7\n")
    assert "name = 7" in wrong(examine_portal(checked_portal(data)))["registry"]


@pytest.mark.parametrize("octets", [b"", b"{", b'{"watched": {"a": ["198.51.100.7/24"]}}', b"[1]"])
def test_a_damaged_file_of_what_is_monitored_is_said(tmp_path: Path, config: PortalConfig, octets: bytes) -> None:
    """Its portal starts, and shows analysts and viewers nothing."""
    kept = tmp_path / "accounts.monitored.json"
    kept.write_bytes(octets)
    said = wrong(examine_portal(config))["monitored"]
    assert str(kept) in said and "shown nothing" in said
    kept.write_text('{"watched": {"a": ["198.51.100.0/24"]}}')
    assert "monitored" not in wrong(examine_portal(config))
