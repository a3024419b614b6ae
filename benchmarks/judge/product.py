"""What ims does with a capture: the command's exit status and words, its books, and the rows in the store."""

from __future__ import annotations

import contextlib
import functools
import gc
import io
import json
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import typer

from ims.cli import main

typer.main.get_command = functools.cache(typer.main.get_command)
"""The tree of commands, made once for all: making it takes 0.1 s."""


@dataclass
class Ran:
    """A command that ended."""

    status: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """Its JSON; empty where it printed none."""
        try:
            return json.loads(self.out)
        except ValueError:
            return {}


def run(*words: str | Path) -> Ran:
    """`ims WORDS`, in this process (starting another costs a second)."""
    out, err, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv, status = ["ims", *map(str, words)], 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        status = 1
        err.write(traceback.format_exc())
    finally:
        sys.argv = before
        gc.collect()  # `main` collects rarely; without this each ingest's buffers, 30 MB, stay for hundreds of files
        gc.freeze()
    return Ran(status, out.getvalue(), err.getvalue())


def ingest(capture: Path, store: Path, blocks: Sequence[str], unwrap: str) -> Ran:
    words: list[str | Path] = ["ingest", capture, "--store", store, "--sensor", "judged", "--format", "json"]
    for block in blocks:
        words += ["--block", block]
    return run(*words, *(["--unwrap", unwrap] if unwrap else []))


def rows(store: Path) -> list[dict[str, Any]]:
    """Every packet stored, with `ns`: nanoseconds since the epoch."""
    found: list[dict[str, Any]] = []
    for path in sorted((store / "packets").rglob("*.parquet")):
        table = pq.ParquetFile(path).read()
        times = table.column("time").cast(pa.int64()).to_pylist()
        for row, micros in zip(table.drop(["time"]).to_pylist(), times, strict=True):
            row["ns"] = micros * 1000 + row["time_ns"]
            found.append(row)
    return found


def counts(store: Path, expressions: Sequence[str]) -> dict[str, int | str]:
    """How many packets each filter takes, all asked at once; what is said where one is refused."""
    from ims.query.engines.duckdb import Engine
    from ims.query.language.filter import parse
    from ims.query.plans.part import Parts, Totals
    from ims.query.plans.plan import Plan
    from ims.query.plans.predicate import predicate
    from ims.query.request import Request
    from ims.store.reader import open_store

    found: dict[str, int | str] = {}
    taken = []
    for expression in expressions:
        try:
            parse(expression)
            taken.append(expression)
        except ValueError as error:
            found[expression] = str(error)

    def partial(tables: Any, _request: Request) -> Parts:
        conditions = [predicate(parse(text), tables.packets, tables.payloads) for text in taken]
        named = {f"c{n}": tables.packets.count(where=condition) for n, condition in enumerate(conditions)}
        return {"counts": Totals(tables.packets, named)}

    with open_store(store) as opened:
        engine = Engine([opened])
        [row] = engine.run(Plan(partial, lambda parts, _r, _w: parts["counts"]), Request(verb="count")).to_pylist()
        engine.close()
    return found | {text: int(row[f"c{n}"] or 0) for n, text in enumerate(taken)}


def export(store: Path, out: Path) -> Ran:
    return run("export", "pcap", "--store", store, "--out", out)
