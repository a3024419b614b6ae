"""`ims registry add` and `check`: sensors are asked who they are, and the file changes by one entry or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ims.portal.federation.registry import RegisteredSensor, Registry, checked_registry
from ims.portal.federation.registry_file import add_entry, entry

SERIAL = "25b109da9511d64c8a88bc3787cb513f"
COMMENT = "# Sensors of the north.\n"


def sensor(**words: object) -> RegisteredSensor:
    said = {"name": "sensor-a", "address": "192.0.2.1:9443", "serial": SERIAL}
    return RegisteredSensor.model_validate(said | words)


def test_an_entry_says_in_toml_what_it_is() -> None:
    import tomllib

    block = {"name": "C/24", "prefix": "198.51.100.0/24"}
    for words in (
        {},
        {
            "organisation": 'A "quoted" \\ Ünïversity\x7f',
            "time_zone": "Europe/Vienna",
            "sensors": ["old"],
            "block": [block],
        },
    ):
        one = sensor(**words)
        assert checked_registry(tomllib.loads(entry(one))).sensor == (one,)


def test_adding_keeps_comments_mode_owner_and_links(tmp_path: Path) -> None:
    real, link = tmp_path / "real.toml", tmp_path / "registry.toml"
    real.write_text(COMMENT)
    real.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(real, 4242, 4243)
    link.symlink_to(real)
    add_entry(link, sensor())
    add_entry(link, sensor(name="sensor-b", address="192.0.2.2:9443", serial=SERIAL[::-1]))
    assert link.is_symlink() and real.read_text().startswith(COMMENT + '\n[[sensor]]\nname = "sensor-a"\n')
    assert [one.name for one in Registry(link).sensors()] == ["sensor-a", "sensor-b"]
    known = real.stat()
    assert known.st_mode & 0o777 == 0o640
    assert (known.st_uid, known.st_gid) == ((4242, 4243) if os.geteuid() == 0 else (os.getuid(), os.getgid()))
    before = real.read_text()
    with pytest.raises(ValueError, match=r"entries 1 \('sensor-a'\) and 3 \('again'\) have one address"):
        add_entry(link, sensor(name="again"))
    real.write_text("sensor = []\n")
    with pytest.raises(ValueError, match="an entry can't be appended to it"):
        add_entry(link, sensor())
    assert real.read_text() == "sensor = []\n" and before != ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["real.toml", "registry.toml"]
