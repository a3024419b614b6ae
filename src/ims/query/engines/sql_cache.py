"""SQL of questions, kept by their shape: Ibis takes 20 to 160 ms of processor time for it, the first time only.

A question is compiled over tables of fixed names, so its SQL doesn't depend on files, times and filter: those are in
the views of these names. `ims_selected` is `ims_packets` under the filter; a filter is compiled once for all parts of
an answer. (Measured on a small store: a count under a filter 164 ms of processor time before, 25 ms after.)
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import pyarrow as pa

from ims.query.engines.pair_ways import ChosenPairs, NearTotals, Pairs
from ims.query.engines.part_reader import Way, looks
from ims.query.engines.sql_compiler import to_sql
from ims.query.engines.sql_store import kept
from ims.query.language.columns import hides
from ims.query.language.syntax_tree import Expression
from ims.query.plans.hidden_sources import COLUMN, marked
from ims.query.plans.plan import Tables, epoch_us
from ims.query.plans.predicate import predicate
from ims.query.plans.tables import OPENED, described_as, empty
from ims.query.question import Question
from ims.query.request import Ranges, Request

TABLES = {table: f"ims_{table}" for table in OPENED}
SELECTED = "ims_selected"
MARKED_PACKETS = "ims_marked_packets"
"""The packets with a column that tells whether the source is hidden: computed once, however often a filter reads it."""
KEPT_OCTETS = 8 << 20
"""Of each kind of SQL: thousands of questions, or ten of the longest."""
OF_THE_RANGE = ("coverage", "frames")
"""Plans that use the range themselves, as they don't read packets, whose view is limited to it."""


class LookSql(NamedTuple):
    """A look (part_reader.py) in SQL. `instead`: its parts by the database alone, where kernels have no memory;
    `names`: what is read first, if anything."""

    sql: str
    way: Way
    instead: tuple[tuple[str, str], ...] = ()
    names: str = ""


def half(question: Question, pairs: bool = False) -> tuple[LookSql, ...]:
    """The looks of a sensor's half (0.5 ms a file each). `pairs`: whether kernels count addresses of a group."""
    if question.plan not in OF_THE_RANGE:
        question = question.model_copy(update={"request": without_range(question)})
    return _half(question.model_dump_json(), pairs)


def merged(question: Question, parts: Mapping[str, pa.Schema]) -> str:
    """The SQL of the merging half, over a `part_table` for each part. Only sensors' halves have chosen values."""
    question = question.model_copy(update={"request": without_range(question), "signatures": (), "sources": ()})
    schemas = tuple((name, schema.serialize().to_pybytes()) for name, schema in parts.items())
    return _merged(question.model_dump_json(), schemas)


def part_table(part: str) -> str:
    """The name of the table of what sensors sent for a part."""
    return f"ims_part_{part}"


@kept(KEPT_OCTETS)
def filtered(tree: Expression) -> str:
    """The SQL of a filter's packets, from MARKED_PACKETS if it hides sources: without ranges, the same for all."""
    tables = _tables(TABLES)
    if not hides(tree):
        return to_sql(tables.packets.filter(predicate(tree, tables.packets, tables.payloads)))
    schema = empty("packets").schema.append(pa.field(COLUMN, pa.bool_(), nullable=False))
    packets = described_as(MARKED_PACKETS, schema)
    return to_sql(packets.filter(predicate(tree, packets, tables.payloads)).drop(COLUMN))


@lru_cache(4)
def marking(hidden: Ranges) -> str:
    """The SQL of MARKED_PACKETS."""
    return to_sql(marked(described_as(TABLES["packets"], empty("packets").schema), hidden))


def without_range(question: Question) -> Request:
    """The request as its plan sees it: range and filter are the views'."""
    return question.request.model_copy(update={"since": None, "until": None, "filter": None})


def _tables(names: Mapping[str, str]) -> Tables:
    return Tables(lambda table: described_as(names[table], empty(table).schema), epoch_us)


@kept(KEPT_OCTETS)
def _half(question: str, pairs: bool) -> tuple[LookSql, ...]:
    asked = Question.model_validate_json(question)
    parts = asked.as_plan().partial(_tables(TABLES | {"packets": SELECTED}), asked.request)
    found = []
    for look in looks(parts, asked.request, pairs):
        instead = look.instead if isinstance(look.way, Pairs | NearTotals | ChosenPairs) else {}
        sql = tuple((name, to_sql(part)) for name, part in instead.items())
        names = "" if look.names is None else to_sql(look.names)
        found.append(LookSql(to_sql(look.expression), look.way, sql, names))
    return tuple(found)


@kept(KEPT_OCTETS)
def _merged(question: str, parts: tuple[tuple[str, bytes], ...]) -> str:
    asked = Question.model_validate_json(question)
    tables = {name: described_as(part_table(name), pa.ipc.read_schema(pa.py_buffer(schema))) for name, schema in parts}
    return to_sql(asked.as_plan().merge(tables, asked.request, False))
