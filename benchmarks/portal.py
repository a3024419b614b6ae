"""A portal over 28 query daemons on this machine, with the traffic of `ims-2004`: how long answers take, and what they
cost beside one DuckDB over the same rows in one store.

Table 1 prints thirty blocks and the text counts 28 sensors: here the first and the last organisation have one sensor
for their two blocks. All is real: processes, mutual TLS, HTTP. Processor time is that of the portal and all daemons.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import portal_live
from benchmarks.measure import run
from benchmarks.table import VERDICT_HEAD, table, verdict

IMS = Path(sys.executable).parent / "ims"
SENSORS, CORES = 28, len(os.sched_getaffinity(0))
TICKS = os.sysconf("SC_CLK_TCK")
QUESTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "count": ("count", {}),
    "top destination_port": ("top", {"column": "destination_port"}),
    "series of a day, 5 minutes": ("series", {"bin": "5m"}),
}
PEOPLE = 20
ONE = """
import json, statistics, sys, time
import ims
runs, questions = int(sys.argv[2]), json.loads(sys.argv[3])
found = {}
with ims.open(sys.argv[1]) as telescope:
    for name, (verb, words) in questions.items():
        getattr(telescope, verb)(**words)
        taken = []
        for _ in range(runs):
            began, cpu = time.perf_counter(), time.process_time()
            getattr(telescope, verb)(**words)
            taken.append((time.perf_counter() - began, time.process_time() - cpu))
        found[name] = [statistics.median(t[i] for t in taken) for i in (0, 1)]
print(json.dumps(found))
"""


def measure(folder: Path, *, quick: bool) -> str:
    """Make the stores, start everything, ask, and return the tables."""
    from tests.portal.deployment import deployed

    runs = 2 if quick else 5
    stores, one, packets = build(folder, 0.02 if quick else 1.0)
    alone = json.loads(run([sys.executable, "-c", ONE, str(one), str(runs), json.dumps(QUESTIONS)]).output)
    with deployed(folder / "deployment", stores, deadline=120) as deployment:
        processes = [*deployment.sensors.values(), deployment.portal]
        pids = [process.process.pid for process in processes]  # type: ignore[union-attr]
        with deployment.telescope() as telescope:
            rows = []
            for name, (verb, words) in QUESTIONS.items():
                rows += _alone(name, verb, words, telescope, pids, runs, alone[name])
        rows += _together(deployment, pids, rounds=1 if quick else 3)
        memory = sum(_resident(pid) for pid in pids[:-1]) / SENSORS / 1e6, _resident(pids[-1]) / 1e6
    rows += portal_live.measure(folder, 5 if quick else 60)
    return "\n\n".join([
        f"A portal over {SENSORS} query daemons, {packets:,} packets; {CORES} cores; memory: {memory[0]:.0f} MB "
        f"a daemon on average, {memory[1]:.0f} MB the portal.",
        table(VERDICT_HEAD, rows),
    ])  # fmt: skip


def build(folder: Path, scale: float) -> tuple[dict[str, Path], Path, int]:
    """A store for each sensor, one for all, and how many packets."""
    from ims.simulate.scenario.scenario import read_scenario

    capture = folder / "day.pcap"
    run([str(IMS), "simulate", "ims-2004", "--scale", str(scale), "--out", str(capture)])
    blocks = {block.name: block.prefix for block in read_scenario("ims-2004").blocks()}
    of: dict[str, list[str]] = {}
    for name, prefix in blocks.items():
        sensor = name[0] if name[0] in "AR" else name.replace("/", "-")
        of.setdefault(sensor, []).append(f"{name}={prefix}")
    assert len(of) == SENSORS, of.keys()
    stores = {sensor: folder / "stores" / sensor for sensor in of}
    (folder / "stores").mkdir()
    for sensor, watched in of.items():
        _ingest(capture, stores[sensor], sensor, watched)
    found = _ingest(capture, folder / "one", "one", [block for watched in of.values() for block in watched])
    capture.unlink()
    return stores, folder / "one", int(found["stored"])


def _ingest(capture: Path, store: Path, sensor: str, blocks: Sequence[str]) -> dict[str, Any]:
    words = [word for block in blocks for word in ("--block", block)]
    done = run(
        [str(IMS), "ingest", str(capture), "--store", str(store), "--sensor", sensor, "--format", "json", *words]
    )
    return json.loads(done.output)  # type: ignore[no-any-return]


def _alone(
    name: str, verb: str, words: dict[str, Any], telescope: Any, pids: Sequence[int], runs: int, one: Sequence[float]
) -> list[list[str]]:
    """One question at a time."""
    ask: Callable[[], Any] = lambda: getattr(telescope, verb)(**words)  # noqa: E731
    ask()
    seconds, cpu, overhead = [], [], []
    for _ in range(runs):
        before, began = _cpu(pids), time.perf_counter()
        answer = ask()
        seconds.append(time.perf_counter() - began)
        cpu.append(_cpu(pids) - before)
        overhead.append(seconds[-1] - max(answer.record.took.values()))
        if len(answer.record.asked) != SENSORS or answer.record.silent:
            raise RuntimeError(f"{name}: not everybody answered: {answer.record.silent}")
    allowed = 3 * one[1] + 0.03 * SENSORS
    return [
        verdict(f"{name}: seconds", statistics.median(seconds), "<", 2, " s"),
        verdict(f"{name}: processor time (one store: {one[1]:.2f} s)", statistics.median(cpu), "<=", allowed, " s"),
        verdict(f"{name}: seconds beyond the slowest sensor", statistics.median(overhead), "<", 0.1, " s"),
    ]


def _together(deployment: Any, pids: Sequence[int], rounds: int) -> list[list[str]]:
    """Twenty people, each with a question of his own, all at once."""
    ports = (445, 135, 139, 80, 1025, 1433, 6129, 5000, 4899, 2745, 3127, 9996, 1434, 137, 1026, 4444, 22, 25, 53, 3306)
    ratios, failed = [], 0
    for _ in range(rounds):
        took: list[float] = []
        before, start = _cpu(pids), threading.Barrier(PEOPLE + 1)

        def person(number: int) -> None:
            nonlocal failed
            verb = ("count", "top", "series")[number % 3]
            words: dict[str, Any] = {"filter": f"dst port {ports[number]}"}
            words |= {"column": "source/16"} if verb == "top" else {"bin": "5m"} if verb == "series" else {}
            with deployment.telescope() as telescope:
                start.wait()  # noqa: B023
                began = time.perf_counter()
                try:
                    getattr(telescope, verb)(**words)
                except (OSError, ValueError):
                    failed += 1
                took.append(time.perf_counter() - began)  # noqa: B023

        people = [threading.Thread(target=person, args=(number,)) for number in range(PEOPLE)]
        for one in people:
            one.start()
        start.wait()
        for one in people:
            one.join()
        inevitable = (_cpu(pids) - before) / CORES
        ratios.append(sorted(took)[int(0.95 * PEOPLE)] / inevitable)
    return [
        verdict(f"{PEOPLE} people at once: failed", failed, "<=", 0),
        verdict(f"{PEOPLE} people at once: p95 over processor time by cores", statistics.median(ratios), "<=", 1.5),
    ]


def _cpu(pids: Sequence[int]) -> float:
    """Processor time of some processes so far, seconds."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
