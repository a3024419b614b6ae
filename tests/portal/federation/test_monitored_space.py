"""What is monitored: known of each sensor, never forgotten, kept in a file that may be damaged."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.portal.federation import monitored_space
from ims.portal.federation.monitored_space import MonitoredSpace
from ims.portal.federation.registry import RegisteredBlock, RegisteredSensor

A, B = RegisteredSensor(name="a", address="127.0.0.1:1"), RegisteredSensor(name="b", address="127.0.0.1:2")
NAMED = RegisteredSensor(
    name="n", address="127.0.0.1:3", block=(RegisteredBlock(name="N/24", prefix="203.0.113.0/24"),)
)


def shown(found: MonitoredSpace) -> list[str]:
    return [str(prefix) for prefix in found.prefixes()]


def test_nothing_may_be_shown_while_nothing_is_known() -> None:
    found = MonitoredSpace(lambda: (A,))
    with pytest.raises(OSError, match="no sensor has told"):
        found.prefixes()
    found.note("a", [])
    assert shown(found) == []
    assert found.unknown(["a", "b"]) == {"b"}


def test_what_the_registry_names_is_monitored_at_once() -> None:
    registered = [NAMED]
    found = MonitoredSpace(lambda: list(registered))
    assert shown(found) == ["203.0.113.0/24"]
    registered.append(A)
    found.note("a", ["198.51.100.0/24"])
    assert shown(found) == ["198.51.100.0/24", "203.0.113.0/24"]


def test_a_block_that_was_watched_once_stays_monitored(tmp_path: Path) -> None:
    found = MonitoredSpace(lambda: (A,), tmp_path / "kept")
    found.note("a", ["198.51.100.0/24"])
    found.note("a", ["192.0.2.0/24"])
    found.note("b", ["203.0.113.0/24"])
    everything = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"]
    assert shown(found) == everything
    assert shown(MonitoredSpace(lambda: (), tmp_path / "kept")) == everything, (
        "after a restart, without the registry too"
    )
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_who_changes_it_all_the_time_makes_it_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitored_space, "MOST_KEPT", 16)
    found = MonitoredSpace(lambda: (A,))
    for number in range(0, 4000, 2):
        found.note("a", [f"10.{number >> 8}.{number & 255}.0/24"])
    assert len(found.prefixes()) <= 16
    assert all(
        any(ipaddress.IPv4Address(f"10.{number >> 8}.{number & 255}.7") in prefix for prefix in found.prefixes())
        for number in range(0, 4000, 2)
    )


def test_however_much_all_sensors_tell_the_file_can_be_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one who tells little is hidden as he told, not wider."""
    scale = 1024
    monkeypatch.setattr(monitored_space, "MOST_OF_ALL", monitored_space.MOST_OF_ALL // scale)
    monkeypatch.setattr(monitored_space, "LONGEST", monitored_space.LONGEST // scale)
    found = MonitoredSpace(lambda: (), tmp_path / "kept")
    quiet = ["192.0.2.0/28", "198.51.100.77/32"]
    found.note("quiet", quiet)
    told = [[f"2{sensor:02}.{100 + n}.111.{n}/32" for n in range(0, 150)] for sensor in range(20)]
    for sensor, prefixes in enumerate(told):
        found.note(f"sensor-{sensor}-with-quite-a-long-name", prefixes)
    assert (tmp_path / "kept").stat().st_size <= monitored_space.LONGEST
    again = MonitoredSpace(lambda: (), tmp_path / "kept")
    assert again.problem is None
    assert shown(again) == shown(found)
    assert {str(prefix) for prefix in again._known["quiet"]} == set(quiet)
    for prefix in (ipaddress.IPv4Network(prefix) for prefixes in told for prefix in prefixes):
        assert any(prefix.subnet_of(wider) for wider in again.prefixes())


def test_what_nobody_could_read_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kept"
    found = MonitoredSpace(lambda: (), path)
    found.note("a", ["192.0.2.0/24"])
    before = path.read_bytes()
    monkeypatch.setattr(monitored_space, "LONGEST", len(before))
    found.note("b", ["198.51.100.0/24"])
    assert path.read_bytes() == before
    monkeypatch.undo()
    found.keep()
    assert shown(MonitoredSpace(lambda: (), path)) == ["192.0.2.0/24", "198.51.100.0/24"]


def test_a_damaged_file_holds_back_until_each_sensor_has_told(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    MonitoredSpace(lambda: (), path).note("a", ["198.51.100.0/24"])
    path.write_bytes(path.read_bytes()[:-1])
    found = MonitoredSpace(lambda: (A, B, NAMED), path)
    assert str(path) in str(found.problem)
    for name in ("a", "b"):
        with pytest.raises(OSError, match="isn't known yet what each sensor watches"):
            found.prefixes()
        found.note(name, ["192.0.2.0/24"])
        damaged = path.read_bytes()
        found.keep()
        assert path.read_bytes() == damaged, "it may be of use to somebody until all is known again"
    assert shown(found) == ["192.0.2.0/24", "203.0.113.0/24"]
    found.keep()
    assert MonitoredSpace(lambda: (A, B), path).problem is None


def test_after_damage_a_lake_has_to_tell_too(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    path.write_bytes(b"")
    found = MonitoredSpace(lambda: (A,), path, ["the lake"])
    found.note("a", ["198.51.100.0/24"])
    with pytest.raises(OSError, match="isn't known yet"):
        found.prefixes()
    found.note("the lake", [])
    assert shown(found) == ["198.51.100.0/24"]


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.integers() | st.text(max_size=20), lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=8) | st.just("watched"), inner))
    .map(lambda value: json.dumps(value).encode())
)  # fmt: skip
def test_any_file_is_read_or_a_problem(tmp_path_factory: pytest.TempPathFactory, octets: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any-monitored"
    path.write_bytes(octets)
    found = MonitoredSpace(lambda: (A,), path)
    with contextlib.suppress(OSError):
        assert found.prefixes() or not found.unknown(json.loads(octets)["watched"])
    assert found.problem is not None or isinstance(json.loads(octets)["watched"], dict)


def test_what_cannot_be_written_is_known_and_written_later(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "kept"
    found = MonitoredSpace(lambda: (A,), path)
    found.note("a", ["198.51.100.0/24"])
    assert shown(found) == ["198.51.100.0/24"]
    path.parent.mkdir()
    found.keep()
    assert json.loads(path.read_text()) == {"watched": {"a": ["198.51.100.0/24"]}}


@pytest.mark.parametrize("said", [["198.51.100.1/24"], ["nowhere"]])
def test_what_is_no_prefix_is_refused(said: Any) -> None:
    with pytest.raises(ValueError, match=r"198|nowhere"):
        MonitoredSpace(lambda: (A,)).note("a", said)
