"""Octets by bin: of packets as a pcap file of them has them, of payloads, and of files as they lie on the disk."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

import ims
from ims.packet.ipv4 import HEADER
from ims.telescope import Telescope

from ...shared import shared
from ...stores import MIDNIGHT, ingest, udp, write_pcap

HOUR_NS = 3600 * 10**9
PACKETS = 600


def packets() -> list[tuple[int, bytes]]:
    choose = random.Random(4)
    payloads = [choose.randbytes(choose.randrange(200)) for _ in range(20)] + [b""] * 10
    found = []
    for number in range(PACKETS):
        at = MIDNIGHT + 22 * HOUR_NS + number * 4 * HOUR_NS // PACKETS  # over midnight
        found.append((at, udp(1 << 24, 0xC6336400 + number % 256, 53, choose.choice(payloads))))
    return found


def make(folder: Path) -> None:
    ingest(folder / "STORE", write_pcap(folder / "x.pcap", packets()))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared(tmp_path_factory, "storage", make) / "STORE"


@pytest.fixture
def telescope(store: Path) -> Iterator[Telescope]:
    with ims.open(store) as telescope:
        yield telescope


def test_each_hour_s_octets_are_those_that_came(telescope: Telescope) -> None:
    rows = telescope.storage(bin="1h").rows()
    assert len(rows) == 4
    for hour, row in enumerate(rows, 22):
        came = [packet for at, packet in packets() if (at - MIDNIGHT) // HOUR_NS == hour]
        payloads = [packet[HEADER + 8 :] for packet in came if len(packet) > HEADER + 8]
        assert (row["packets"], row["bytes"]) == (len(came), sum(map(len, came)))
        assert (row["payloads"], row["payload_bytes"]) == (len(payloads), sum(map(len, payloads)))
        assert (row["truncated"], row["stored_packets"]) == (0, len(came))


@pytest.mark.parametrize("day", [0, 1])
def test_each_payload_counts_once_a_day(day: int, telescope: Telescope) -> None:
    row = telescope.storage(bin="1d").rows()[day]
    came = [packet for at, packet in packets() if (at - MIDNIGHT) // (24 * HOUR_NS) == day]
    different = {packet[HEADER + 8 :] for packet in came} - {b""}
    assert (row["new_payloads"], row["new_bytes"]) == (len(different), sum(map(len, different)))


def test_the_files_octets_are_those_on_the_disk(store: Path, telescope: Telescope) -> None:
    on_disk = sum(path.stat().st_size for path in store.rglob("*.parquet") if "coverage" not in str(path))
    assert sum(row["stored_bytes"] for row in telescope.storage(bin="1h").rows()) == on_disk
    [one] = telescope.storage(bin="1w").rows()
    assert one["stored_bytes"] == on_disk


def test_a_filter_and_a_part_of_an_hour_leave_files_as_they_are(telescope: Telescope) -> None:
    whole = telescope.storage(bin="1h").rows()
    none = telescope.storage("tcp", bin="1h").rows()
    assert [(row["packets"], row["stored_bytes"]) for row in none] == [(0, row["stored_bytes"]) for row in whole]
    part = telescope.storage(bin="1h", since="2026-03-04T22:30", until="2026-03-04T23:00").rows()
    assert [row["stored_packets"] for row in part] == [whole[0]["packets"]]
    assert 0 < part[0]["packets"] < whole[0]["packets"]


def test_a_pcap_of_it_has_as_many_octets_as_follow_from_it(tmp_path: Path, telescope: Telescope) -> None:
    telescope.export(tmp_path / "x.pcap", "pcap")
    rows = telescope.storage().rows()
    assert (tmp_path / "x.pcap").stat().st_size == 24 + sum(16 * row["packets"] + row["bytes"] for row in rows)


def test_of_no_packets_there_is_nothing(telescope: Telescope) -> None:
    assert telescope.storage(since="2020-01-01", until="2020-01-02").rows() == []
