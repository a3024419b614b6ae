"""SQL of questions, kept by their shape: what Ibis takes 20 to 160 ms of processor time for is looked up the next time.

A question is compiled over tables of fixed names, so its text depends on neither files nor times nor filter: those are
in the views behind the names. `ims_selected` is `ims_packets` under the filter; a filter is compiled once, however many
parts an answer has. (Measured on a small store: a count under a filter 164 ms of processor time before, 25 ms after.)
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import pyarrow as pa

from ims.query.engines.part_reader import Pairs, Way, looks
from ims.query.engines.sql_compiler import to_sql
from ims.query.engines.sql_store import kept
from ims.query.language.columns import hides
from ims.query.language.syntax_tree import Expression
from ims.query.plans.hidden_sources import COLUMN, marked
from ims.query.plans.plan import Tables, epoch_us
from ims.query.plans.predicate import predicate
from ims.query.plans.tables import described_as, empty
from ims.query.question import Question
from ims.query.request import Ranges, Request

TABLES = {
    "packets": "ims_packets", "payloads": "ims_payloads", "coverage": "ims_coverage", "frames_raw": "ims_frames_raw",
}  # fmt: skip
SELECTED = "ims_selected"
MARKED_PACKETS = "ims_marked_packets"
"""The packets with what says of each whether its source is hidden: worked out once, however often a filter asks it."""
KEPT_OCTETS = 8 << 20
"""Of each kind of SQL: the texts of thousands of questions, or of ten of the longest."""
OF_THE_RANGE = ("coverage", "frames")
"""Plans that look at the range themselves: not at packets, whose view is limited to it."""


class LookSql(NamedTuple):
    """A look (part_reader.py) in SQL. `instead`: that of its parts by the database alone, of one whose kernels may have
    too little memory where the database has enough."""

    sql: str
    way: Way
    instead: tuple[tuple[str, str], ...] = ()


def half(question: Question, pairs: bool = False) -> tuple[LookSql, ...]:
    """The looks of a sensor's half: those without a group in one where they can be (each look takes half a millisecond
    a file); `pairs`: whether kernels count distinct addresses of a group."""
    if question.plan not in OF_THE_RANGE:
        question = question.model_copy(update={"request": without_range(question)})
    return _half(question.model_dump_json(), pairs)


def merged(question: Question, parts: Mapping[str, pa.Schema]) -> str:
    """The SQL of the merging half, over a table for each part: `part_table` of its name."""
    # What is asked about stands in the halves.
    question = question.model_copy(update={"request": without_range(question), "signatures": (), "sources": ()})
    schemas = tuple((name, schema.serialize().to_pybytes()) for name, schema in parts.items())
    return _merged(question.model_dump_json(), schemas)


def part_table(part: str) -> str:
    """The name of the table that holds what sensors sent of a part."""
    return f"ims_part_{part}"


@kept(KEPT_OCTETS)
def filtered(tree: Expression) -> str:
    """The SQL of a filter: the packets that it takes; of one that hides sources, of MARKED_PACKETS. No ranges stand in
    it, so that it is one text for all."""
    tables = Tables(lambda table: described_as(TABLES[table], empty(table).schema), epoch_us)
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


@kept(KEPT_OCTETS)
def _half(question: str, pairs: bool) -> tuple[LookSql, ...]:
    asked = Question.model_validate_json(question)
    names = TABLES | {"packets": SELECTED}
    tables = Tables(lambda table: described_as(names[table], empty(table).schema), epoch_us)
    parts = asked.as_plan().partial(tables, asked.request)
    return tuple(
        LookSql(
            to_sql(look.expression),
            look.way,
            tuple((name, to_sql(part)) for name, part in look.instead.items()) if isinstance(look.way, Pairs) else (),
        )
        for look in looks(parts, asked.request, together=True, pairs=pairs)
    )


@kept(KEPT_OCTETS)
def _merged(question: str, parts: tuple[tuple[str, bytes], ...]) -> str:
    asked = Question.model_validate_json(question)
    tables = {name: described_as(part_table(name), pa.ipc.read_schema(pa.py_buffer(schema))) for name, schema in parts}
    return to_sql(asked.as_plan().merge(tables, asked.request, False))
