"""The questions of benchmarks/ask.py in one Python process, through `ims.open`.

    .venv/bin/python -m benchmarks.ask_warm STORE [--runs 5] [--days]

Prints `{"seconds": {question: [..]}, "answers": {question: number in the first row}, "peaks": {question: octets}}`:
the process's largest memory while it was asked. Each question is asked once unmeasured. `--days`: analyses that need
more than a day.
"""

from __future__ import annotations

import argparse
import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import ims
from ims.analyse.result import Result

ANALYSES: dict[str, tuple[str, dict[str, Any]]] = {
    "rate": ("rate", {}),
    "local-preference": ("local-preference", {}),
    "signature of port 445": ("signature", {"filter": "dst port 445"}),
    "signature of all packets": ("signature", {}),
    "storage": ("storage", {}),
    "cache": ("cache", {}),
    "new-payloads, rows of all": ("new-payloads", {"history": "2h"}),
    "outbreak of port 445": ("outbreak", {"filter": "dst port 445"}),
    "outbreak of all packets": ("outbreak", {}),
    "chain of ports 445 and 139": ("chain", {"first": "dst port 445", "then": ["dst port 139"], "at": "sensor"}),
    "exchange": ("exchange", {"source": "205.180.249.39"}),
}
"""Each analysis of a day, and its words."""
OF_DAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "ports": ("ports", {}),
    "circadian of port 445": ("circadian", {"filter": "dst port 445"}),
    "circadian of all packets": ("circadian", {}),
}
"""Those that need more."""


def first_number(answer: Any) -> Any:
    """Of an answer's first row, or the value of a result's first estimate."""
    if isinstance(answer, Result):
        return next(iter(answer.estimates.values())).value
    [first, *_] = answer.rows()
    return first.get("value", first.get("sources"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.ask_warm")
    parser.add_argument("store", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--days", action="store_true")
    given = parser.parse_args()
    seconds: dict[str, list[float]] = {}
    answers: dict[str, Any] = {}
    peaks: dict[str, int] = {}
    with ims.open(given.store) as telescope:
        questions: dict[str, Any] = {
            "top destination_port": lambda: telescope.top("destination_port"),
            "series of a day, 5 minutes": lambda: telescope.series(bin="5m"),
            "distinct sources of port 445": lambda: telescope.series("dst port 445", metric="sources", bin="1d"),
            "all of count for port 445": lambda: telescope.count("dst port 445"),
        }
        analyses = OF_DAYS if given.days else ANALYSES
        of_analyses = {f"analyse {what}": partial(telescope.analysis, *asked) for what, asked in analyses.items()}
        for name, ask in (of_analyses if given.days else questions | of_analyses).items():
            Path("/proc/self/clear_refs").write_text("5")  # the peak from now on
            answers[name] = first_number(ask())
            seconds[name] = []
            for _ in range(given.runs):
                begin = time.perf_counter()
                first_number(ask())
                seconds[name].append(time.perf_counter() - begin)
            status = Path("/proc/self/status").read_text()
            peaks[name] = int(status.partition("VmHWM:")[2].split()[0]) << 10
    print(json.dumps({"seconds": seconds, "answers": answers, "peaks": peaks}))


if __name__ == "__main__":
    main()
