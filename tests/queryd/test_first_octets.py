"""First octets of payloads are read from row groups of any size, a few rows at a time."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ims.decode.category import SCAN
from ims.queryd import first_octets as reading
from ims.queryd.first_octets import FIRST_OCTETS, first_octets
from ims.queryd.memory import shares
from ims.queryd.news import News
from ims.records import PAYLOAD, WHOLE_TCP, arrow_schema, packet_batch
from ims.store.columns import packets_table
from ims.store.compaction import HOT_PARTS
from ims.store.reader import open_store
from ims.store.writer import SensorWriter

from ..store.made import put
from .live_store import BLOCKS, NOTHING

ALWAYS = (0, 1 << 60)
LEAST = shares(64 << 20, 3).followers
"""Memory of those who follow live, where a daemon has as little as it may have."""


def random_payloads(dice: np.random.Generator, count: int, length: int, since_us: int) -> pa.Table:
    """Payloads by chance, first seen a microsecond after each other."""
    values = [dice.bytes(length) for _ in range(count)]
    moments = np.arange(count) + since_us
    columns = {
        "signature": [hashlib.md5(value).digest() for value in values],
        "day": (moments // 86_400_000_000).astype(np.int32),
        "first_seen": moments,
        "length": np.full(count, length, np.uint16),
        "payload": values,
        "protocol": np.full(count, 6, np.uint8),
        "destination_port": np.full(count, 80, np.uint16),
        "source": np.ones(count, np.uint32),
        "ever_first_seen": moments,
        "truncated": np.zeros(count, np.bool_),
    }
    schema = arrow_schema("payloads")
    return pa.table([pa.array(columns[field.name], field.type) for field in schema], schema=schema)


def tell(writer: SensorWriter, payloads: pa.Table) -> None:
    """Packets that had these payloads, which were new."""
    count = payloads.num_rows
    batch = packet_batch(count)
    for column in batch:
        column[:] = 0
    batch.time[:count] = payloads["first_seen"].cast(pa.int64())
    batch.layers[:count], batch.protocol[:count], batch.category[:count] = WHOLE_TCP | PAYLOAD, 6, SCAN
    batch.payload_length[:count], batch.new_payload[:count] = payloads["length"], 1
    batch.signature_entry[:count] = np.arange(count)
    signatures = np.frombuffer(b"".join(payloads["signature"].to_pylist()), np.uint8).reshape(count, 16)
    put(writer, "packets", packets_table(batch, count, BLOCKS, signatures, NOTHING))


class Compacted(NamedTuple):
    """A store that was written, the file that compaction made of its parts, and the payloads that came last into it."""

    path: Path
    file: Path
    last: pa.Table


def compacted(writer: SensorWriter, path: Path, count: int, length: int) -> Compacted:
    """Write so many payloads, in more parts than may lie beside each other."""
    dice, parts = np.random.default_rng(1), HOT_PARTS + 1
    now = int(time.time() * 1e6)
    for part in range(parts):
        last = random_payloads(dice, count // parts, length, now + part * 1000)
        put(writer, "payloads", last)
        if part + 1 == parts:
            tell(writer, last[-100:])
        writer.checkpoint()
    with open_store(path) as store:
        [file] = store.files("payloads")
    return Compacted(path, file, last)


class Following(NamedTuple):
    """A store, one who has followed it since before its payloads came, with as little memory as there may be, and what
    was left out."""

    store: Compacted
    news: News
    left_out: list[str]


@contextmanager
def following(path: Path, count: int) -> Iterator[Following]:
    """Of so many payloads of 1,400 octets."""
    left_out: list[str] = []
    with closing(SensorWriter(path, "a", lanes=1)) as writer:
        tell(writer, random_payloads(np.random.default_rng(2), 1, 10, int(time.time() * 1e6)))
        writer.checkpoint()
        with closing(News(path, 100, memory_bytes=LEAST, left_out=left_out.append)) as news:
            news.since_last()
            yield Following(compacted(writer, path, count, 1_400), news, left_out)


def test_new_payloads_of_a_large_row_group_are_told_with_their_octets(tmp_path: Path) -> None:
    with following(tmp_path / "STORE", 34_000) as found:
        metadata = pq.read_metadata(found.store.file)
        assert metadata.num_row_groups == 1
        assert metadata.row_group(0).total_byte_size > 2 * LEAST
        told = found.news.since_last()
    assert sum(told["blocks"]["packets"].to_pylist()) == 100
    assert dict(zip(told["new"]["signature"].to_pylist(), told["new"]["payload"].to_pylist(), strict=True)) == {
        row["signature"]: row["payload"][:FIRST_OCTETS] for row in found.store.last[-100:].to_pylist()
    }
    assert found.left_out == []


def test_beyond_what_is_read_at_once_events_come_without_octets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_READ", 0)
    with following(tmp_path / "STORE", 2_000) as found:
        told = found.news.since_last()
    assert sum(told["blocks"]["packets"].to_pylist()) == 100
    assert told["new"]["payload"].to_pylist() == [None] * 100
    assert found.left_out == ["octets"]


PEAK = """
import json, sys
import pyarrow as pa
from pathlib import Path
from ims.queryd.first_octets import first_octets

found, _ = first_octets([Path(sys.argv[1])], [bytes.fromhex(text) for text in sys.argv[2:]], 0, 1 << 60)
print(json.dumps([len(found), pa.default_memory_pool().max_memory()]))
"""


@pytest.mark.parametrize(("count", "length"), [(8_500, 1_400), (204, 60_000)])
def test_reading_takes_no_more_memory_than_the_least_leaves_for_it(tmp_path: Path, count: int, length: int) -> None:
    with closing(SensorWriter(tmp_path / "STORE", "a", lanes=1)) as writer:
        store = compacted(writer, tmp_path / "STORE", count, length)
    [size] = [pq.read_metadata(store.file).row_group(0).total_byte_size]
    words = [signature.hex() for signature in store.last["signature"].to_pylist()[-10:]]
    said = subprocess.run(
        [sys.executable, "-c", PEAK, store.file, *words], check=True, capture_output=True, text=True
    ).stdout
    found, peak = json.loads(said)
    assert found == 10
    assert peak <= LEAST // 2 < size


@pytest.fixture
def three(tmp_path: Path) -> tuple[list[Path], list[pa.Table]]:
    """Files of two row groups each, 1 s after each other."""
    dice, files, tables = np.random.default_rng(1), [], []
    for second in (1, 2, 3):
        file = tmp_path / f"{second}.parquet"
        table = random_payloads(dice, 600, 700, second * 1_000_000)
        pq.write_table(table, file, row_group_size=300)
        files.append(file)
        tables.append(table)
    return files, tables


def test_what_is_found_is_the_beginning_of_each_and_nothing_else(three: tuple[list[Path], list[pa.Table]]) -> None:
    files, tables = three
    asked = pa.concat_tables([table.take([0, 63, 64, 299, 300, 599]) for table in tables])
    signatures = asked["signature"].to_pylist()
    found, is_all = first_octets(files, [*signatures, bytes(16)], *ALWAYS)
    assert is_all
    assert found == {row["signature"]: row["payload"][:FIRST_OCTETS] for row in asked.to_pylist()}
    assert first_octets(files, [], *ALWAYS) == first_octets([], signatures, *ALWAYS) == ({}, True)


def test_row_groups_of_other_times_are_not_read(three: tuple[list[Path], list[pa.Table]]) -> None:
    files, tables = three
    signatures = [table["signature"][row].as_py() for table in tables for row in (0, 599)]
    found, _ = first_octets(files, signatures, 2_000_000, 2_000_300)
    assert list(found) == [signatures[2]]
    bare = files[1].with_name("bare.parquet")
    pq.write_table(tables[1], bare, row_group_size=300, write_statistics=False)
    found, _ = first_octets([bare], signatures, 5_000_000, 6_000_000)
    assert set(found) == set(signatures[2:4])


def test_later_files_are_read_first_and_no_more_than_may_be(
    three: tuple[list[Path], list[pa.Table]], monkeypatch: pytest.MonkeyPatch
) -> None:
    files, tables = three
    signatures = [table["signature"][599].as_py() for table in tables]
    monkeypatch.setattr(reading, "MOST_READ", 1)
    found, is_all = first_octets(files, signatures, *ALWAYS)
    assert (list(found), is_all) == ([signatures[2]], False)
