"""`ims simulate` beside programs that only copy its capture.

Every scenario is written by a new process, from exec to exit, the truth included. After each run the same file is
copied by `cat`, which makes nothing of it, and by tcpdump, which walks its packets. Files are on a memory file system
where there is room (`/dev/shm`), so that the figures are the programs' and not the disk's. Runs take turns; figures are
medians.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
from pathlib import Path

from benchmarks.measure import Run, run
from benchmarks.table import VERDICT_HEAD, table, verdict

IMS = Path(sys.executable).parent / "ims"
GIB = 1 << 30
SYNS = """
title = "SYNs of 54 octets, from sources that are all different"
start = 2026-03-04T12:00:00Z
duration = "{seconds}s"
[[block]]
name = "C/24"
prefix = "198.51.100.0/24"
answers = false
[[worm]]
name = "SYNs"
hosts = 50_000_000
runs_per_hour = 1_000_000_000
personas = {{ raw = 1 }}
service = [{{ port = "tcp/445" }}]
"""
SCENARIOS = (("flood", 1.0), ("blaster-2003", 0.25), ("modern", 1.0), ("ims-2004", 1.0))
"""name, its scale"""


class Measured:
    """The runs of one scenario, and of those that copy what it wrote."""

    def __init__(self, name: str, words: list[str]) -> None:
        self.name, self.words = name, words
        self.wrote: list[Run] = []
        self.copied: list[float] = []
        self.walked: list[float] = []
        self.packets = self.size = 0

    def once(self, folder: Path) -> None:
        """Write it, then copy it."""
        capture, copy = folder / "simulated.pcap", folder / "copy.pcap"
        self.wrote.append(run([str(IMS), "simulate", *self.words, "--out", str(capture), "--truth", os.devnull]))
        self.packets = int(self.wrote[-1].output.split()[0].replace(",", ""))
        self.size = capture.stat().st_size
        self.copied.append(run(["sh", "-c", 'cat "$0" > "$1"', str(capture), str(copy)]).seconds)
        copy.unlink()
        if shutil.which("tcpdump"):
            self.walked.append(run(["tcpdump", "-r", str(capture), "-w", str(copy)]).seconds)
            copy.unlink()
        capture.unlink()

    @property
    def seconds(self) -> float:
        return statistics.median(one.seconds for one in self.wrote)

    @property
    def mpps(self) -> float:
        return self.packets / self.seconds / 1e6

    @property
    def peak(self) -> int:
        return max(one.peak_bytes for one in self.wrote)

    def row(self) -> list[str]:
        spread = sorted(self.packets / one.seconds / 1e6 for one in self.wrote)
        walked = f"{self.seconds / statistics.median(self.walked):.1f}" if self.walked else "absent"
        return [
            self.name, f"{self.packets / 1e6:.2f} M", f"{self.size / self.packets:.0f}", str(len(self.wrote)),
            f"{self.seconds:.2f}", f"{self.mpps:.2f}", f"{spread[0]:.2f} to {spread[-1]:.2f}",
            f"{self.size / self.seconds / 1e6:,.0f}",
            f"{statistics.median(one.cpu_seconds for one in self.wrote):.2f}", f"{self.peak / 1e6:,.0f}",
            f"{self.seconds / statistics.median(self.copied):.1f}", walked,
        ]  # fmt: skip


def measure(folder: Path, *, quick: bool) -> str:
    """Run everything, and return the tables."""
    scenario = folder / "syns.toml"
    scenario.write_text(SYNS.format(seconds=1 if quick else 20))
    small = [Measured("SYNs", [str(scenario)])]
    shared = Path("/dev/shm")
    room = 1 << 28 if quick else 6 * GIB
    fast = shared.is_dir() and shutil.disk_usage(shared).free > room
    where = shared / f"ims-bench-{os.getpid()}" if fast else folder / "simulated"
    where.mkdir(mode=0o755)
    all_of_them = small + [
        Measured(name, [name, "--scale", f"{scale * (0.02 if quick else 1):g}"]) for name, scale in SCENARIOS
    ]
    try:
        for one in all_of_them:  # kernels are compiled before anything is measured
            run([str(IMS), "simulate", one.words[0], "--scale", "0.001", "--out", str(where / "first.pcap")])
        for number in range(1 if quick else 5):
            for one in all_of_them:
                if number < 3 or one.name != "ims-2004":
                    one.once(where)
    finally:
        shutil.rmtree(where)
    head = (
        "scenario", "packets", "bytes each", "runs", "seconds", "Mpps", "Mpps, all runs", "MB/s", "CPU s", "peak MB",
        "times cat", "times tcpdump",
    )  # fmt: skip
    rows = [
        verdict("packets of minimal size", small[0].mpps, ">=", 2, " Mpps"),
        verdict("peak memory of any", max(one.peak for one in all_of_them) / GIB, "<", 1, " GiB"),
    ]
    return "\n\n".join([table(head, [one.row() for one in all_of_them]), table(VERDICT_HEAD, rows)])
