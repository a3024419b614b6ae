"""Random filters over real and made packets: tcpdump and we choose the same packets, one by one."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ims.query.language.filter import FilterError, parse
from ims.query.language.json_codec import from_json, to_json

from ...effort import examples
from ...stores import needs_captures
from ..judge import Judge, RefusedError, captured, made

pytestmark = needs_captures

Text = st.SearchStrategy[str]
one_of = st.sampled_from
PROTOCOLS = ["tcp", "udp", "icmp", "igmp", "igrp", "esp", "ah", "pim", "vrrp", "carp", "sctp", "ip", "ip6", "arp", "rarp", "icmp6",
             "ip multicast", "ip6 multicast"]  # fmt: skip
DIRECTIONS = ["", "src", "dst", "src or dst", "dst or src", "src and dst", "dst and src", "src || dst", "dst&&src"]
ADDRESSES = [
    "10.0.0.1",
    "192.168.1.1",
    "1.2.3.4",
    "198.51.100.7",
    "0.0.0.0",
    "255.255.255.255",
    "192.168.116.149",
    "10.0",
    "192.168.1",
]
NETS = ["10", "10.1", "192.168", "192.168.0.0/16", "192.168/16", "0.0.0.0/0", "128.0.0.0/1", "192.168.1.1/32", "172.16.0.0/12", "1.2.3",
        "10.0.0.0 mask 255.0.0.0", "0.0.1.0 mask 0.0.1.0", "192.168.0.0 mask 255.255", "224.0.0.0/4", "10.0.0.0/0x8", "10.0.0.0/010",
        "0xa", "2561", "0", "10.1.0.0/8"]  # fmt: skip
PORTS = ["80", "0", "65535", "53", "0x50", "0120", "1434", "445", "22", "http", "domain", "ssh", "https", "ntp", "snmp", "\\http",
         "65536", "1-10", "089"]  # fmt: skip
RANGES = ["1-1024", "0-65535", "1024-1", "53-80", "1023-1025", "010-0100", "80", "http", "ftp-http", "http-80", "domain-http", "ntp-80",
          "1-99999"]  # fmt: skip
NUMBERED = [
    "6",
    "17",
    "1",
    "47",
    "0",
    "255",
    "0x11",
    "gre",
    "esp",
    "\\tcp",
    "\\udp",
    "\\icmp",
    "\\igmp",
    "tcp",
    "ospf",
    "foo",
]
IDS = {"host": ADDRESSES, "": ADDRESSES, "net": NETS, "port": PORTS, "portrange": RANGES, "proto": NUMBERED}
HEADS = {"host": ["", "ip", "arp"], "": ["", "ip"], "net": ["", "ip", "rarp"], "port": ["", "tcp", "udp", "sctp"], "portrange": ["", "tcp", "udp", "sctp"],
         "proto": ["", "ip", "ip6"]}  # fmt: skip
NUMBERS = ["0", "1", "2", "5", "0x12", "017", "20", "31", "40", "64", "255", "256", "0xffff", "65535", "0x80000000", "4294967295", "4294967296",
           "tcp-syn", "(tcp-syn|tcp-ack)", "icmp-echo", "tcp-cwr", "- 1", "-1", "(64)"]  # fmt: skip
IP = [f"ip[{at}]" for at in (
    "0", "1", "2", "3", "4", "6", "7", "8", "9", "12", "13", "16", "19", "0:2", "1:2", "2:2", "4:2", "5:2", "6:2", "8:2", "12:2", "14:2", "16:2",
    "0:4", "2:4", "3:4", "4:4", "6:4", "12:4", "14:4", "16:4", "4+4", "2+2*5:4", "9 - 1", "0x8", "010", "8:1", "icmptype",
)]  # fmt: skip
ABOVE = [
    *(f"tcp[{at}]" for at in ("0", "3", "5", "12", "13", "tcpflags", "14", "19", "0:2", "2:2", "4:2", "8:2", "11:2", "12:2", "14:2", "18:2",
                              "0:4", "4:4", "5:4", "6:4", "8:4", "12:4")),
    *(f"udp[{at}]" for at in ("0:2", "2:2", "3:2", "4:2", "0:4", "2:4", "1", "5")),
    *(f"icmp[{at}]" for at in ("0", "1", "icmptype", "icmpcode", "0:2", "4:2", "6:2", "4:4", "7")),
]  # fmt: skip
AND_OR = [" and ", " or ", " && ", " || ", "&&", "||", "\tand\n"]
NOT = ["not ", "!", "! ", "not not "]


@st.composite
def ids(draw: st.DrawFn, kind: str) -> str:
    """One id, or several in parentheses."""
    if draw(st.integers(0, 3)):
        return draw(one_of(IDS[kind]))
    several = [draw(one_of(["", "", "not ", "!"])) + draw(one_of(IDS[kind])) for _ in range(draw(st.integers(1, 3)))]
    return f"({several[0]}{''.join(draw(one_of(AND_OR[:4])) + other for other in several[1:])})"


@st.composite
def qualified(draw: st.DrawFn) -> str:
    """Qualifiers and an id, and perhaps ids alone, which take its qualifiers."""
    kind = draw(one_of(sorted(IDS)))
    direction = draw(one_of(DIRECTIONS)) if kind != "proto" else ""
    protocol = draw(one_of(HEADS[kind]))
    words = [protocol, direction, kind or ("" if direction else "host")]
    found = draw(one_of([" ", " ", "\t"])).join([word for word in words if word] + [draw(ids(kind))])
    while not draw(st.integers(0, 2)):
        found += draw(one_of(AND_OR[:4])) + draw(one_of(["", "", "not "])) + draw(one_of(IDS[kind]))
    return found


def operation(left: str, operator: str, right: str, space: str, grouped: bool) -> str:
    if operator in "-&|":
        space = " "  # `tcp-syn-1` is a name, `&&` and `||` are others
    if operator == "%":  # takes all that stands right of it
        return f"(({left}) % {right})"
    found = f"{left}{space}{operator}{space}{right}"
    return f"({found})" if grouped else found


def calculated(left: Text, right: Text) -> Text:
    return st.builds(
        operation, left, one_of([*"+-*/%&|^", "<<", ">>"]), right, one_of([" ", ""]), st.booleans(),
    )  # fmt: skip


# In arithmetic tcpdump makes sure that there is a header only for what stands leftmost: right of it stand octets of IP.
anywhere = st.recursive(one_of(IP) | one_of(NUMBERS), lambda inner: calculated(inner, inner), max_leaves=3).map(
    "({})".format
)
values = st.one_of(
    one_of(IP), one_of(ABOVE), one_of(NUMBERS), calculated(one_of(IP + ABOVE), one_of(NUMBERS)),
    calculated(one_of(IP + ABOVE) | st.builds("- {}".format, one_of(IP)), anywhere | one_of(IP)),
)  # fmt: skip
relations = st.builds(
    "{}{}{}{}".format, values, one_of([" = ", " == ", " != ", " < ", " <= ", " > ", " >= ", "=", "!=", "<", ">="]), one_of(["", "", " "]),
    one_of(NUMBERS) | values,
)  # fmt: skip
filters = st.recursive(
    one_of(PROTOCOLS) | qualified() | qualified() | relations | relations,
    lambda inner: (
        st.builds("{}{}{}".format, inner, one_of(AND_OR), inner)
        | st.builds("({}){}{}".format, inner, one_of(AND_OR), inner)
        | st.builds("{}({})".format, one_of(["", *NOT]), inner)
        | st.builds("{}{}".format, one_of(NOT), inner)
    ),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    return Judge(tmp_path_factory.mktemp("judge") / "judged.pcap", captured() + made(4000), flags=["-O"])


OURS_ONLY = ("syntax error", "unknown port", "unknown ip proto")
"""What tcpdump says of what only we take, such as `tcp or 10.0.0.1`, `port ((80 or 443))`, `proto tcp`, services with a dash."""
THEIRS_ONLY = ("stored", "shift by more than 31 bits", "division by zero")
"""What we say of what only tcpdump takes: it looks for wrong constants only where any packet comes."""
FIRST = ("shift by more than 31 bits", "division by zero", "modulus by zero")
"""tcpdump looks at the first number of a right side only: it takes `1 << 40 / ip[8]` for a shift by 40."""


def compared(judge: Judge, text: str) -> str:
    """How a filter was compared; a difference fails."""
    try:
        tree = parse(text)
    except FilterError as error:
        try:
            judge.tcpdump(text)
        except RefusedError:
            return "refused by both"
        assert any(why in str(error) for why in THEIRS_ONLY), (text, str(error))
        return "tcpdump only"
    try:
        difference = judge.differ(text)
    except RefusedError as refused:
        if any(why in str(refused) for why in FIRST):
            return "ours only"
        assert any(why in str(refused) for why in OURS_ONLY), (text, str(refused))
        # What only we can read means what we say it means.
        assert judge.differ(text, str(tree)) is None, text
        return "ours only"
    assert difference is None, difference
    return "same"


@given(filters)
@settings(max_examples=examples(300, 60), suppress_health_check=list(HealthCheck))
def test_any_filter_chooses_what_tcpdump_chooses(judge: Judge, text: str) -> None:
    compared(judge, text)


@given(filters)
@settings(max_examples=examples(60, 12), suppress_health_check=list(HealthCheck))
def test_what_a_tree_says_of_itself_means_the_same_to_tcpdump(judge: Judge, text: str) -> None:
    try:
        tree = parse(text)
    except FilterError:
        return
    assert parse(str(tree)) == tree
    assert from_json(to_json(tree)) == tree
    try:
        difference = judge.differ(str(tree))
    except RefusedError as refused:
        assert any(why in str(refused) for why in FIRST), (text, str(tree), str(refused))
        return
    assert difference is None, (text, difference)


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("tcp port 80 or 443 and not src net 10", "same"),
        ("port 80 or (host 1.2.3.4 and tcp) or 443", "same"),
        ("tcp or udp and port 53", "same"),
        ("ip[8] - 1 - 1 = 62", "same"),
        ("ip[8] % 7 + 4 = 1", "same"),
        ("not tcp[13] & 2 != 0", "same"),
        ("tcp or 10.0.0.1", "ours only"),
        ("10.0.0.1", "ours only"),
        ("port ((80 or 443))", "ours only"),
        ("proto tcp", "ours only"),
        ("portrange ftp-data-80", "ours only"),
        ("1 << 40 / ip[2:2] = 1", "ours only"),
        ("tcp[13] << - 1 = icmp[0]", "tcpdump only"),
        ("ip[8] << - 1 = 0", "tcpdump only"),
        ("sctp port 80", "same"),
        ("sctp port http", "refused by both"),
        ("ip[10:2] != 0", "tcpdump only"),
        ("vlan and tcp", "tcpdump only"),
        ("greater 100", "tcpdump only"),
        ("src proto 6", "refused by both"),
        ("net 10.1.0.0/8", "refused by both"),
        ("port 65536", "refused by both"),
        ("udp port http", "refused by both"),
        ("host 10.0.0.0/8", "refused by both"),
        ("tcp and", "refused by both"),
        ("tcp[13:3] = 1", "refused by both"),
        ("ip[8] / 0 = 1", "refused by both"),
    ],
)
def test_what_only_one_of_both_takes_is_known(judge: Judge, text: str, how: str) -> None:
    assert compared(judge, text) == how


def test_most_random_filters_are_compared(judge: Judge) -> None:
    """A generator of nothing but errors would prove nothing."""
    found: list[str] = []

    @given(filters)
    @settings(max_examples=examples(100, 20), database=None, suppress_health_check=list(HealthCheck))
    def collect(text: str) -> None:
        found.append(compared(judge, text))

    collect()
    assert found.count("same") > len(found) // 2, found


def test_the_judge_sees_a_difference(judge: Judge) -> None:
    """A judge that never objects would be none."""
    assert len(judge.packets) > 5000
    ours = judge.ours("tcp")
    assert ours == judge.tcpdump("tcp")
    assert ours != judge.tcpdump("udp")
    assert 0 < len(ours) < len(judge.packets)
    judge_of_others = object.__new__(Judge)
    judge_of_others.__dict__ = judge.__dict__ | {"tcpdump": lambda text: judge.tcpdump("tcp port 80")}
    assert "packet" in (judge_of_others.differ("port 80") or "")
