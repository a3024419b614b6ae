"""Runs of the parts of docs/calibration.md, by two processes."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

from calibration import circadian, local_preference, new_payloads, outbreak, ports, signature

PARTS: dict[str, Any] = {
    f"{name}-{part}": getattr(analysis, part)
    for name, analysis in (
        ("outbreak", outbreak), ("circadian", circadian), ("local-preference", local_preference), ("ports", ports),
        ("signature", signature),
    )
    for part in ("estimates", "captures", "quiet", "disturbances")
}  # fmt: skip
PARTS |= {f"new-payloads-{part}": getattr(new_payloads, part) for part in ("captures", "delays")}
"""Modules that have CASES, SEEDS, `run(case, seed)` and `text(outcomes of cases)`."""
PROCESSES = 2
FEW = 100
"""Tasks, of which none are handed out together: each takes long, and one process would wait for the other."""


class Task(NamedTuple):
    """One run."""

    part: str
    case: str
    seed: int


def run(task: Task) -> tuple[Task, Any]:
    """What comes of a run."""
    return task, PARTS[task.part].run(task.case, task.seed)


def outcomes(tasks: list[Task]) -> Iterator[tuple[Task, Any]]:
    """Of all tasks, with a line that says how far it is."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # each process has a core of its own
    with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as pool:
        each = 4 if len(tasks) > FEW else 1
        for done, found in enumerate(pool.map(run, tasks, chunksize=each), 1):
            print(f"\r{tasks[0].part}: {done:,} of {len(tasks):,} runs", end="", file=sys.stderr, flush=True)
            yield found
    print(file=sys.stderr)


def text_of(part: str, seeds: int) -> str:
    """What a part says of so many seeds."""
    module = PARTS[part]
    tasks = [Task(part, case, seed) for case in module.CASES for seed in range(1, seeds + 1)]
    found: dict[str, list[Any]] = {case: [] for case in module.CASES}
    for task, outcome in outcomes(tasks):
        found[task.case].append(outcome)
    return str(module.text(found))
