"""Personas in their table are those that are written down, and their options are what dpkt reads in p0f's signatures."""

from __future__ import annotations

import dpkt
import numpy as np
import pytest

from ims.simulate.kernels.persona import ID_MASSCAN, ID_ZMAP, NAMES, PERSONAS, SEQUENCE_MIRAI, persona_table

TABLE = persona_table()
MSS, NOP, SCALE, SACK, STAMP, END = 2, 1, 3, 4, 8, 0
P0F = {
    "windows-xp": "mss,nop,nop,sok", "windows-7": "mss,nop,ws,nop,nop,sok", "linux": "mss,sok,ts,nop,ws",
    "linux-2.4": "mss,sok,ts,nop,ws", "freebsd": "mss,nop,ws,sok,ts", "macos": "mss,nop,ws,nop,nop,ts,sok,eol+1",
    "nmap": "mss",
}  # fmt: skip
"""How p0f.fp (3.09b) writes the options of each."""
WORDS = {MSS: "mss", NOP: "nop", SCALE: "ws", SACK: "sok", STAMP: "ts"}


def options_of(name: str) -> bytes:
    row = TABLE[NAMES.index(name)]
    return row["options"][: row["option_length"]].tobytes()


@pytest.mark.parametrize("name", P0F)
def test_options_stand_in_the_order_of_p0f_s_signature(name: str) -> None:
    words = []
    for kind, value in dpkt.tcp.parse_opts(options_of(name)):
        if kind == END:
            words.append("eol+1")
            break
        words.append(WORDS[kind])
        if kind == MSS:
            assert value == (1460).to_bytes(2, "big")
    assert ",".join(words) == P0F[name]


@pytest.mark.parametrize("name", NAMES)
def test_options_fill_words_and_a_timestamp_stands_where_the_table_says(name: str) -> None:
    row, options = TABLE[NAMES.index(name)], options_of(name)
    assert len(options) % 4 == 0
    assert not row["options"][len(options) :].any()
    at = int(row["timestamp_at"])
    assert (at >= 0) == (STAMP in [kind for kind, _ in dpkt.tcp.parse_opts(options)])
    if at >= 0:
        assert options[at - 2 : at + 8] == b"\x08\x0a" + bytes(8)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_says_what_is_written_down(name: str) -> None:
    row, persona = TABLE[NAMES.index(name)], PERSONAS[name]
    for field in ("ttl", "window", "fragment", "id", "sequence", "ticks", "repeats"):
        assert row[field] == getattr(persona, field), field
    assert (row["port_first"], row["ports"]) == persona.ports
    assert row["port_first"] > 0 and row["port_first"] + row["ports"] <= 1 << 16
    assert row["ttl"] in (64, 128, 255)


def test_tools_have_the_marks_that_their_sources_document() -> None:
    found = {name: TABLE[NAMES.index(name)] for name in ("zmap", "masscan", "mirai")}
    assert found["zmap"]["id"] == ID_ZMAP
    assert found["masscan"]["id"] == ID_MASSCAN
    assert found["mirai"]["sequence"] == SEQUENCE_MIRAI
    assert all(row["option_length"] == 0 and row["repeats"] == 0 for row in found.values())


def test_rows_are_in_the_order_of_their_names() -> None:
    assert len(TABLE) == len(NAMES) == len(set(NAMES))
    assert np.flatnonzero(TABLE["window"] == 1024).tolist() == [NAMES.index("nmap"), NAMES.index("masscan")]
