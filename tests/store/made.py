"""Tables for the store's tests: packets, payloads and coverage with few words."""

import datetime
import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ims.records import LENGTHS, PAYLOAD, WHOLE_TCP, arrow_schema, packet_batch
from ims.store.columns import Distinct, packets_table
from ims.store.manifest import Snapshot, write_generation

HOUR = 3_600_000_000
DAY = 24 * HOUR
NOON = int(datetime.datetime(2026, 3, 5, 12, tzinfo=datetime.UTC).timestamp()) * 10**6
OPTIONS = Distinct(np.frombuffer(b"\x02\x04\x05\xb4", np.uint8), np.array([0, 0, 4], np.int32))


def packets(times, first=0):
    """Packets at these times (microseconds); `source` counts from `first`, so that each row is known."""
    rows = len(times)
    batch = packet_batch(max(rows, 1))
    for column in batch:
        column[:] = 0
    batch.time[:rows] = times
    batch.source[:rows] = np.arange(first, first + rows)
    batch.layers[:rows] = np.resize([WHOLE_TCP, WHOLE_TCP | PAYLOAD], rows)
    batch.signature_entry[:rows] = 0
    batch.options_entry[:rows] = np.resize([1, 0], rows)
    return packets_table(batch, rows, ["C/24"], np.full((1, 16), 7, np.uint8), OPTIONS)


def forget_lengths(file):
    """Rewrite a file of packets as it was before `packets` had columns for lengths."""
    with pq.ParquetFile(file) as whole:
        rows = whole.read().drop_columns(list(LENGTHS))
    pq.write_table(rows, file)


def of_an_earlier_version(store):
    """Make the store one whose manifests have no checksums, of files as they are now."""
    for folder in (store / "_state").glob("sensor=*"):
        snapshot = Snapshot(folder)
        snapshot.close()
        for path, size in snapshot.state.files.items():
            snapshot.state.files[path] = {"rows": size["rows"], "bytes": (store / path).stat().st_size}
        write_generation(folder, snapshot.state)
        (folder / "manifest.head").unlink()


def payloads(times, octets=b"GET /"):
    """New payloads at these times, all different."""
    moments = [datetime.datetime.fromtimestamp(t / 10**6, datetime.UTC) for t in times]
    values = [b"%s %d %d" % (octets, t, i) for i, t in enumerate(times)]
    return pa.Table.from_pylist(
        [
            {
                "signature": hashlib.md5(value).digest(),
                "day": moment.date(),
                "first_seen": moment,
                "length": len(value),
                "payload": value,
                "protocol": 6,
                "destination_port": None,
                "source": 1,
                "ever_first_seen": moment,
                "truncated": False,
            }
            for moment, value in zip(moments, values, strict=True)
        ],
        schema=arrow_schema("payloads"),
    )


def coverage(since, until):
    """Coverage of one block."""
    row = {"block": "C/24", "prefix": "198.51.100.0/24", "policy": "passive", "frames_lost": 0, "payloads_lost": 0}
    return pa.Table.from_pylist([row | {"since": since, "until": until}], schema=arrow_schema("coverage"))


def put(writer, table, rows):
    """Hand rows to a writer."""
    writer.write(table, lambda: rows)


def sources(files):
    """The sources of all packets in these files, sorted: what rows there are."""
    import pyarrow.parquet as pq

    found = [pq.ParquetFile(file).read(columns=["source"]).column(0).to_pylist() for file in files]
    return sorted(source for column in found for source in column)


def plain_files(store, table="packets"):
    """What others see of a table, sorted."""
    return sorted(store.glob(f"{table}/**/*.parquet"))
