"""How values are shown: what standard tools print, and nothing left to interpret."""

from __future__ import annotations

import ipaddress
import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ims
from ims.query.format.display import (
    dotted,
    dotted_column,
    hex_column,
    hexdump,
    json_lines,
    nanosecond_column,
    time_column,
)
from ims.text import printable_octets

from ...effort import examples


@given(st.binary(max_size=100))
def test_a_hexdump_reads_back(octets: bytes) -> None:
    dump = hexdump(octets)
    assert all(c.isprintable() or c == "\n" for c in dump)
    read = b"".join(bytes.fromhex(line[10:58].replace(" ", "")) for line in dump.splitlines())
    assert read == octets
    assert "".join(line.split("|", 1)[1][:-1] for line in dump.splitlines()) == printable_octets(octets)


def test_a_hexdump_is_hexdump_s(tmp_path: Path) -> None:
    octets = bytes(range(256)) + b"tail"
    rows = hexdump(octets).splitlines()
    assert rows[1] == "00000010  10 11 12 13 14 15 16 17  18 19 1a 1b 1c 1d 1e 1f  |................|"
    assert rows[-1].startswith("00000100  74 61 69 6c ") and rows[-1].endswith("|tail|")
    assert hexdump(bytes(100), most=32).splitlines()[-1] == "... 68 more"


@pytest.mark.skipif(shutil.which("hexdump") is None, reason="no hexdump")
@given(st.binary(min_size=1, max_size=70))
@settings(max_examples=examples(40, 10))
def test_a_dump_s_lines_are_those_that_hexdump_prints(octets: bytes) -> None:
    """-v: repeated lines too; it ends with a line of the length, which we don't."""
    theirs = subprocess.run(["hexdump", "-C", "-v"], input=octets, capture_output=True, check=True).stdout.decode()
    assert hexdump(octets).splitlines() == theirs.splitlines()[:-1]


@given(st.lists(st.integers(0, 2**32 - 1), max_size=20))
def test_addresses_are_written_as_ipaddress_writes_them(addresses: list[int]) -> None:
    expected = [str(ipaddress.IPv4Address(address)) for address in addresses]
    assert [dotted(address) for address in addresses] == expected
    column = pa.chunked_array([pa.array(addresses[:3], pa.uint32()), pa.array(addresses[3:], pa.uint32())])
    assert dotted_column(column).to_pylist() == expected


@given(st.lists(st.none() | st.binary(max_size=20), max_size=12), st.integers(0, 12))
def test_octets_are_written_as_python_writes_them(octets: list[bytes | None], at: int) -> None:
    column = pa.chunked_array([pa.array(octets, pa.binary()), pa.array(octets[::-1], pa.binary())])
    expected = [None if each is None else each.hex() for each in [*octets, *octets[::-1]]]
    assert hex_column(column).to_pylist() == expected
    assert hex_column(column.slice(at, 5)).to_pylist() == expected[at : at + 5]
    fixed = pa.array([b"\x00\xff", None], pa.binary(2))
    assert hex_column(fixed).to_pylist() == hex_column(fixed.dictionary_encode()).to_pylist() == ["00ff", None]


def test_nulls_stay_nulls() -> None:
    assert dotted_column(pa.chunked_array([pa.array([1, None], pa.uint32())])).to_pylist() == ["0.0.0.1", None]
    assert hex_column(pa.chunked_array([pa.array([b"\xab", None], pa.binary())])).to_pylist() == ["ab", None]
    assert time_column(pa.chunked_array([pa.array([None, 5], pa.int64())])).to_pylist()[0] is None


def test_nanoseconds_are_added_below_microseconds() -> None:
    times = pa.chunked_array([pa.array([1_772_582_400_000_001, 0], pa.timestamp("us", "UTC"))])
    column = nanosecond_column(times, pa.chunked_array([pa.array([7, 999], pa.uint16())]))
    assert column.type == pa.timestamp("ns", "UTC")
    assert column.cast(pa.int64()).to_pylist() == [1_772_582_400_000_001_007, 999]


@given(st.lists(st.tuples(st.none() | st.integers(0, 2**32), st.none() | st.text(max_size=9)), min_size=1, max_size=8))
@settings(max_examples=examples(100, 40))
def test_lines_of_json_read_back(rows: list[tuple[int | None, str | None]]) -> None:
    numbers, texts = zip(*rows, strict=True)
    times = [datetime(2026, 3, 4, 5, 6, 7, 8, tzinfo=UTC)] * len(rows)
    schema = pa.schema([("time", pa.timestamp("us", "UTC")), ("a", pa.int64()), ('"b', pa.string()), ("c", pa.bool_())])
    table = pa.table([times, numbers, texts, [True] * len(rows)], schema=schema)
    lines = b"".join(json_lines(table)).decode().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"time": "2026-03-04T05:06:07.000008Z", "a": number, '"b': text, "c": True} for number, text in rows
    ]


def test_packets_are_shown_with_sensor_and_block_first(one_store: Path) -> None:
    table = ims.open(one_store).packets("tcp", limit=3).table
    assert table.column_names[:3] == ["time", "sensor", "block"]
    assert "time_ns" not in table.column_names
    for row in table.select(["source", "destination", "signature", "tcp_options"]).to_pylist():
        assert ipaddress.IPv4Address(row["destination"]) in ipaddress.IPv4Network("198.51.100.0/24")
        assert bytes.fromhex(row["tcp_options"] or "") is not None
