"""A lake of 1, 10 and 100 million packets, asked on DuckDB and on Spark: what a row costs, and whether it grows.

The rows lie as `ims ship` lays them, in the store's own encodings: four sensors, 24 hours. DuckDB runs in this process
with all cores; Spark is a standalone master with two workers of one core each, all on this machine. Both are warm: each
question is asked twice before it is timed. A nanosecond a row is a second for a billion packets.
"""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.table import VERDICT_HEAD, table, verdict
from ims.query.plans.plan import PLANS
from ims.query.request import Request, make_request
from ims.records import CATEGORIES, PAYLOAD, PORTS, WHOLE_TCP, packet_batch
from ims.store.columns import Distinct, conform, packets_table
from ims.store.schema import ROW_GROUP, hour_folder, parquet_writer, stored_schema

SENSORS, HOURS = 4, 24
BEGIN = 1_772_582_400 // 3600
"""2026-03-04, in hours since the epoch"""
SIZES, QUICK_SIZES = (1_000_000, 10_000_000, 100_000_000), (50_000, 200_000)
QUESTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "count": ("count", {}),
    "top ports": ("top", {"group": "destination_port"}),
    "distinct sources": ("series", {"metric": "sources", "bin": "1d"}),
    "series of 5 minutes": ("series", {"bin": "5m"}),
}
PORTS_SEEN = np.array([445, 135, 139, 80, 1434, 1433, 23, 22, 3389, 5060], np.uint16)
OPTIONS = Distinct(np.frombuffer(b"\x02\x04\x05\xb4", np.uint8), np.array([0, 0, 4], np.int32))
PROPERTIES = {"spark.executor.memory": "2g", "spark.driver.memory": "2g"}
WARMING = 2
LEVEL = 1.1
"""Of a cost that is level: not more than this, from one size to the next."""


class Laid:
    """Packets in a folder, for engines."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def files(self, table: str, since_us: int | None = None, until_us: int | None = None) -> list[Path]:
        return sorted(self.path.glob(f"{table}/**/*.parquet"))

    def refuse_damage(self, files: Iterable[Path]) -> None:
        pass


def measure(folder: Path, *, quick: bool) -> str:
    """Build each size, ask it on both engines, and return the tables."""
    from tests.lake.spark_cluster import cluster

    runs = 1 if quick else 3
    found: dict[tuple[str, str, int], float] = {}
    sizes = QUICK_SIZES if quick else SIZES
    octets = {}
    with cluster(folder / "cluster", memory="2g") as running:
        for rows in sizes:
            lake = Laid(folder / f"lake{rows}")
            octets[rows] = build(lake.path, rows)
            for engine, ask in engines(lake, running.address):
                for name, (verb, words) in QUESTIONS.items():
                    found[name, engine, rows] = timed(ask, make_request(verb, None, **words), runs)
            shutil.rmtree(lake.path)
    head = ("question", "engine", *(f"{rows:,}" for rows in sizes), *(f"ns of {rows:,}" for rows in sizes))
    sized = ", ".join(f"{rows:,} rows in {octets[rows] / 1e6:,.0f} MB" for rows in sizes)
    return "\n\n".join([
        f"A lake of {SENSORS} sensors and {HOURS} hours: {sized}. Seconds, medians of {runs}, and nanoseconds a row, "
        "which are seconds for a billion packets.",
        table(head, costs(found, sizes)),
        table(VERDICT_HEAD, growth(found, sizes)),
        *(crossing(found, name, sizes) for name in QUESTIONS),
    ])  # fmt: skip


def build(folder: Path, rows: int) -> int:
    """A lake's packets; the octets that they take."""
    random = np.random.default_rng(rows)
    sources = random.integers(1 << 24, 0xDFFFFFFF, max(rows // 20, 1000), np.uint32)
    signatures = random.integers(0, 256, (2000, 16), np.uint8)
    schema, size = stored_schema("packets"), 0
    for number in range(SENSORS * HOURS):
        sensor, hour = f"s{number // HOURS}", BEGIN + number % HOURS
        path = folder / hour_folder("packets", sensor, hour) / "part.parquet"
        path.parent.mkdir(parents=True)
        left = (number + 1) * rows // (SENSORS * HOURS) - number * rows // (SENSORS * HOURS)
        with parquet_writer(path, "packets", schema) as writer:
            at, step = hour * 3_600_000_000, 3_600_000_000 // max(left, 1)
            while left:
                many = min(left, ROW_GROUP)
                part = packets(random, many, at, step, sources, signatures)
                writer.write_table(conform(part, schema), row_group_size=ROW_GROUP)
                at, left = at + many * step, left - many
        size += path.stat().st_size
    return size


def packets(random: np.random.Generator, rows: int, at: int, step: int, sources: Any, signatures: Any) -> pa.Table:
    """SYNs of scanners, a tenth of them UDP with a payload; a row every `step` microseconds."""
    batch = packet_batch(rows)
    for column in batch:
        column[:] = 0
    udp = random.random(rows) < 0.1
    batch.time[:] = at + np.arange(rows) * step
    batch.time_ns[:] = random.integers(0, 1000, rows)
    batch.source[:] = sources[(random.random(rows) ** 3 * len(sources)).astype(np.int64)]  # few send much
    batch.destination[:] = 0xC6330000 + random.integers(0, 1 << 16, rows)
    batch.protocol[:] = np.where(udp, 17, 6)
    batch.source_port[:] = random.integers(1024, 65_536, rows)
    known = random.random(rows) < 0.8
    batch.destination_port[:] = np.where(
        known, PORTS_SEEN[random.integers(0, len(PORTS_SEEN), rows)], random.integers(1, 65_536, rows)
    )
    batch.tcp_flags[:] = np.where(udp, 0, 2)
    batch.tcp_sequence[:] = random.integers(0, 1 << 32, rows)
    batch.tcp_window[:] = 1024
    batch.ttl[:] = random.integers(40, 128, rows)
    batch.ip_id[:] = random.integers(0, 1 << 16, rows)
    batch.payload_length[:] = np.where(udp, 376, 0)
    batch.total_length[:] = np.where(udp, 404, 44)
    batch.category[:] = np.where(udp, CATEGORIES.index("udp"), CATEGORIES.index("scan"))
    batch.layers[:] = np.where(udp, PORTS | PAYLOAD, WHOLE_TCP)
    batch.signature_entry[:] = random.integers(0, len(signatures), rows)
    batch.options_entry[:] = np.where(udp, 0, 1)
    return packets_table(batch, rows, ["C/16"], signatures, OPTIONS)


def engines(lake: Laid, master: str) -> Any:
    """Each engine's name, and how it is asked; open while it is."""
    from ims.query.engines.duckdb import Engine
    from ims.query.engines.spark import SparkEngine, SparkSettings

    for name, engine in (
        ("DuckDB", Engine([lake])),
        ("Spark", SparkEngine(lake, SparkSettings(master=master, properties=PROPERTIES))),
    ):
        yield name, engine.run
        engine.close()


def timed(ask: Callable[..., Any], request: Request, runs: int) -> float:
    """Median seconds of a question."""
    plan = PLANS[request.verb]
    for _ in range(WARMING):
        ask(plan, request)
    took = []
    for _ in range(runs):
        began = time.perf_counter()
        ask(plan, request)
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def costs(found: dict[tuple[str, str, int], float], sizes: Sequence[int]) -> list[list[str]]:
    """A row for each question and engine."""
    rows = []
    for name in QUESTIONS:
        for engine in ("DuckDB", "Spark"):
            took = [found[name, engine, size] for size in sizes]
            each = [f"{1e9 * seconds / size:.3g}" for seconds, size in zip(took, sizes, strict=True)]
            rows.append([name, engine, *(f"{seconds:.3g}" for seconds in took), *each])
    return rows


def growth(found: dict[tuple[str, str, int], float], sizes: Sequence[int]) -> list[list[str]]:
    """Whether a row costs no more in the largest lake than in the one before."""
    before, last = sizes[-2:]
    return [
        verdict(
            f"{name}, {engine}: a row of {last:,} over one of {before:,}",
            found[name, engine, last] / last / (found[name, engine, before] / before), "<=", LEVEL,
        )
        for name in QUESTIONS for engine in ("DuckDB", "Spark")
    ]  # fmt: skip


def crossing(found: dict[tuple[str, str, int], float], name: str, sizes: Sequence[int]) -> str:
    """From where Spark is the faster one, if it is."""
    faster = [size for size in sizes if found[name, "Spark", size] < found[name, "DuckDB", size]]
    if faster:
        return f"{name}: Spark is faster with {', '.join(f'{size:,}' for size in faster)} rows."
    ratio = found[name, "Spark", sizes[-1]] / found[name, "DuckDB", sizes[-1]]
    return f"{name}: Spark is nowhere faster; with {sizes[-1]:,} rows it takes {ratio:.1f} times as long."
