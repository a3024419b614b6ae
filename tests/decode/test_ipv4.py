"""IPv4 headers: those whose options aren't all there are kept, broken ones aren't."""

from __future__ import annotations

import pytest

from ims.records import IP_WRONG

from .makers import decoded, ip


@pytest.mark.parametrize("cut", [20, 21, 24, 59])
@pytest.mark.parametrize("protocol", [6, 17, 1, 132, 47])
def test_ip_options_may_be_cut(cut: int, protocol: int) -> None:
    [row], counters = decoded([ip(protocol, bytes(20), options=40)], 101, cut=cut)
    assert (row["ip_header_length"], row["protocol"], row["truncated"], row["raw"]) == (60, protocol, 1, 1)
    assert (row["checksum"] & IP_WRONG, row["payload"], row["source_port"]) == (0, None, None)
    assert counters["stored"] == counters["truncated"] == 1


def test_ip_options_may_be_claimed_only() -> None:
    [row], counters = decoded([ip(6, b"", options=40)[:24]], 101)
    assert (row["ip_header_length"], row["truncated"], counters["stored"]) == (60, 0, 1)
    assert decoded([ip(6, b"", options=40)[:19]], 101)[1]["malformed"] == 1


def test_a_later_fragment_cut_in_its_ip_options_has_no_payload() -> None:
    [row], counters = decoded([ip(6, bytes(40), options=40, fragment=5)], 101, cut=30)
    assert (row["payload"], row["payload_length"], row["ip_header_length"]) == (None, 0, 60)
    assert counters == {"frames": 1, "stored": 1, "fragments": 1, "truncated": 1}
