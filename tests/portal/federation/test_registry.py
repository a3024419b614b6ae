"""The registry: what may stand in it, and that a change is taken at once, or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from ims.portal.federation.registry import Registry, checked_registry

SERIAL = "25b109da9511d64c8a88bc3787cb513f"
GOOD = f'[[sensor]]\nname = "a"\naddress = "sensor-a.example.net:9443"\nserial = "{SERIAL}"\n'
OTHER = GOOD.replace('"a"', '"b"').replace("sensor-a", "sensor-b").replace(SERIAL, SERIAL[::-1])
BLOCK = {"name": "C/24", "prefix": "198.51.100.0/24"}


def sensor(**words: Any) -> dict[str, Any]:
    return {"sensor": [{"name": "a", "address": "192.0.2.1:9443", "serial": SERIAL} | words]}


def put(path: Path, text: str) -> None:
    """As an editor does: another file under the same name."""
    aside = path.with_suffix(".new")
    aside.write_text(text)
    aside.rename(path)


def names(registry: Registry) -> list[str]:
    return [one.name for one in registry.sensors()]


def test_a_change_is_taken_at_once(tmp_path: Path) -> None:
    path = tmp_path / "registry.toml"
    path.write_text(GOOD)
    registry = Registry(path)
    assert names(registry) == ["a"]
    put(path, GOOD + OTHER)
    assert names(registry) == ["a", "b"]
    path.write_text("")
    assert names(registry) == []
    put(path, OTHER)
    assert names(registry) == ["b"]
    assert registry.problem is None


@pytest.mark.parametrize("broken", ["[[sensor", GOOD + GOOD, GOOD.replace("address", "adress"), "\x00", "sensor = 1"])
def test_a_broken_file_changes_nothing_and_says_why(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "registry.toml"
    path.write_text(GOOD)
    registry = Registry(path)
    put(path, broken)
    with capture_logs() as said:
        assert names(registry) == ["a"]
    assert registry.problem is not None
    assert registry.problem.startswith(str(path))
    assert len(registry.problem.splitlines()) == 1
    assert [line["problem"] for line in said] == [registry.problem]
    with capture_logs() as again:
        assert names(registry) == ["a"]
    assert again == [], "it is said once"
    put(path, GOOD + OTHER)
    assert names(registry) == ["a", "b"]
    assert registry.problem is None


def test_a_file_that_is_gone_or_unreadable_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "registry.toml"
    path.write_text(GOOD)
    registry = Registry(path)
    path.unlink()
    assert names(registry) == ["a"]
    assert "isn't there" in str(registry.problem)
    path.mkdir()
    assert names(registry) == ["a"]
    assert "is a folder" in str(registry.problem)
    path.rmdir()
    path.symlink_to(path.name)
    assert names(registry) == ["a"]
    assert registry.problem == f"{path}: Too many levels of symbolic links"
    path.unlink()
    put(path, OTHER)
    assert names(registry) == ["b"]


def test_an_unchanged_file_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "registry.toml"
    path.write_text(GOOD)
    registry = Registry(path)
    monkeypatch.setattr("ims.portal.federation.registry.read_toml", lambda *_: pytest.fail("read"))
    assert registry.sensors() == registry.sensors()
    assert os.stat(path).st_size == len(GOOD)  # noqa: PTH116


def test_a_portal_does_not_begin_with_a_broken_file(tmp_path: Path) -> None:
    path = tmp_path / "registry.toml"
    with pytest.raises(ValueError, match=r"isn't there; docs/deploy.md has an example"):
        Registry(path)
    path.write_text(GOOD + GOOD)
    with pytest.raises(ValueError, match=r"entries 1 \('a'\) and 2 \('a'\) have one name, a"):
        Registry(path)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "localhost:9443", "[::1]:9443", "127.8.9.1:65535"])
def test_on_loopback_no_serial_number_is_needed(address: str) -> None:
    [found] = checked_registry(sensor(address=address, serial=None)).sensor
    assert found.is_local
    assert found.identity is None


@pytest.mark.parametrize(
    "address", ["192.0.2.1:9443", "sensor.example.net:9443", "[2001:db8::1]:9443", "localhost.example.net:1"]
)
def test_elsewhere_one_is(address: str) -> None:
    with pytest.raises(ValueError, match="serial is missing: the serial number that `ims pki issue` printed"):
        checked_registry(sensor(address=address, serial=None))
    [found] = checked_registry(sensor(address=address)).sensor
    assert found.identity is not None
    assert found.identity.uri == f"ims:sensor:a:{SERIAL}"
    assert found.host == address.rpartition(":")[0].strip("[]")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"address": "192.0.2.1"}, "expected HOST:PORT"),
        ({"address": "192.0.2.1:0"}, "expected HOST:PORT"),
        ({"address": "192.0.2.1:65536"}, "expected HOST:PORT"),
        ({"address": ":9443"}, "expected HOST:PORT"),
        ({"address": "https://192.0.2.1:9443"}, "expected HOST:PORT"),
        ({"address": "sensor-a\n.example.net:9443"}, "HOST:PORT"),
        ({"address": "sensor-a\x1b[2J:9443"}, "HOST:PORT"),
        ({"address": "192.0.2.1:٩٤٤٣"}, "HOST:PORT"),
        ({"name": "../a"}, "'../a'"),
        ({"name": ""}, "name"),
        ({"serial": "25B1"}, "expected 32 to 40 hexadecimal digits"),
        ({"time_zone": "Mars/Olympus"}, "expected a time zone such as Europe/Vienna"),
        ({"time_zone": "../../etc/passwd"}, "expected a time zone"),
        ({"organisation": "x" * 201}, "organisation"),
        ({"block": [BLOCK | {"name": "C 24"}]}, "expected letters, digits"),
        ({"block": [BLOCK | {"prefix": "198.51.100.1/24"}]}, "host bits"),
        ({"block": [BLOCK | {"prefix": "2001:db8::/32"}]}, "block"),
        ({"block": [BLOCK | {"prefixes": []}]}, "meant prefix?"),
        ({"adress": "x"}, "unknown key 'adress' in sensor.0; meant address?"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(words: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as caught:
        checked_registry(sensor(**words), "registry.toml: ")
    assert str(caught.value).startswith("registry.toml: ")
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        ({}, {"name": "a"}, "name, a"),
        ({}, {"sensors": ["old", "a"]}, "name, a"),
        ({"sensors": ["old"]}, {"sensors": ["old"]}, "name, old"),
        ({"sensors": ["b"]}, {}, "name, b"),
        ({}, {"serial": SERIAL}, f"serial, {SERIAL}"),
        ({"address": "sensor-a.example.net:9443"}, {"address": "Sensor-A.example.NET.:09443"}, "address, sensor-a.example"),
        ({"address": "[2001:db8::1]:9443"}, {"address": "[2001:DB8:0:0::1]:9443"}, "address, 2001:db8::1 port 9443"),
        ({"address": "127.0.0.1:9443", "serial": None}, {"address": "localhost:9443", "serial": None}, "address, 127.0.0.1"),
        ({"address": "127.0.0.1:9443"}, {"address": "[::ffff:127.0.0.1]:9443"}, "address, 127.0.0.1 port 9443"),
    ],
)  # fmt: skip
def test_one_name_one_certificate_one_address_are_one_entry(
    first: dict[str, Any], second: dict[str, Any], both: str
) -> None:
    others = {"name": "b", "address": "192.0.2.2:9443", "serial": SERIAL[::-1]}
    entries = [*sensor(**first)["sensor"], others | second]
    with pytest.raises(ValueError) as caught:
        checked_registry({"sensor": entries}, "registry.toml: ")
    assert str(caught.value).startswith(
        f"registry.toml: entries 1 ('a') and 2 ('{entries[1]['name']}') have one {both}"
    )


def test_two_daemons_on_one_machine_are_two_entries() -> None:
    entries = [*sensor()["sensor"], {"name": "b", "address": "192.0.2.1:9444", "serial": SERIAL[::-1]}]
    assert [one.names for one in checked_registry({"sensor": entries}).sensor] == [("a",), ("b",)]
