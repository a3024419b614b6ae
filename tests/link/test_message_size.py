"""What a message becomes is known before it is unfolded: Arrow itself is the judge of how much it is."""

from __future__ import annotations

import random
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ims.link.contract import TAIL
from ims.link.envelope import LONGEST_BODY, UnreadableError, gathered, put
from ims.link.message_size import unfolded

from ..effort import examples
from .test_envelope import filled

LONGEST = 2000
"""Octets of a schema, here."""
TABLE = pa.table(
    {
        "time": pa.array([datetime(2026, 3, 4, tzinfo=UTC), None] * 500, pa.timestamp("us", "UTC")),
        "payload": pa.array([b"GET /", b""] * 500),
        "n": pa.array([7] * 1000, pa.int64()),
        "block": pa.array(["C/24", None] * 500).dictionary_encode(),
    }
)


def streamed(table: pa.Table, compression: str | None, at_once: int = 1 << 20, **options: Any) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(
        sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression, **options)
    ) as writer:
        writer.write_table(table.combine_chunks(), at_once)
    return sink.getvalue()


def taken(body: pa.Buffer) -> int:
    """Octets of all buffers that Arrow makes of it; of a dictionary once a message that has it."""
    with pa.ipc.open_stream(body) as reader:
        batches = list(reader)
    seen = {}
    for column in (column for batch in batches for column in batch.columns):
        for part in [column.indices, column.dictionary] if isinstance(column, pa.DictionaryArray) else [column]:
            seen |= {buffer.address: buffer.size for buffer in part.buffers() if buffer is not None and buffer.size}
    return sum(seen.values())


@pytest.mark.parametrize("compression", ["lz4", None])
@pytest.mark.parametrize("table", [*(filled(s, 300, random.Random(n)) for n, s in TAIL.items()), TABLE, TABLE[:0]])
def test_it_is_what_arrow_takes(table: pa.Table, compression: str | None) -> None:
    body = streamed(table, compression)
    assert (
        taken(body) <= unfolded(body, LONGEST) <= taken(body) + 64 * table.num_columns
    )  # what isn't compressed is padded


def test_all_messages_of_a_body_count() -> None:
    many, one = streamed(TABLE, "lz4", 10), streamed(TABLE[:10], "lz4")
    assert unfolded(many, LONGEST) >= taken(many)
    assert unfolded(many, LONGEST) > 50 * unfolded(one, LONGEST)


def with_words() -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, TABLE.schema) as writer:
        writer.write_batch(TABLE.combine_chunks().to_batches()[0], custom_metadata={"a": "b"})
    return sink.getvalue()


@pytest.mark.parametrize(
    "body",
    [
        streamed(TABLE, "zstd"),
        streamed(TABLE, None, metadata_version=pa.ipc.MetadataVersion.V4),
        streamed(TABLE, "lz4", metadata_version=pa.ipc.MetadataVersion.V4),
        with_words(),
    ],
    ids=["unfolds to much more", "old", "old and compressed", "words of its own"],
)
def test_what_arrow_may_unfold_in_another_way_is_refused(body: pa.Buffer) -> None:
    """Messages of earlier versions say in words of their own how they are compressed."""
    assert taken(body)
    with pytest.raises(ValueError, match="a message isn't"):
        unfolded(body, LONGEST)


def test_a_message_of_many_columns_is_not_read() -> None:
    """Arrow may make much more of it than it is long."""
    many = pa.table({str(n): pa.array([n]) for n in range(100)})
    assert unfolded(streamed(many, None), 20_000)
    with pytest.raises(ValueError, match="too many column descriptors"):
        unfolded(streamed(many, None), LONGEST)
    with pytest.raises(UnreadableError, match="can't be read"):
        gathered([put("p", streamed(many, None))], {"p": TABLE.schema}, 1 << 40, 1 << 40)


BODIES = [streamed(TABLE, compression, 400).to_pybytes() for compression in ("lz4", None)]


@given(st.sampled_from(BODIES), st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), min_size=1, max_size=4))
@settings(max_examples=examples(3000, 300))
def test_of_garbled_ones_arrow_never_takes_more_than_is_told(body: bytes, flips: list[tuple[float, int]]) -> None:
    garbled = bytearray(body)
    for where, mask in flips:
        garbled[int(where * (len(garbled) - 1))] ^= mask
    try:
        told = unfolded(pa.py_buffer(bytes(garbled)), LONGEST)
    except (ValueError, pa.ArrowException, OSError):
        return
    try:
        assert taken(pa.py_buffer(bytes(garbled))) <= told
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        return


@given(st.binary(max_size=300))
@settings(max_examples=examples(1000, 200))
def test_garbage_is_refused_or_nothing(octets: bytes) -> None:
    try:
        unfolded(pa.py_buffer(octets), LONGEST)
    except (ValueError, pa.ArrowException, OSError):
        return


REFUSED = """
import sys
import pyarrow as pa
from ims.link.envelope import UnreadableError, gathered

def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) >> 10

took, piece = [], pa.py_buffer(open(sys.argv[1], "rb").read())
before = peak()
try:
    gathered([piece], {"p": pa.schema([("n", pa.int64())])}, 1 << 40, 100 << 20, took.append)
except UnreadableError as error:
    print(peak() - before, took, error, sep="\\n")
"""


def test_what_is_too_large_is_never_unfolded(tmp_path: Path) -> None:
    """A sensor's daemon that lies: 256 MiB in a piece of one."""
    zeros = pa.table({"n": pa.array(memoryview(bytes(256 << 20)).cast("q"), pa.int64())})
    piece = put("p", streamed(zeros, "lz4", 1 << 26))
    assert piece.size < LONGEST_BODY
    (tmp_path / "piece").write_bytes(piece)
    program = [sys.executable, "-c", REFUSED, str(tmp_path / "piece")]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    mebibytes, took, said = done.stdout.splitlines()
    assert int(mebibytes) < 32
    assert took == "[]"
    assert "more than the 104,857,600 octets" in said
