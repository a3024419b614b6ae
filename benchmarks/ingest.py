"""A whole ingest beside programs that only copy, count or look at the same capture.

Runs are interleaved, so that a slow moment of the machine hits all alike; the page cache is warm, written
data are synced before each run, and the figures are medians. Programs too slow for the whole capture get its
first packets; all are compared by packets a second.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measure import Run, read_through, run, tree_bytes
from benchmarks.table import VERDICT_HEAD, table, verdict

IMS = Path(sys.executable).parent / "ims"
BLOCK = "bench/8=10.0.0.0/8"
GIB = 1 << 30


@dataclass
class Program:
    """One side of the comparison."""

    name: str
    does: str
    command: Callable[[Path], list[str]]
    install: str
    """what to do where it is absent"""
    packets: int | None = None
    """how many packets of the capture it gets at most; None: all"""
    runs: int = 5
    done: list[Run] = field(default_factory=list)

    def present(self) -> bool:
        if self.name == "dpkt":
            return importlib.util.find_spec("dpkt") is not None
        return shutil.which(self.name) is not None

    def median(self) -> float:
        return statistics.median(one.seconds for one in self.done)


def others() -> list[Program]:
    """The programs to compare with, the fast ones first."""
    null = ["-w", "/dev/null"]
    dpkt = [sys.executable, str(Path(__file__).with_name("dpkt_md5.py"))]
    return [
        Program("tcpdump", "copies", lambda f: ["tcpdump", "-r", str(f), *null], "apt install tcpdump"),
        Program("tracestats", "counts", lambda f: ["tracestats", str(f)], "apt install libtrace-tools"),
        Program("zstd", "compresses, -3", lambda f: ["zstd", "-3qf", str(f), "-o", zst(f)], "apt install zstd"),
        Program("p0f", "fingerprints", lambda f: ["p0f", "-r", str(f)], "apt install p0f", 1_000_000, 3),
        Program(
            "argus",
            "flow records",
            lambda f: ["argus", "-r", str(f), *null],
            "apt install argus-server",
            runs=1,  # it gets slower with every flow it keeps, so only the whole capture is fair
        ),
        Program("dpkt", "dpkt with MD5", lambda f: [*dpkt, str(f)], "pip install dpkt", 200_000, 3),
    ]


def zst(capture: Path) -> str:
    return str(capture.with_suffix(".zst"))


@dataclass
class Ingested:
    """What the runs of `ims ingest` said; `stored` is counted on disk."""

    seconds: list[float]
    wholes: list[Run]
    stored: int
    answer: dict[str, float]
    first: Run


def measure(folder: Path, packets: int, *, quick: bool, with_ims: bool) -> str:
    """Make the capture, run everything, and return the tables."""
    capture = folder / "traffic.pcap"
    run([sys.executable, "-m", "benchmarks.traffic", str(capture), "--packets", str(packets)])
    programs = others()
    present = [program for program in programs if program.present()]
    captures = {program.name: head(capture, packets, program.packets) for program in present}
    # A cache of our own: the first ingest compiles all kernels, and says what that costs.
    os.environ["IMS_CACHE_DIR"] = str(folder / "kernels")
    ours = Ingested([], [], 0, {}, Run(0, 0, 0, ""))
    if with_ims:
        small = head(capture, packets, 10_000)
        ours.first = ingest(small, folder / "first")
        shutil.rmtree(folder / "first")
    store = folder / "store"

    failed: list[str] = []
    rounds = 1 if quick else max(program.runs for program in programs)
    for number in range(rounds):
        for program in present:
            if number < program.runs:
                read_through(captures[program.name])
                os.sync()
                try:
                    program.done.append(run(program.command(captures[program.name])))
                except RuntimeError as error:  # such as argus without memory: the others go on
                    failed.append(str(error))
        if with_ims:
            shutil.rmtree(store, ignore_errors=True)
            read_through(capture)
            os.sync()
            whole = ingest(capture, store)
            ours.answer = json.loads(whole.output)
            ours.seconds.append(ours.answer["seconds"])
            ours.wholes.append(whole)
    present = [program for program in present if program.done]
    sizes = {program.name: min(packets, program.packets or packets) for program in present}
    speeds = {program.name: sizes[program.name] / program.median() for program in present}
    missing = [f"{p.name} is absent: {p.install}" for p in programs if not p.present()]
    parts = [programs_table(present, sizes, ours, packets), *missing, *failed]
    if with_ims:
        ours.stored = tree_bytes(store)
        parts += [
            details(ours, packets),
            targets(ours, speeds, capture, packets),
            exported(folder, capture, store),
        ]
        shutil.rmtree(store)
    for file in folder.glob("traffic*"):
        file.unlink()
    return "\n\n".join(parts)


def ingest(capture: Path, store: Path) -> Run:
    return run([
        str(IMS), "ingest", str(capture), "--store", str(store), "--sensor", "bench", "--block", BLOCK,
        "--format", "json",
    ])  # fmt: skip


def head(capture: Path, packets: int, limit: int | None) -> Path:
    """The capture's first packets as a file of their own; the capture itself where it has no more."""
    if limit is None or limit >= packets:
        return capture
    path = capture.with_name(f"traffic-{limit}.pcap")
    if not path.exists():
        with capture.open("rb") as whole, path.open("wb") as part:
            part.write(whole.read(24))
            for _ in range(limit):
                header = whole.read(16)
                part.write(header + whole.read(int.from_bytes(header[8:12], "little")))
    return path


def programs_table(present: list[Program], sizes: dict[str, int], ours: Ingested, packets: int) -> str:
    rows = []
    speed = packets / statistics.median(ours.seconds) if ours.seconds else 0.0

    def row(name: str, does: str, size: int, runs: list[Run], seconds: float) -> list[str]:
        ratio = f"{speed / (size / seconds):.3g}" if speed else ""
        cpu = statistics.median(one.cpu_seconds for one in runs)
        peak = max(one.peak_bytes for one in runs)
        return [
            name, does, f"{size / 1e6:g} M", str(len(runs)), f"{seconds:.2f}",
            f"{size / seconds / 1e6:.3f}", f"{cpu:.2f}", f"{peak / 1e6:,.0f}", ratio,
        ]  # fmt: skip

    if ours.seconds:
        inner = statistics.median(ours.seconds)
        outer = statistics.median(one.seconds for one in ours.wholes)
        rows.append(row("ims ingest", "stores everything", packets, ours.wholes, inner))
        rows.append(row("ims ingest", "the same, whole process", packets, ours.wholes, outer))
    rows += [row(p.name, p.does, sizes[p.name], p.done, p.median()) for p in present]
    return table(
        ("program", "does", "packets", "runs", "seconds", "Mpps", "CPU s", "peak MB", "ims is ... times"),
        rows,
    )


def details(ours: Ingested, packets: int) -> str:
    answer = ours.answer
    return "\n".join([
        f"ims: {answer['stored']:,} of {answer['frames']:,} frames stored, "
        f"hit rate of payloads {answer['hit_rate']:.3f}, "
        f"{ours.stored / packets:.1f} bytes a packet in the store "
        f"(it says {answer['bytes_stored']:,} bytes, on disk are {ours.stored:,})",
        f"ims, first start of all, kernels compiled, 10,000 packets: {ours.first.seconds:.1f} s",
    ])  # fmt: skip


def targets(ours: Ingested, speeds: dict[str, float], capture: Path, packets: int) -> str:
    speed = packets / statistics.median(ours.seconds)
    wanted = {"tcpdump": 0.25, "tracestats": 0.25, "p0f": 25, "argus": 25, "dpkt": 25}
    rows = [
        verdict(f"speed of ims / {name}", speed / speeds[name], ">=", target)
        for name, target in wanted.items()
        if name in speeds
    ]
    rows.append(verdict("pcap bytes / stored bytes", capture.stat().st_size / ours.stored, ">=", 5))
    compressed = Path(zst(capture))
    if compressed.exists():
        rows.append(verdict("stored bytes / zstd -3 bytes", ours.stored / compressed.stat().st_size, "<=", 0.75))
    peak = max(one.peak_bytes for one in ours.wholes)
    rows.append(verdict("peak memory of ims ingest", peak / GIB, "<", 1, " GiB"))
    return table(VERDICT_HEAD, rows)


def exported(folder: Path, capture: Path, store: Path) -> str:
    """Export everything again, and compare it with the capture."""
    out = folder / "export.pcap"
    try:
        took = run([str(IMS), "export", "pcap", "--store", str(store), "--out", str(out)])
    except RuntimeError as error:  # the figures before this one are worth keeping
        return f"export pcap, byte for byte: MISSED, {error}"
    same = json.loads(run([sys.executable, "-m", "benchmarks.compare", str(capture), str(out)]).output)
    out.unlink()
    equal = same["differing"] == 0 and same["packets"] == same["exported"]
    return table(VERDICT_HEAD, [
        ["export pcap, byte for byte", f"{same['differing']:,} of {same['packets']:,} differ", "0",
         "met" if equal else "MISSED"],
        ["export pcap, seconds", f"{took.seconds:.1f} s, {took.peak_bytes / 1e6:,.0f} MB", "", ""],
    ])  # fmt: skip
