"""Random filters over real and made packets: tcpdump and we choose the same packets."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ims.query.filter import parse
from ims.query.tree import Number
from ims.query.wire import from_json, to_json

from .judge import CAPTURES, Judge, captured, made

pytestmark = pytest.mark.skipif(not CAPTURES.is_dir(), reason=f"needs the real captures in {CAPTURES}")

one_of = st.sampled_from
ADDRESSES = ["10.0.0.1", "192.168.1.1", "1.2.3.4", "198.51.100.7", "0.0.0.0", "255.255.255.255", "192.168.116.149"]
NETS = ["10", "10.1", "192.168", "192.168.0.0/16", "0.0.0.0/0", "128.0.0.0/1", "192.168.1.1/32", "172.16.0.0/12",
        "10.0.0.0 mask 255.0.0.0", "0.0.1.0 mask 0.0.1.0", "1.2.3", "224.0.0.0/4"]  # fmt: skip
PORTS = ["80", "0", "65535", "53", "0x50", "http", "domain", "1434", "445", "22", "0x35"]
RANGES = ["1-1024", "0-65535", "1024-1", "80", "53-80", "ftp-http", "1023-1025"]
PROTOCOLS = ["tcp", "udp", "icmp", "igmp", "esp", "ah", "pim", "vrrp", "carp", "ip"]
NUMBERS = ["0", "1", "2", "0x12", "20", "40", "64", "255", "256", "0xffff", "65535", "0x80000000", "0xffffffff",
           "tcp-syn", "(tcp-syn|tcp-ack)", "icmp-echo", "017"]  # fmt: skip
ACCESSORS = [
    *(f"ip[{at}]" for at in (0, 1, 3, 6, 8, 9, 12, 16, 19)),
    *(f"ip[{at}:2]" for at in (0, 2, 4, 6, 8, 12, 14, 16)),
    *(f"ip[{at}:4]" for at in (0, 2, 4, 6, 12, 16)),
    *(f"tcp[{at}]" for at in ("0", "3", "5", "12", "13", "tcpflags", "14", "19")),
    *(f"tcp[{at}:2]" for at in (0, 2, 4, 8, 11, 12, 14, 18)),
    *(f"tcp[{at}:4]" for at in (0, 4, 6, 8, 12)),
    *(f"udp[{at}]" for at in ("0:2", "2:2", "4:2", "0:4", "1", "5", "2:4")),
    *(f"icmp[{at}]" for at in ("0", "1", "icmptype", "icmpcode", "0:2", "4:4", "4:2", "7")),
]  # fmt: skip


@st.composite
def primitive(draw):
    direction = draw(one_of(["", "", "src ", "dst ", "src or dst ", "src and dst ", "dst or src ", "dst and src "]))
    kind = draw(one_of(["host", "net", "port", "portrange", "protocol", "proto", "multicast"]))
    if kind == "host":
        return f"{draw(one_of(['', 'ip ']))}{direction}host {draw(one_of(ADDRESSES))}"
    if kind == "net":
        return f"{draw(one_of(['', 'ip ']))}{direction}net {draw(one_of(NETS))}"
    if kind == "port":
        return f"{draw(one_of(['', 'tcp ', 'udp ']))}{direction}port {draw(one_of(PORTS))}"
    if kind == "portrange":
        return f"{draw(one_of(['', 'tcp ', 'udp ']))}{direction}portrange {draw(one_of(RANGES))}"
    if kind == "protocol":
        return draw(one_of(PROTOCOLS))
    if kind == "proto":
        return f"{draw(one_of(['', 'ip ']))}proto {draw(one_of(['6', '17', '1', '47', '0', '255', 'gre']))}"
    return "ip multicast"


@st.composite
def bare(draw):
    """A predicate and ids that take its qualifiers."""
    kind, ids = draw(one_of([("port", PORTS), ("net", NETS[:8]), ("host", ADDRESSES)]))
    direction = draw(one_of(["", "src ", "dst "]))
    chosen = draw(st.lists(one_of(ids), min_size=2, max_size=3))
    joined = f" {draw(one_of(['or', 'and', '||']))} ".join(chosen)
    return f"{direction}{kind} ({joined})" if draw(st.booleans()) else f"{direction}{kind} {joined}"


OPERATORS = ["+", "-", "*", "&", "|", "^", "<<", ">>", "/ 3 +", "% 7) +"]


def calculated(left: str, operator: str, right: str, grouped: bool) -> str:
    if ")" in operator:  # `%` takes all that stands right of it, where a zero would be another story
        left = f"({left}"
    return f"({left} {operator} {right})" if grouped else f"{left} {operator} {right}"


# libpcap checks that a header is there for what stands left in arithmetic only, so right stand octets of IP.
ANYWHERE = [text for text in ACCESSORS if text.startswith("ip[")] + NUMBERS
right = st.recursive(
    one_of(ANYWHERE),
    lambda inner: st.builds(calculated, inner, one_of(OPERATORS), inner, st.just(True)),
    max_leaves=3,
)
values = one_of(ACCESSORS + NUMBERS) | st.builds(
    calculated, one_of(ACCESSORS + NUMBERS), one_of(OPERATORS), right, st.booleans()
)
comparison = st.builds(
    lambda left, operator, right: f"{left} {operator} {right}",
    values, one_of(["=", "==", "!=", "<", "<=", ">", ">="]), one_of(NUMBERS) | values,
)  # fmt: skip
leaves = primitive() | bare() | comparison
filters = st.recursive(
    leaves,
    lambda inner: (
        st.builds("{} {} {}".format, inner, one_of(["and", "or", "&&", "||"]), inner)
        | st.builds("{}({})".format, one_of(["", "not ", "!", "not not "]), inner)
        | st.builds("not {}".format, inner)
    ),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    return Judge(tmp_path_factory.mktemp("judge") / "judged.pcap", captured() + made(4000))


@given(filters)
@settings(max_examples=250, suppress_health_check=list(HealthCheck))
def test_any_filter_chooses_what_tcpdump_chooses(judge: Judge, text: str) -> None:
    refused = refused_by_us(text)
    if refused is not None:
        judge_refusal(judge, text, refused)
        return
    try:
        difference = judge.differ(text)
    except AssertionError:  # tcpdump refuses it; ours is then an extension, such as a constant too large
        difference = None
    assert difference is None, difference


def refused_by_us(text: str) -> str | None:
    try:
        parse(text)
    except ValueError as error:
        return str(error)
    return None


def judge_refusal(judge: Judge, text: str, why: str) -> None:
    """What we refuse tcpdump refuses too, but for what isn't stored."""
    try:
        judge.tcpdump(text)
    except AssertionError:
        return
    assert "stored" in why, (text, why)


@given(filters)
@settings(max_examples=200)
def test_a_tree_s_text_and_json_are_the_same_tree(text: str) -> None:
    if refused_by_us(text) is not None:
        return
    tree = parse(text)
    assert parse(str(tree)) == tree
    assert from_json(to_json(tree)) == tree


def test_the_judge_sees_a_difference(judge: Judge) -> None:
    """A judge that never objects would be none."""
    ours = judge.ours("tcp")
    assert ours == judge.tcpdump("tcp")
    assert ours != judge.tcpdump("udp")
    assert 0 < len(ours) < len(judge.packets)
    assert Number(1) == Number(1)
