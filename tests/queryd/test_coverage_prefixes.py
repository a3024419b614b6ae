"""What a store has ever watched: from its coverage, in few prefixes."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.queryd import coverage_prefixes
from ims.queryd.coverage_prefixes import CoveragePrefixes, few
from ims.store.reader import open_store

from ..stores import MIDNIGHT, ingest, udp, write_pcap

networks = st.builds(
    lambda number, bits: ipaddress.IPv4Network((number >> (32 - bits) << (32 - bits), bits)),
    st.integers(0, 2**32 - 1), st.integers(1, 32),
)  # fmt: skip


@given(st.lists(networks, max_size=60), st.integers(1, 20))
def test_few_prefixes_hold_every_address(prefixes: list[ipaddress.IPv4Network], most: int) -> None:
    found = few(prefixes, most)
    assert len(found) <= most
    assert all(any(prefix.subnet_of(wider) for wider in found) for prefix in prefixes)
    exact = list(ipaddress.collapse_addresses(prefixes))
    if len(exact) <= most:
        assert found == exact


def test_each_block_of_any_time_is_told_and_each_file_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    prefixes = coverage_prefixes._prefixes
    monkeypatch.setattr(coverage_prefixes, "_prefixes", lambda file: read.append(file) or prefixes(file))
    watched, said = CoveragePrefixes(), []
    for day, network in enumerate(("198.51.100", "192.0.2", "203.0.113")):
        to = int(ipaddress.IPv4Address(f"{network}.7"))
        capture = write_pcap(tmp_path / f"{day}.pcap", [(MIDNIGHT + day * 86_400_000_000_000, udp(0x18000001, to, 53))])
        ingest(tmp_path / "STORE", capture, blocks=[f"{network}={network}.0/24"])
        with open_store(tmp_path / "STORE") as store:
            said.append(watched.of(store))
            assert watched.of(store) is said[-1]
    assert said == [
        ("198.51.100.0/24",), ("192.0.2.0/24", "198.51.100.0/24"),
        ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"),
    ]  # fmt: skip
    assert len(read) == len(set(read)) == 3
