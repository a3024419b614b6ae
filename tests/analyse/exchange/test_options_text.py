"""Options are written as tcpdump writes them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.analyse.exchange.options_text import options_text

from ...respond.answers import SYN, segment
from ...stores import write_pcap

LINUX = "020405b40402080a000000070000000001030307"
KINDS = (LINUX, "", "020405b4", "01010402", "020405b40103030801010402", "0101080affffffff00000001", "0101050a0000000100000002",
         "0101051200000001000000020000000300000004", "00000000", "01000000", "0203000001010101")  # fmt: skip


@pytest.mark.skipif(shutil.which("tcpdump") is None, reason="the oracle, tcpdump, is missing; CI has it")
def test_they_are_what_tcpdump_writes(tmp_path: Path) -> None:
    frames = [(1_700_000_000_000_000_000, segment(SYN, options=bytes.fromhex(each))[14:]) for each in KINDS]
    capture = write_pcap(tmp_path / "x.pcap", frames)
    lines = subprocess.run(["tcpdump", "-nr", capture], capture_output=True, text=True, check=True).stdout.splitlines()
    for line, octets in zip(lines, KINDS, strict=True):
        ours = options_text(bytes.fromhex(octets))
        assert ("options" in line) == bool(octets), line
        if octets and "unknown" not in ours:
            assert line.partition("options [")[2].rpartition("], length")[0] == ours, line


def test_a_time_that_is_not_known_is_a_question_mark() -> None:
    assert options_text(bytes.fromhex(LINUX), False) == "mss 1460,sackOK,TS val ? ecr 0,nop,wscale 7"


def test_what_lies_about_its_length_ends_them() -> None:
    assert options_text(bytes.fromhex("0101ff")) == "nop,nop,[bad opt]"
    assert options_text(bytes.fromhex("02030001fe04abcd")) == "unknown-2 0x00,nop,unknown-254 0xabcd"


@given(st.binary(max_size=40), st.booleans())
def test_no_octets_are_an_error(octets: bytes, is_time_known: bool) -> None:
    assert options_text(octets, is_time_known).isascii()
