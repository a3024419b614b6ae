"""Filters that can't be read: what is said and where; hostile ones; trees as JSON and as text."""

# ruff: noqa: RUF001  letters and digits that only look like ours are what is tested

from __future__ import annotations

import contextlib
import copy
import json
import os
import pty
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ims.query import fields, names
from ims.query.arithmetic import MASK32, OPERATORS
from ims.query.filter import LONGEST, FilterError, from_json, parse, point, to_json
from ims.query.tree import (
    DEEPEST,
    FLAGS,
    MOST_TERMS,
    RELATIONS,
    And,
    Arithmetic,
    Compare,
    Contains,
    Has,
    Named,
    Net,
    Not,
    Nothing,
    Number,
    Octets,
    Or,
    Port,
    Protocol,
    Signature,
)
from ims.records import CATEGORIES

from ..effort import examples
from ..stores import IMS, cli

WRONG = [
    # Words: the misspelt one is blamed, and the nearest offered.
    ("^tpc", "'tpc' can't stand here; meant tcp?"),
    ("^prt 80", "'prt' can't stand here; meant port?"),
    ("^Port 80", "meant port?"),
    ("^TCP", "'TCP' can't stand here; wanted a condition such as"),
    ("^port80", "meant port?"),
    ("tcp ^port80", "meant port?"),
    ("host 1.2.3.4 or ^prt 80", "meant port?"),
    ("tcp and ^foo", "'foo' can't stand here; wanted a condition such as"),
    ("not ^foo", "'foo' can't stand here"),
    ("(^foo)", "'foo' can't stand here"),
    ("^\\tcp", "meant tcp?"),
    ("^gre", "meant proto gre?"),
    ("fragment and new and ^paylod", "meant payload?"),
    ("^paylod contains 'x'", "meant payload?"),
    ("payload ^contain 'x'", "meant contains?"),
    ("tcp ^AND udp", "'AND' can't stand here; wanted and, or,"),
    # What stands where it can't.
    ("^", "it ends here; wanted a condition such as"),
    ("^ ", "it ends here"),
    ("^or tcp", "'or' can't stand here"),
    ("tcp or^", "it ends here; wanted a condition such as"),
    ("tcp or^  ", "it ends here"),
    ("tcp and ^and udp", "'and' can't stand here"),
    ("tcp ^udp", "wanted and, or, src, dst, host, net, port, portrange, proto, multicast, '[' or the end"),
    ("not^", "it ends here"),
    ("(tcp^", "it ends here; wanted and, or or ')'"),
    ("tcp^)", "')' can't stand here; wanted and, or or the end"),
    ("(^)", "')' can't stand here; wanted a condition"),
    ("port (^)", "')' can't stand here; wanted a number, a name or an address"),
    ("tcp^; udp", "';' can't stand here"),
    ("port 80^, 443", "',' can't stand here; wanted and, or or the end"),
    ("port 80 ^443", "'443' can't stand here"),
    ("port 80^/tcp", "'/' can't stand here"),
    ("host 1.2.3.4^:80", "':' can't stand here"),
    ("dst port ^!= 80", "'!' can't stand here; wanted a number"),
    ("port ^< 1024", "'<' can't stand here; wanted a number"),
    ("tcp ^= 6", "'=' can't stand here"),
    ("tcp ^& udp", "'&' can't stand here; wanted and, or"),
    ("category scan ^= 1", "'=' can't stand here; wanted and, or or the end"),
    ("category scan ^udp", "'udp' can't stand here"),
    ("new ^payload", "'payload' can't stand here; wanted and, or or the end"),
    ("fragment ^= 1", "'=' can't stand here"),
    # Ids and qualifiers.
    ("^80", "'80' can't stand alone; wanted host, net or port before it"),
    ("tcp or ^10.0.0.0/8", "'10.0.0.0' can't stand alone"),
    ("port 80 or^", "it ends here"),
    ("src^", "it ends here; wanted and, or, host, net, port, portrange, proto, a number, a name or an address"),
    ("src or^", "it ends here; wanted dst"),
    ("src and ^udp", "'udp' can't stand here; wanted dst"),
    ("port ^htp", "no service 'htp' is known; meant http?"),
    ("port 80 or ^htp", "no service 'htp' is known; meant http?"),
    ("port ^65536", "65536 is no port; wanted 0 to 65535"),
    ("port ^4294967296", "'4294967296' is more than 32 bits"),
    ("port ^08", "'08' is no number: a leading 0 means octal"),
    ("port ^0x", "no service '0x' is known; wanted a number"),
    ("port ^1_000", "no service '1_000' is known"),
    ("port ^1-10", "'1-10' is a range of ports; meant portrange?"),
    ("port ^1.2.3.4", "'1.2.3.4' is no port; for an address put host before it"),
    ("portrange ^1-70000", "70000 is no port"),
    ("portrange 1^-", "'-' can't stand here"),
    ("portrange ^-1", "'-1' can't stand here; wanted a number"),
    ("portrange 80^:90", "':' can't stand here"),
    ("portrange ^a-b", "'a-b' is no range of ports; wanted one such as 1-1024"),
    ("udp port ^http", "port 'http' is tcp, not udp"),
    ("^icmp port 80", "'icmp' doesn't go with port"),
    # An unknown word is blamed, not what a parser trips over behind it.
    ("tcp dst ^prot 80", "'prot' can't stand here; meant port?"),
    ("tcp ^prot 80", "'prot' can't stand here; meant port?"),
    ("src or dst ^prot 80", "'prot' can't stand here; meant port?"),
    ("tcp dst ^ports 80", "'ports' can't stand here; meant port?"),
    ("src ^hots 10.0.0.1", "'hots' can't stand here; meant host?"),
    ("host ^exampel 80", "'exampel' is no address, and names aren't looked up"),
    ("port ^htp 80", "no service 'htp' is known; meant http?"),
    ("^foo and port 80 )", "'foo' can't stand here; wanted a condition"),
    ("(tcp or ^updp) and port (", "'updp' can't stand here; meant udp?"),
    ("tcp[^tcpflgas] & tcp-syn != 0 and", "no number 'tcpflgas' is known; meant tcpflags?"),
    ("category ^scna and (", "no category 'scna' is known; meant scan?"),
    ("sensor nobody and tcp dst ^prt 80", "'prt' can't stand here; meant port?"),
    ("proto ^tpc 80", "no protocol 'tpc' is known; meant tcp?"),
    ("payload contains 'unknown words' ^adn tcp", "'adn' can't stand here; meant and?"),
    ("portrange ftp-http ^80", "'80' can't stand here; wanted and, or or the end"),
    ("^icmp portrange 1-2", "'icmp' doesn't go with portrange"),
    ("^tcp host 1.2.3.4", "'tcp' doesn't go with host"),
    ("^udp net 10", "'udp' doesn't go with net"),
    ("^src proto 6", "a direction goes with host, net or port, not proto"),
    ("^src or dst proto 6", "a direction goes with host, net or port, not proto"),
    ("proto ^256", "no IP protocol '256' is known; wanted 0 to 255, or one of icmp, igmp"),
    ("proto ^icmpp", "no IP protocol 'icmpp' is known; meant icmp?"),
    ("host ^example.com", "'example.com' is no address, and names aren't looked up; wanted one such as 198.51.100.7"),
    ("host ^1.2.3.256", "'1.2.3.256' is no IPv4 address: a part is over 255"),
    ("host ^1.2.3.4.5", "is no address"),
    ("host ^10.0.0.0/8", "a mask goes with net, not host; meant net?"),
    ("host ^::1", "':' can't stand here"),
    ("net 10.0.0.0/^33", "a prefix has at most 32 bits; found 33"),
    ("net ^10.1.0.0/8", "non-network bits set in 10.1.0.0; meant net 10.0.0.0/8?"),
    ("net ^10.1.0.0 mask 255.0.0.0", "non-network bits set in 10.1.0.0; meant net 10.0.0.0/8?"),
    ("net 10.0.0.0/8^/8", "'/' can't stand here"),
    ("net 10.0.0.0 mask ^8", "'8' can't stand here; wanted an address"),
    # Numbers.
    ("^tcp[13]", "this is a number; wanted a comparison, such as ip[8] < 10"),
    ("^ttl", "this is a number"),
    ("tcp[^", "it ends here; wanted a number"),
    ("tcp[13^", "it ends here; wanted ':' or ']'"),
    ("tcp[13] =^", "it ends here; wanted a number"),
    ("tcp[13:^3] = 1", "data size must be 1, 2 or 4"),
    ("^tcp[20] = 1", "these octets aren't stored as columns; those that are: ip[0 to 9, 12 to 19], tcp["),
    ("tcp and ^ip[10] = 1", "these octets aren't stored"),
    ("^ip[-1] = 1", "these octets aren't stored"),
    ("^ip[ip[0]] = 1", "these octets aren't stored"),
    ("^ip6[0] = 1", "these octets aren't stored"),
    ("tcp[^tcpflag] & 2 != 0", "no number 'tcpflag' is known; meant tcpflags?"),
    ("tcp[tcpflags] & ^tcp-snc != 0", "no number 'tcp-snc' is known; meant tcp-syn?"),
    ("ttl < ^foo", "no number 'foo' is known; wanted one such as 80, 0x1f or tcp-syn"),
    ("ip[0] = ^0b1", "no number '0b1' is known; wanted one such as 80"),
    ("^5-3 = 2", "no number '5-3' is known; put spaces around '-'"),
    ("ip[0] ^/ 0 = 1", "division by zero"),
    ("1 ^% 0 = 1", "division by zero"),
    ("ip[0] ^<< 32 = 1", "shift by more than 31 bits"),
    ("ip[0] = ^4294967296", "'4294967296' is more than 32 bits"),
    ("ip[8] = 64 ^= 64", "'=' can't stand here; wanted and, or or the end"),
    ("ip[8] =^< 64", "'<' can't stand here; wanted a number"),
    ("ttl < (^tcp)", "wanted a number here, such as 80, tcp-syn"),
    # Our own words.
    ("category ^scann", "no category 'scann'; meant scan?"),
    ("category ^nope", "no category 'nope'; wanted one of other, scan, backscatter, session, udp"),
    ("category^", "it ends here; wanted a name"),
    ("signature ^12345", "wanted 6 to 32 hex digits of a signature; found 5"),
    ("signature ^" + "a" * 33, "wanted 6 to 32 hex digits of a signature; found 33"),
    ("signature ^zz", "'zz' can't stand here; wanted hex digits"),
    ("payload contains ^x", "'x' can't stand here; wanted a quoted text or hex digits"),
    ("payload contains ^0x1", "wanted quoted text, or 0x and an even number of hex digits"),
    ("payload contains ^abcd", "wanted quoted text, or 0x and an even number of hex digits"),
    ("payload contains ^''", "wanted at least one octet between the quotes"),
    ('payload contains ^"x', "a quoted text can't stand here, or isn't closed; wanted a quoted text or hex digits"),
    ('payload contains ^"\\x4"', r"wanted two hex digits after \x"),
    ("sensor^", "it ends here; wanted a quoted text or a name"),
    ("sensor ^*", "'*' can't stand here; wanted a quoted text or a name"),
    ("block ^''", "'' is no block's name: wanted 1 to 64 printable characters"),
    ("block ^" + "a" * 65, "is no block's name"),
    # After what is wide, combined or not printable, too.
    ('payload contains "日本" ^ad tcp', "meant and?"),
    ('payload contains "e\u0301" ^ad tcp', "meant and?"),
    ("tcp\n\tand ^foo", "'foo' can't stand here"),
]  # fmt: skip


def refusal(text: str) -> FilterError:
    """What is said of a filter, which must be fit for a log and a terminal."""
    with pytest.raises(FilterError) as found:
        parse(text)
    error = found.value
    assert str(error).isprintable()
    assert len(str(error)) < 500
    assert str(error).startswith(f"filter, column {error.column}: ")
    assert error.__suppress_context__ or error.__context__ is None
    assert 1 <= error.column <= len(text) + 1
    line, caret = point(text, error.column).split("\n")
    assert line.isprintable()
    assert caret.strip() == "^"
    return error


@pytest.mark.parametrize(("marked", "said"), WRONG)
def test_an_error_says_what_is_wrong_and_points_at_it(marked: str, said: str) -> None:
    before, _, behind = marked.partition("^")
    error = refusal(before + behind)
    assert said in str(error)
    assert error.column == len(before) + 1
    line, caret = point(error.text, error.column).split("\n")
    wide = 2 * before.count("日本") - before.count("\u0301")
    assert caret == " " * (len(before) + wide) + "^"
    assert line.rstrip() == "".join(c if c.isprintable() else " " for c in before + behind).rstrip()


@pytest.mark.parametrize("word", sorted(names.NOT_STORED))
def test_tcpdump_s_words_for_what_is_not_stored_say_why(word: str) -> None:
    error = refusal(f"tcp and {word}")
    assert error.column == 9
    assert repr(word) in str(error)
    assert "stored" in str(error)


def test_octets_that_can_be_asked_are_listed() -> None:
    assert str(refusal("udp[6:2] = 0")).endswith(fields.supported())
    for header, octets in fields.HEADERS.items():
        for at in range(64):
            if at in octets:
                parse(f"{header}[{at}] = 0")
            else:
                refusal(f"{header}[{at}] = 0")


def test_of_a_long_filter_what_is_near_is_shown() -> None:
    text = "tcp or " * 200 + "tpc or " + "udp or " * 100 + "udp"
    error = refusal(text)
    assert error.column == 1401
    line, caret = point(text, error.column).split("\n")
    assert len(line) <= 100
    assert line[caret.index("^") :].startswith("tpc or")


HOSTILE = [
    "(" * 100_000, "not " * 100_000, "!" * 100_000, "tcp" + ")" * 100_000, "[" * 100_000, "1" * 100_000, "a" * 4097, "é" * 2049,
    "(" * 65 + "tcp" + ")" * 65, "!" * 64 + "tcp", "not " * 900 + "tcp", "!" * 4096, "-" * 4000 + "1 = 1", "- " * 2000 + "1 = 1",
    "port " + "9" * 4000, "port 0x" + "f" * 4000, "net 1." + "9" * 4000, "ip[" + "1" * 4000 + "] = 1", "ip[0:" + "1" * 4000 + "] = 1",
    "net 10.0.0.0/" + "9" * 4000, "portrange 1-" + "9" * 4000, "proto " + "9" * 4000, "signature " + "a" * 4000,
    "0x" * 2048, "1." * 2048, "a-" * 2048, "a" + "-" * 4095, "\\" * 4096, '"' * 4096, '"\\' * 2048, "payload contains '" + "\\" * 4000,
    "payload contains 0x" + "0" * 4001, "tcp[" * 1000, "ip[8]*(" * 60 + "1", "1 + " * 1000 + "1 = 1", "1^" * 2000 + "1 = 1", "1<<" * 1300 + "1 = 1",
    "tcp or " * 500 + "tcp", "tcp and udp or " * 250 + "tcp", "1=1 and " * 500 + "1=1", "port (" + "1 or " * 800, "port not not " * 300,
    "\0", "tcp\0", "tcp \0 and udp", "port 80\0", "host 1.2.3.4\0", "sensor 'a\0'", "block \0", "category scan\0x",
    "port ٣", "port 8²", "port ⅷ", "ttl < ٣", "ttl < ５", "host 1.2.3.٤", "net １０", "net 10.0.0.0/٨", "ip[٣] = 1", "ip[0:２] = 1", "proto ６",
    "signature ａｂｃｄｅｆ", "payload contains 0x４１", 'payload contains "\\x４１"', "ｔｃｐ", "tсp", "tcp\u00a0and\u00a0udp", "tcp\u2028and udp",
    "tcp\u202eudp", "\ufefftcp", "port\u20031", "tcp\x0budp", "tcp\x0cudp", "tcp\x85udp", "tcp ａnd udp", "port 8\u200b0", "İp",
    "\x1b[31mtcp", "tcp \x1b]0;owned\x07", "port \x9b31m", "host \x1b[2J", "sensor 'a\x1b[31m'", "block '\x07'", "category \x1b[0m", "tcp\r\x1b[Kudp",
    "sensor '\u202e'", "sensor 'a\nb'", "\ud800", "tcp \udcff", "host \udcff", "sensor '\ud800'", "payload contains '\ud800'", "payload contains '\\\ud800'",
    "payload contains '\U0001f600\udfff'",
    "'; DROP TABLE packets; --", "port 80'; DROP TABLE packets; --", "tcp -- comment", "tcp /* comment */", "tcp; select 1", "host '1.2.3.4'",
    "sensor '' or 1 = 1", "sensor 'a' ' or 'b'", "category 'scan'", "1 = 1; --", "sensor a'", "block `a`", "$1", "?", "${HOME}", "%s %n", "{0}", "\\N{DASH}",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_hostile_is_refused_at_once(text: str) -> None:
    began = time.perf_counter()
    refusal(text)
    assert time.perf_counter() - began < 2  # 20 ms, on a machine with nothing else to do


def test_the_longest_deepest_and_most_are_taken() -> None:
    assert parse("(" * DEEPEST + "tcp" + ")" * DEEPEST) == Protocol(6)
    assert parse("tcp".ljust(LONGEST)) == Protocol(6)
    assert len(parse(" or ".join(["tcp"] * MOST_TERMS)).terms) == MOST_TERMS
    assert len(parse("port " + " or ".join(["1"] * MOST_TERMS)).terms) == MOST_TERMS
    assert parse("!" * (DEEPEST - 1) + "tcp")
    assert parse("- " * 60 + "1 = 1") == parse("1 = 1")
    assert parse("port " + "0" * 4000 + "17") == parse("port 15")


@pytest.mark.parametrize(
    ("quoted", "name"),
    [("'a\"b'", 'a"b'), ('"a\'b"', "a'b"), ("'it\\'s'", "it's"), ("'; DROP TABLE packets; --'", "; DROP TABLE packets; --"),
     ("'\\x41\\x42'", "AB"), ("'ä日'", "ä日"), ("'a\\\\b'", "a\\b"), ("'%_*?'", "%_*?"), ("'and'", "and")],
)  # fmt: skip
def test_a_quoted_name_is_itself(quoted: str, name: str) -> None:
    tree = parse(f"sensor {quoted}")
    assert tree == Named("sensor", name)
    assert parse(str(tree)) == tree


@pytest.mark.parametrize(
    ("quoted", "octets"),
    [
        (r"'\n\r\t\0\x7f\xFF\'\"\\\q'", b"\n\r\t\0\x7f\xff'\"\\q"),
        ('"\udcff\0\x1b"', b"\xff\0\x1b"),
        ("'ä'", "ä".encode()),
        ("0x00fF", b"\0\xff"),
    ],
)
def test_a_quoted_payload_is_octets(quoted: str, octets: bytes) -> None:
    assert parse(f"payload contains {quoted}") == Contains(octets)


PARTS = st.sampled_from(
    [*names.WORDS, *sorted(names.CONSTANTS), *sorted(names.NOT_STORED), *"()[]:!&|^+-*/%<>=", "<<", "&&", "||", "!=", "10", "0x50", "80", "1-10",
     "10.0.0.1", "10.0.0.0/8", "255.0.0.0", "http", "'a'", '"\\x41"', "0xabcdef", "scan", "ip[8]", "tcp[tcpflags]", "a/b", "\\tcp"]
)  # fmt: skip


def well_behaved(text: str) -> None:
    """Read, or refused as it should be."""
    tree = None
    with contextlib.suppress(ValueError):
        tree = parse(text)
    if tree is None:
        refusal(text)
    else:
        assert parse(str(tree)) == tree


@given(st.text(max_size=60))
@settings(max_examples=examples(500, 100))
def test_any_text_is_read_or_refused(text: str) -> None:
    well_behaved(text)


@given(st.lists(PARTS, max_size=12), st.sampled_from(["", " ", " ", "\n"]))
@settings(max_examples=examples(1000, 200))
def test_any_words_are_read_or_refused(parts: list[str], between: str) -> None:
    well_behaved(between.join(parts))


VALID = [
    "tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn", "net 10.0.0.0 mask 255.0.0.0 or port (80 or http)", "tcp src or dst portrange 1-1024 or 3389",
    'payload contains "GET /\\x00" and not new', "signature abcdef0123 or category scan and sensor a", "ip[2:2] - ((ip[0] & 0xf) << 2) > 3 or ttl<9",
]  # fmt: skip


@given(st.sampled_from(VALID), st.data())
@settings(max_examples=examples(500, 100))
def test_a_slip_of_the_finger_is_read_or_refused(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text) - 1))
    put = data.draw(st.characters() | st.sampled_from(["", "", text[at] * 2, " ", "(", ")", "'", '"', "-", "\\"]))
    well_behaved(text[:at] + put + text[at + 1 :])


# What the command line says


@pytest.mark.parametrize(
    "text", ["tcp\x1b[31m and", "sensor 'a\x1b]0;x\x07'", "\u202etcp", "port \x9b", "'; DROP TABLE packets; --"]
)
def test_the_command_line_says_one_safe_line(one_store: Path, text: str) -> None:
    done = cli("query", "count", text, "--store", one_store)
    assert done.returncode == 2
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("ims: filter, column ")
    assert line.isprintable()


def test_on_a_terminal_a_caret_points_at_the_character(one_store: Path) -> None:
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [IMS, "query", "count", "udp and \x1b[31mtpc", "--store", one_store],
        stdout=subprocess.PIPE,
        stderr=theirs,
        timeout=60,
        check=False,
    )
    os.close(theirs)
    said = os.read(ours, 10_000).decode().splitlines()
    os.close(ours)
    assert done.returncode == 2
    assert said[1:] == ["udp and  [31mtpc", "        ^"]
    assert said[0].startswith(r"ims: filter, column 9: '\x1b' can't stand here")


# Trees

numbers = st.integers(0, MASK32) | st.integers(0, 300)
octets = st.sampled_from(
    [(header, at, size) for header in fields.HEADERS for at in range(20) for size in (1, 2, 4) if fields.known(header, at, size)]
).map(lambda found: Octets(*found))  # fmt: skip


def arithmetic(left: Any, operator: str, right: Any) -> Any:
    """As Arithmetic, but for constants that it refuses."""
    try:
        return Arithmetic(operator, left, right)
    except ValueError:
        return left


values = st.recursive(
    numbers.map(Number) | octets,
    lambda inner: st.builds(arithmetic, inner, st.sampled_from(OPERATORS), inner),
    max_leaves=6,
)
directions = st.sampled_from(["either", "source", "destination", "both"])
masks = st.integers(0, 32).map(lambda bits: MASK32 & ~(MASK32 >> bits)) | st.integers(0, MASK32)
printable = st.text(st.characters(categories=["L", "N", "P", "S"]) | st.just(" "), min_size=1, max_size=64).filter(
    str.isprintable
)
trees = st.recursive(
    st.one_of(
        st.builds(Compare, st.sampled_from(RELATIONS), values, values),
        st.builds(Protocol, st.none() | st.integers(0, 255)),
        st.builds(lambda way, address, mask: Net(way, address & mask, mask), directions, st.integers(0, MASK32), masks),
        st.builds(
            lambda way, ports, protocol: Port(way, min(ports), max(ports), protocol),
            directions, st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF)), st.sampled_from([None, 6, 17]),
        ),
        st.builds(Has, st.sampled_from(FLAGS)),
        st.builds(Named, st.sampled_from(["block", "sensor"]), printable),
        st.builds(Named, st.just("category"), st.sampled_from(CATEGORIES)),
        st.builds(Signature, st.text("0123456789abcdef", min_size=6, max_size=32)),
        st.builds(Contains, st.binary(min_size=1, max_size=40)),
        st.just(Nothing()),
    ),
    lambda inner: (
        st.builds(Not, inner)
        | st.builds(And, st.lists(inner, min_size=2, max_size=4).map(tuple))
        | st.builds(Or, st.lists(inner, min_size=2, max_size=4).map(tuple))
    ),
    max_leaves=8,
)  # fmt: skip


@given(trees)
@settings(max_examples=examples(500, 100))
def test_a_tree_is_itself_after_json_and_after_text(tree: Any) -> None:
    found = json.loads(json.dumps(to_json(tree)))
    assert from_json(found) == tree
    assert hash(from_json(found)) == hash(tree)
    if len(str(tree).encode()) <= LONGEST:
        assert parse(str(tree)) == tree


@pytest.mark.parametrize("text", VALID)
def test_a_filter_s_json_is_plain(text: str) -> None:
    tree = parse(text)
    assert from_json(json.loads(json.dumps(to_json(tree)))) == tree


def test_json_is_as_documented() -> None:
    assert to_json(parse("tcp dst port 80")) == {
        "is": "port",
        "direction": "destination",
        "low": 80,
        "high": 80,
        "protocol": 6,
    }
    assert to_json(parse("not payload contains 'ab'")) == {"is": "not", "inner": {"is": "contains", "octets": "6162"}}


PORT = {"is": "port", "direction": "either", "low": 80, "high": 80, "protocol": None}
NET = {"is": "net", "direction": "either", "address": 10 << 24, "mask": 255 << 24}
ONE, TTL = {"is": "number", "value": 1}, {"is": "octets", "header": "ip", "offset": 8, "size": 1}
COMPARE = {"is": "compare", "operator": "=", "left": TTL, "right": ONE}


def deep(levels: int, kind: str = "not") -> dict[str, Any]:
    tree: dict[str, Any] = {"is": "nothing"}
    for _ in range(levels - 1):
        tree = {"is": "not", "inner": tree} if kind == "not" else {"is": kind, "terms": [{"is": "nothing"}, tree]}
    return tree


BAD: list[Any] = [
    None, 1, 1.5, True, "tcp", [], {}, [PORT], {"is": None}, {"is": 1}, {"is": ["port"]}, {"is": {}}, {"is": "Port"}, {"is": "eval"}, {"is": "__class__"},
    ONE, TTL, {"is": "arithmetic", "operator": "+", "left": TTL, "right": ONE},
    PORT | {"low": -1}, PORT | {"low": 65536}, PORT | {"low": "80"}, PORT | {"low": 80.0}, PORT | {"low": True}, PORT | {"low": None}, PORT | {"low": [80]},
    PORT | {"low": 81}, PORT | {"low": float("nan")}, PORT | {"low": 10**5000}, PORT | {"protocol": 1}, PORT | {"protocol": "tcp"}, PORT | {"protocol": 6.0},
    PORT | {"direction": "src"}, PORT | {"direction": None}, PORT | {"direction": ["either"]}, PORT | {"direction": ONE}, PORT | {"extra": 1}, PORT | {1: 1},
    {key: value for key, value in PORT.items() if key != "low"}, PORT | {"low": ONE},
    NET | {"address": (10 << 24) + 1}, NET | {"mask": 1 << 32}, NET | {"address": "10.0.0.0"}, NET | {"mask": True},
    COMPARE | {"operator": "=="}, COMPARE | {"operator": "; DROP TABLE packets"}, COMPARE | {"left": PORT}, COMPARE | {"left": 1}, COMPARE | {"left": [ONE]},
    COMPARE | {"left": {"is": "number", "value": -1}}, COMPARE | {"left": {"is": "number", "value": 1 << 32}}, COMPARE | {"operator": ONE},
    COMPARE | {"left": TTL | {"offset": 10}}, COMPARE | {"left": TTL | {"size": 3}}, COMPARE | {"left": TTL | {"header": "ip6"}},
    COMPARE | {"left": TTL | {"header": None}}, COMPARE | {"left": TTL | {"header": [ONE, ONE]}}, COMPARE | {"left": TTL | {"offset": "8"}}, COMPARE | {"left": TTL | {"offset": True}},
    COMPARE | {"left": {"is": "arithmetic", "operator": "+", "left": ONE, "right": ONE}}, COMPARE | {"left": {"is": "arithmetic", "operator": "**", "left": TTL, "right": ONE}},
    COMPARE | {"left": {"is": "arithmetic", "operator": "/", "left": TTL, "right": ONE | {"value": 0}}},
    COMPARE | {"left": {"is": "arithmetic", "operator": "<<", "left": TTL, "right": ONE | {"value": 32}}},
    {"is": "has", "what": "nothing"}, {"is": "has", "what": ["new"]}, {"is": "has", "what": None}, {"is": "has"},
    {"is": "named", "column": "source", "name": "a"}, {"is": "named", "column": "sensor", "name": ""}, {"is": "named", "column": "sensor", "name": "a" * 65},
    {"is": "named", "column": "sensor", "name": "a\x1b"}, {"is": "named", "column": "sensor", "name": "a\ud800"}, {"is": "named", "column": "sensor", "name": 1},
    {"is": "named", "column": "category", "name": "nope"}, {"is": "named", "column": ["sensor"], "name": "a"},
    {"is": "signature", "digits": "abcde"}, {"is": "signature", "digits": "ABCDEF"}, {"is": "signature", "digits": "a" * 33}, {"is": "signature", "digits": "٣" * 8},
    {"is": "signature", "digits": 123456}, {"is": "signature", "digits": ["a"] * 6},
    {"is": "contains", "octets": ""}, {"is": "contains", "octets": "0"}, {"is": "contains", "octets": "zz"}, {"is": "contains", "octets": "41" * 4097},
    {"is": "contains", "octets": 41}, {"is": "contains", "octets": [41]}, {"is": "contains", "octets": None}, {"is": "contains", "octets": "\ud800"},
    {"is": "protocol", "number": 256}, {"is": "protocol", "number": -1}, {"is": "protocol", "number": "6"}, {"is": "protocol", "number": False},
    {"is": "not", "inner": ONE}, {"is": "not", "inner": None}, {"is": "not", "inner": [PORT]}, {"is": "not"},
    {"is": "and", "terms": []}, {"is": "and", "terms": [PORT]}, {"is": "and", "terms": PORT}, {"is": "and", "terms": "tcp"}, {"is": "and", "terms": [PORT, ONE]},
    {"is": "or", "terms": [PORT, None]}, {"is": "or", "terms": [PORT, "tcp"]}, {"is": "or", "terms": [[PORT, PORT], PORT]}, {"is": "or", "terms": {"0": PORT}},
    {"is": "or", "terms": [PORT] * (MOST_TERMS + 1)}, deep(DEEPEST + 1), deep(DEEPEST + 1, "and"), deep(900), deep(10_000), {"is": "nothing", "terms": []},
]  # fmt: skip


@pytest.mark.parametrize("found", BAD, ids=range(len(BAD)))
def test_bad_json_is_refused(found: Any) -> None:
    with pytest.raises(ValueError, match=r"^filter: ") as refused:
        from_json(found)
    assert len(str(refused.value)) < 400
    if isinstance(found, dict) and not any(key == 1 for key in found):
        with pytest.raises(ValueError, match=r"^filter: "):
            from_json({"is": "not", "inner": found})


def test_json_as_deep_and_long_as_may_be_is_taken() -> None:
    assert to_json(from_json(deep(DEEPEST))) == deep(DEEPEST)
    assert to_json(from_json(deep(DEEPEST, "or"))) == deep(DEEPEST, "or")
    from_json({"is": "or", "terms": [PORT] * MOST_TERMS})


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["port", "either", "tcp", "=", "+", "scan", "sensor", "new", "0a0b0c0d", PORT, ONE, TTL, NET, COMPARE]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["is", "low", "terms", "inner", "x"]), inner, max_size=3),
    max_leaves=4,
)  # fmt: skip


def places(found: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) below."""
    items = list(found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ())
    return [(found, key) for key, _ in items] + [place for _, value in items for place in places(value)]


@given(trees, st.data())
@settings(max_examples=examples(500, 100))
def test_json_that_somebody_touched_is_a_tree_or_refused(tree: Any, data: st.DataObject) -> None:
    found = copy.deepcopy(to_json(tree))
    container, key = data.draw(st.sampled_from(places(found)))
    container[key] = data.draw(junk)
    try:
        touched = from_json(found)
    except ValueError as error:
        assert str(error).startswith("filter: ")
        return
    assert from_json(to_json(touched)) == touched
    if len(str(touched).encode()) <= LONGEST:
        assert parse(str(touched)) == touched
