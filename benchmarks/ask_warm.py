"""The questions of benchmarks/ask.py in one Python process, through `ims.open`.

    .venv/bin/python -m benchmarks.ask_warm STORE [--runs 5]

Prints `{"seconds": {question: [..]}, "answers": {question: number in the first row}}`. Each question is asked
once unmeasured.
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

ANALYSES: dict[str, dict[str, Any]] = {
    "rate": {},
    "local-preference": {},
    "signature": {"filter": "dst port 445"},
    "ports": {"bin": "1h"},  # of a single day no level is told
    "storage": {},
    "cache": {},
    "new-payloads": {"history": "2h"},
    "outbreak": {"filter": "dst port 445"},
    "chain": {"first": "dst port 445", "then": ["dst port 139"], "at": "sensor"},
    "circadian": {"filter": "dst port 445"},  # of a single day only the data are asked for
    "exchange": {"source": "205.180.249.39"},
}
"""Each analysis, and its words."""


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
    given = parser.parse_args()
    seconds: dict[str, list[float]] = {}
    answers: dict[str, Any] = {}
    with ims.open(given.store) as telescope:
        questions = {
            "top destination_port": lambda: telescope.top("destination_port"),
            "series of a day, 5 minutes": lambda: telescope.series(bin="5m"),
            "distinct sources of port 445": lambda: telescope.series("dst port 445", metric="sources", bin="1d"),
            "all of count for port 445": lambda: telescope.count("dst port 445"),
        } | {f"analyse {name}": partial(telescope.analysis, name, words) for name, words in ANALYSES.items()}
        for name, ask in questions.items():
            answers[name] = first_number(ask())
            seconds[name] = []
            for _ in range(given.runs):
                begin = time.perf_counter()
                first_number(ask())
                seconds[name].append(time.perf_counter() - begin)
    print(json.dumps({"seconds": seconds, "answers": answers}))


if __name__ == "__main__":
    main()
