"""Payloads that hold a monitored address are told from others, rarely in error, and withheld where none could look."""

from __future__ import annotations

import ipaddress
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from ims.portal.metrics import PortalMetrics
from ims.portal.privacy.address_scan import AddressScan

from .test_address_kernels import BLOCK, DARK, WORDS, dotted, quote


@given(st.integers(0, 0xFFFFFFFF), st.lists(st.integers(0, 0xFFFFFFFF), max_size=20), st.integers(9, 32))
def test_monitored_says_what_ipaddress_says(address: int, others: list[int], bits: int) -> None:
    networks = [ipaddress.IPv4Network((other, bits), strict=False) for other in others]
    asked = [address, *others]
    expected = [any(ipaddress.IPv4Address(each) in network for network in networks) for each in asked]
    assert AddressScan(networks).monitored(np.array(asked, np.int64)).tolist() == expected


@given(st.lists(DARK | st.integers(0, (1 << 32) - 1)), st.sets(st.integers(0, (1 << 24) - 1), max_size=3))
def test_many_addresses_are_told_as_each_is(addresses: list[int], others: set[int]) -> None:
    networks = [BLOCK, *(ipaddress.IPv4Network((other << 8, 24)) for other in others)]
    expected = [any(ipaddress.IPv4Address(each) in network for network in networks) for each in addresses]
    assert AddressScan(networks).monitored(np.array(addresses, np.int64)).tolist() == expected


def test_without_prefixes_nothing_is_dark() -> None:
    assert not AddressScan([]).monitored(np.arange(3)).any()
    assert not AddressScan([]).which([b"198.51.100.7", b"\xc6\x33\x64\x07"]).any()


@pytest.mark.parametrize(("bits", "lowest", "highest"), [(24, 0, 5), (16, 35, 90), (8, 1930, 1985)])
def test_random_octets_are_withheld_as_rarely_as_documented(bits: int, lowest: int, highest: int) -> None:
    rng = random.Random(7)
    payloads = [rng.randbytes(1000) for _ in range(2000)]
    words = AddressScan([ipaddress.IPv4Network((0xC6336400, bits), strict=False)])
    assert lowest <= words.which(payloads).sum() <= highest


def test_of_large_blocks_only_quotes_may_be_withheld() -> None:
    rng = random.Random(7)
    block = ipaddress.IPv4Network("41.0.0.0/8")
    quotes, all_ = AddressScan([block], "quotes"), AddressScan([block])
    random_octets = [rng.randbytes(376) for _ in range(500)]
    assert all_.which(random_octets).mean() > 0.7
    assert quotes.which(random_octets).mean() < 0.02
    rest = rng.randbytes(3)
    assert quotes.holds(b"\0\0" + quote(0x29010203) + b"x")
    assert quotes.holds(b"Host: 41.1.2.3\r\n")
    assert not quotes.holds(b"\x29" + rest)
    assert all_.holds(b"\x29" + rest)


def test_hundreds_of_prefixes_are_searched_together() -> None:
    rng = random.Random(3)
    networks = [ipaddress.IPv4Network((rng.getrandbits(24) << 8, 24)) for _ in range(400)]
    words = AddressScan(networks)
    assert all(words.holds(dotted(int(network[9]))) for network in networks)
    assert all(words.holds(b"abc" + int(network[9]).to_bytes(4)) for network in networks)
    assert not words.holds(b"a plain text 1 2 3")


@given(st.binary(max_size=200))
def test_one_payload_is_judged_as_among_many(payload: bytes) -> None:
    others = [b"198.51.100", b".7", b"", b"\xc6\x33", b"\x64\x07"]
    assert WORDS.which([*others, payload, *others])[5] == WORDS.holds(payload)


def test_what_could_not_be_searched_is_withheld_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_words: object) -> None:
        raise IndexError("index out of bounds")

    metrics = PortalMetrics()
    words = AddressScan([BLOCK], failed=metrics.search_failed)
    monkeypatch.setattr("ims.portal.privacy.address_scan.scan", failing)
    with capture_logs() as said:
        assert words.which([b"hello", b"nothing here", b""]).tolist() == [True, True, True]
        assert words.holds(b"hello")
    assert metrics.registry.get_sample_value("ims_portal_failed_searches_total") == 2
    assert {line["event"] for line in said} == {"search failed"}
