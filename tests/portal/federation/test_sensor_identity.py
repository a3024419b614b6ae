"""What a sensor says of itself, asked over real TLS and without: its certificate, its store, what it watches."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ims
from ims.portal.federation.fault import Fault
from ims.portal.federation.merge import MergeEngines
from ims.portal.federation.registry import RegisteredSensor
from ims.portal.federation.sensor_identity import SAME_MOMENT_US, _watched_last, address_of, ask_identity

from ...queryd.test_service import Door, door
from ..test_turns import served


@pytest.fixture(scope="module")
def merging() -> MergeEngines:
    return MergeEngines(1, 64 << 20)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, one_store: Path) -> Iterator[Door]:
    with door(tmp_path_factory.mktemp("door"), one_store) as made:
        yield made


def watched(store: Path) -> set[tuple[str, str]]:
    with ims.open(store) as telescope:
        return {(row["block"], row["prefix"]) for row in telescope.coverage().rows()}


def fault_of(sensor: RegisteredSensor, opened: Door, merging: MergeEngines) -> Fault:
    with pytest.raises(Fault) as caught:
        ask_identity(sensor, opened.anybody, merging)
    return caught.value


def test_a_sensor_says_who_it_is_whatever_it_was_thought_to_be(
    opened: Door, one_store: Path, merging: MergeEngines
) -> None:
    found = ask_identity(address_of(f"127.0.0.1:{opened.service.port}"), opened.anybody, merging)
    assert found.identity == opened.sensor.identity
    assert (found.identity.name, found.identity.role) == ("a", "sensor")
    assert set(found.blocks) == watched(one_store) != set()


def test_on_loopback_without_a_certificate_it_has_no_identity(one_store: Path, merging: MergeEngines) -> None:
    with served(one_store, 2) as (service, _, _):
        sensor = RegisteredSensor(name="a", address=f"127.0.0.1:{service.port}")
        found = ask_identity(sensor, None, merging)
    assert found.identity is None
    assert set(found.blocks) == watched(one_store)


def test_one_of_a_foreign_authority_is_told_from_one_whose_portal_is_foreign(
    opened: Door, one_store: Path, tmp_path: Path, merging: MergeEngines
) -> None:
    with door(tmp_path / "other", one_store) as foreign:
        fault = fault_of(address_of(f"127.0.0.1:{foreign.service.port}"), opened, merging)
    assert (fault.kind, fault.text) == ("certificate", "its certificate is of a foreign authority")


def test_who_speaks_no_tls_or_is_not_there_is_told_in_one_line(opened: Door, merging: MergeEngines) -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def answer() -> None:
            with contextlib.suppress(OSError), plain.accept()[0] as caller:
                caller.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
                caller.recv(1 << 16)

        talking = threading.Thread(target=answer)
        talking.start()
        sensor = address_of(f"127.0.0.1:{plain.getsockname()[1]}")
        fault = fault_of(sensor, opened, merging)
        talking.join()
    assert (fault.kind, fault.text) == ("garbage", "what answers there doesn't speak TLS")
    fault = fault_of(sensor, opened, merging)
    assert fault.kind == "unreachable"
    assert fault.text.startswith("it can't be reached") and fault.text.isprintable()


@pytest.mark.parametrize("address", ["", "192.0.2.1", "192.0.2.1:0", "192.0.2.1:65536", "a b:1", "http://a:1", "a\n:1"])
def test_what_is_no_address_is_refused_in_one_line(address: str) -> None:
    with pytest.raises(ValueError, match="address") as caught:
        address_of(address)
    assert str(caught.value).isprintable()


SHOWN = {"C/24": "C/24", "D/24": "D/24", "E\n\x1b[2JF": "E"}
PERIOD = st.tuples(st.sampled_from("ab"), st.sampled_from(list(SHOWN)), st.integers(0, 9))


@given(st.lists(PERIOD, max_size=12))
def test_a_block_that_was_watched_until_its_sensor_s_last_moment_is_watched_and_no_other(
    periods: list[tuple[str, str, int]],
) -> None:
    """Ends in halves of what is one moment."""
    rows: list[dict[str, object]] = [
        {"sensor": sensor, "block": block, "prefix": block, "until_us": end * SAME_MOMENT_US // 2}
        for sensor, block, end in periods
    ]
    lasting = {
        SHOWN[block]
        for sensor, block, end in periods
        if end + 2 >= max(other_end for other, _, other_end in periods if other == sensor)
    }
    assert _watched_last(rows) == tuple(sorted((name, name) for name in lasting))
