"""Any text is read or refused at once: hostile ones, slips of the finger, and the longest that are taken."""

# ruff: noqa: RUF001  letters and digits that only look like ours are what is tested

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ims.query.language import names
from ims.query.language.filter import LONGEST, parse
from ims.query.language.syntax_tree import (
    DEEPEST,
    MOST_TERMS,
    Protocol,
)

from ...effort import examples
from .refusal import refusal

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
