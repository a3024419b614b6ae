"""Each port of each block has the policy that was written for it, what can't be is refused in one line, and some sources
never get a reply."""

from __future__ import annotations

import ipaddress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.darknet import Block, Darknet
from ims.membership import block_of
from ims.respond.policy import POLICIES, PORTS, never_answered, policies, ports_of, row_of

from ..decode.makers import ethernet, icmp
from .answers import ACK, RST, SYN, Desk, read, segment

DARK = Darknet(
    Block.parse(text) for text in ("C=198.51.100.0/24", "A=203.0.113.0/25", "B=203.0.113.128/25", "A=192.0.2.0/24")
)


def test_policies_by_port() -> None:
    desk = Desk({"80": "silent", "81-90": "reset", "default": "synack"})
    replies = [
        desk.answer(segment(SYN, ports=1025 << 16 | port)) for port in (79, 80, 81, 90, 91)
    ]  # fmt: skip
    found = [read(some[0]).flags if some else None for some in replies]
    assert found == [SYN | ACK, None, RST | ACK, RST | ACK, SYN | ACK]


@pytest.mark.parametrize(
    "source",
    ["0.0.0.0", "0.1.2.3", "127.0.0.1", "169.254.1.1", "224.0.0.1", "239.1.2.3", "240.0.0.1", "255.255.255.255",
     "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "198.51.100.200", "203.0.113.9"],
)  # fmt: skip
def test_sources_that_get_no_reply(source: str) -> None:
    number = int.from_bytes(bytes(int(part) for part in source.split(".")), "big")
    desk = Desk(exclude=["203.0.113.0/24"], echo=True)
    assert desk.answer(segment(SYN, source=number), ethernet(icmp(8, source=number))) == []
    assert desk.filled == 2
    private = Desk(exclude=["203.0.113.0/24"], private=True).answer(segment(SYN, source=number))
    assert bool(private) == source.startswith(("10.", "172.", "192.168."))


@given(st.integers(0, PORTS - 1), st.integers(0, PORTS - 1))
def test_ports_are_one_or_a_range_with_both_ends(first: int, last: int) -> None:
    assert ports_of(f"{first}") == ports_of(f" {first} ") == range(first, first + 1)
    if first <= last:
        assert list(ports_of(f"{first}-{last}"))[:: max(1, last - first)] == sorted({first, last})
    else:
        with pytest.raises(ValueError, match=rf"ports '{first}-{last}': .* the lower first"):
            ports_of(f"{first}-{last}")


@pytest.mark.parametrize(
    "text", ["", "-", "80-", "-80", "http", "1-2-3", "80,81", "1.5", "65536", "-1", "0-65536", "80\n-"]
)
def test_what_is_no_port_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"^ports ") as refusal:
        ports_of(text)
    assert "\n" not in str(refusal.value)


@given(st.dictionaries(st.integers(0, 99), st.sampled_from(POLICIES), max_size=9), st.sampled_from([None, *POLICIES]))
def test_a_port_has_the_policy_written_for_it_or_the_default(written: dict[int, str], default: str | None) -> None:
    """Hundreds of ports each, from 600 times a number on."""
    table = {f"{number * 600}-{number * 600 + number}": policy for number, policy in written.items()}
    row = row_of(table | ({} if default is None else {"default": default}))
    expected = [default or "ack"] * PORTS
    for number, policy in written.items():
        expected[number * 600 : number * 600 + number + 1] = [policy] * (number + 1)
    assert [POLICIES[number] for number in row.tolist()] == expected


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        ("open", "policy 'open'"), ({"80": "open"}, "policy 'open'"), ({"default": "x"}, "policy 'x'"),
        ({"80": "ack", "1-100": "reset"}, "ports 1-100 have two policies"),
        ({"80": "ack", "80-80": "ack"}, "ports 80-80 have two policies"),
    ],
)  # fmt: skip
def test_a_policy_that_cannot_be_is_refused(policy: str | dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        row_of(policy)


def test_blocks_share_a_row_where_their_ports_are_alike_and_echo_by_name() -> None:
    made = policies(DARK, {"A": "reset", "B": {"default": "reset"}, "C": {"80": "silent"}}, ["B"])
    assert DARK.names == ("A", "C", "B")
    assert made.row[0] == made.row[2] != made.row[1]
    assert made.table.shape == (2, PORTS)
    assert made.echo.tolist() == [0, 0, 1]
    silent = POLICIES.index("silent")
    assert np.flatnonzero(made.table[made.row[1]] == silent).tolist() == [80]


NO_HOST = ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3")
EXCLUDED = ipaddress.IPv4Network("198.51.101.0/24")


@given(st.booleans(), st.integers(0, 2**32 - 1))
def test_who_never_gets_an_answer_is_who_ipaddress_says_is_no_host(private: bool, drawn: int) -> None:
    ranges = never_answered(DARK, private, [EXCLUDED])
    networks = [*map(ipaddress.IPv4Network, NO_HOST), EXCLUDED, *(block.prefix for block in DARK.blocks)]
    if not private:
        networks += map(ipaddress.IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
    ends = [int(end) + by for network in networks for end in (network[0], network[-1]) for by in (-1, 0, 1)]
    for number in {drawn, *(end for end in ends if 0 <= end < 2**32)}:
        address = ipaddress.IPv4Address(number)
        assert (block_of(number, ranges) >= 0) == any(address in network for network in networks)
    assert (np.diff(ranges.first.astype(np.int64)) > 0).all()
    assert (ranges.last[:-1] < ranges.first[1:]).all()
