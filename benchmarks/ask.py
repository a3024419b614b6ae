"""Questions to a store of 50 M packets in one day, each from a cold process and from a warm one.

The page cache is warm: the store was just written. "Cold" is the whole `ims query`, from exec to exit; "warm"
the same question again in one Python process (benchmarks/ask_warm.py).
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

from benchmarks.ingest import BLOCK, IMS
from benchmarks.measure import Run, run, tree_bytes
from benchmarks.table import VERDICT_HEAD, table, verdict

MIDNIGHT = 1_772_582_400
"""2026-03-04 00:00 UTC"""
PIECE = 5_000_000
DAY = 86_400
DAYS = 30

QUESTIONS: dict[str, list[str]] = {
    "top destination_port": ["top", "destination_port"],
    "series of a day, 5 minutes": ["series", "--bin", "5m"],
    "distinct sources of port 445": ["series", "dst port 445", "--metric", "sources", "--bin", "1d"],
    "all of count for port 445": ["count", "dst port 445"],
}
"""ask_warm.py asks the same through `ims.open`"""


def measure(folder: Path, packets: int, *, quick: bool) -> str:
    """Build the store, ask it, and return the tables."""
    runs = 1 if quick else 5
    small, store, days = (folder / name for name in ("small", "day", "days"))
    build(folder, small, 5000)
    built = build(folder, store, packets)
    build(folder, days, packets, DAYS * DAY)
    # Once unmeasured: kernels and byte code are compiled then.
    query(store, ["count"])

    rows = []
    asking = [sys.executable, "-m", "benchmarks.ask_warm", "--runs", str(runs)]
    warm, of_days = (json.loads(run([*asking, *words]).output) for words in ([str(store)], [str(days), "--days"]))
    for name, words in QUESTIONS.items():
        cold = [query(store, words) for _ in range(runs)]
        seconds = statistics.median(one.seconds for one in cold)
        rows.append(verdict(f"{name}, cold process", seconds, "<", 1, " s"))
        rows.append(verdict(f"{name}, warm", statistics.median(warm["seconds"][name]), "<", 1, " s"))
    for found, what in ((warm, ""), (of_days, f" in {DAYS} days")):
        for name, seconds in found["seconds"].items():
            if name not in QUESTIONS:
                rows.append(verdict(f"{name}{what}, warm", statistics.median(seconds), "<", 3, " s"))
                rows.append(verdict("its memory", found["peaks"][name] / (1 << 20), "<", 1024, " MiB"))
    start = statistics.median(run([str(IMS), "--help"]).seconds for _ in range(runs))
    first = statistics.median(query(small, ["count"]).seconds for _ in range(runs))
    rows.append(verdict("ims --help", start, "<", 0.5, " s"))
    rows.append(verdict("ims query count, small store", first, "<", 2, " s"))
    peak = max(one.peak_bytes for one in built) / 1e6
    return "\n\n".join([
        f"A store of {packets:,} packets in one day: {tree_bytes(store) / 1e9:.2f} GB, "
        f"{len(built)} ingests, {sum(one.seconds for one in built):.0f} s, at most {peak:,.0f} MB of memory; "
        f"answers: {warm['answers'] | of_days['answers']}",
        table(VERDICT_HEAD, rows),
    ])  # fmt: skip


def build(folder: Path, store: Path, packets: int, seconds: int = DAY) -> list[Run]:
    """Fill the store with so many seconds of traffic, a piece at a time; returns what the ingests took."""
    done = []
    capture = folder / "piece.pcap"
    for begin in range(0, packets, PIECE):
        count = min(PIECE, packets - begin)
        run([
            sys.executable, "-m", "benchmarks.traffic", str(capture), "--packets", str(count),
            "--start", str(MIDNIGHT + seconds * begin / packets), "--seconds", str(seconds * count / packets),
        ])  # fmt: skip
        done.append(run([
            str(IMS), "ingest", str(capture), "--store", str(store), "--sensor", "bench", "--block", BLOCK,
            "--format", "json",
        ]))  # fmt: skip
    capture.unlink()
    return done


def query(store: Path, words: list[str]) -> Run:
    return run([str(IMS), "query", *words, "--store", str(store), "--format", "json"])
