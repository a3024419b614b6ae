"""Parts of answers survive their way whole, and nothing else is taken for an answer."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ims.link.contract import TAIL, End
from ims.link.envelope import (
    LONGEST_BODY,
    OF_A_COLUMN,
    PIECE_ROWS,
    UnreadableError,
    ending,
    gathered,
    opened,
    pieces,
    put,
)
from ims.portal.federation.merge import MergeEngines
from ims.query.plans.part import MARKS_PART
from ims.query.question import Question
from ims.query.request import make_request

from ..effort import examples

MANY = 1 << 40
ROWS_OF_MARKS = 7
"""Each is 2 MiB."""
SIGNATURE, TABLE = "ab" * 16, pa.table({"value": pa.array([1, None, 3], pa.int64())})
QUESTIONS = [
    Question(plan="count", request=make_request("count", None)),
    Question(plan="series", request=make_request("series", None, group="category")),
    Question(plan="series", request=make_request("series", None, group="block", metric="sources", per_24=True)),
    Question(plan="top", request=make_request("top", None, group="signature")),
    Question(plan="top", request=make_request("top", None, group="destination/24", metric="destinations")),
    Question(plan="packets", request=make_request("packets", None)),
    Question(plan="cache", request=make_request("cache", None)),
    Question(plan="chain", request=make_request("chain", None, first="udp", then="udp")),
    Question(plan="chain", request=make_request("chain", None, first="udp", then=["ip", "ip"], at="sensor", bin="1h")),
    Question(plan="chain", request=make_request("chain", None, first="udp", then=["ip", "ip"], at="anywhere", bin="1h")),
    Question(plan="coverage", request=make_request("coverage", None)),
    Question(plan="ranked", request=make_request("payloads", None), key="signature"),
    Question(plan="counted", request=make_request("sources", None), key="source", other="destination", sources=(1,)),
    Question(plan="spread", request=make_request("payloads", None), key="signature", other="destination_port", signatures=(SIGNATURE,)),
    Question(plan="payload_bytes", request=make_request("payloads", None), signatures=(SIGNATURE,)),
    Question(plan="signatures_like", request=make_request("payloads", None), prefix="abcdef"),
    Question(plan="rows", request=make_request("packets", None)),
    Question(plan="whole_rows", request=make_request("packets", None)),
    Question(plan="frames", request=make_request("packets", None)),
]  # fmt: skip


@pytest.fixture(scope="module")
def merging() -> MergeEngines:
    return MergeEngines(1, 128 << 20, 1)


def value(kind: pa.DataType, dice: random.Random) -> Any:
    if dice.random() < 0.3:
        return None
    if pa.types.is_dictionary(kind):
        return value(kind.value_type, dice)
    if pa.types.is_fixed_size_binary(kind):
        return dice.randbytes(kind.byte_width)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return dice.randbytes(dice.randrange(40))
    if pa.types.is_string(kind):
        return "".join(dice.choices("ab\n\x00é\U0001f600'", k=dice.randrange(9)))
    if pa.types.is_timestamp(kind):
        return datetime(2026, 3, dice.randrange(1, 28), tzinfo=UTC)
    if pa.types.is_date(kind):
        return datetime(2026, 3, dice.randrange(1, 28), tzinfo=UTC).date()
    if pa.types.is_boolean(kind):
        return dice.random() < 0.5
    if pa.types.is_floating(kind):
        return dice.random()
    if pa.types.is_list(kind):
        return [value(kind.value_type, dice) for _ in range(dice.randrange(4))]
    assert pa.types.is_integer(kind), kind
    return dice.randrange(1 << (kind.bit_width - 1))


def filled(schema: pa.Schema, rows: int, dice: random.Random) -> pa.Table:
    columns = [pa.array([value(field.type, dice) for _ in range(rows)], field.type) for field in schema]
    return pa.table(columns, schema=schema)


def sent(tables: Mapping[str, pa.Table], **end: Any) -> list[pa.Buffer]:
    told = [piece for name, table in tables.items() for piece in pieces(name, table)]
    return [*told, ending(End(seconds=1.0, **({"parts": {n: t.num_rows for n, t in tables.items()}} | end)))]


def received(told: Iterable[pa.Buffer], wanted: Mapping[str, pa.Schema], most: int = MANY, octets: int = MANY) -> Any:
    return gathered(told, wanted, most, octets)


def name_of(q: Question) -> str:
    return f"{q.plan} {q.request.group or ''}{q.request.chain.at if q.request.chain else q.request.metric}"


@pytest.mark.parametrize("rows", [0, 1, 700])
@pytest.mark.parametrize("question", QUESTIONS, ids=name_of)
def test_parts_of_every_plan_are_themselves_after_their_way(
    merging: MergeEngines, question: Question, rows: int
) -> None:
    schemas = merging.schemas(question)
    assert schemas
    parts = {
        f"0/{name}": filled(
            schema, min(rows, ROWS_OF_MARKS) if name.endswith(MARKS_PART) else rows, random.Random(name)
        )
        for name, schema in schemas.items()
    }
    found, end = received(sent(parts, closed="ab"), {f"0/{name}": schema for name, schema in schemas.items()})
    assert found == parts
    assert all(found[name].schema.equals(table.schema) for name, table in parts.items())
    assert (end.closed, end.seconds) == ("ab", 1.0)


def test_a_tail_s_parts_and_dictionaries_are_themselves_after_their_way() -> None:
    parts = {name: filled(schema, 50, random.Random(name)) for name, schema in TAIL.items()}
    assert received(sent(parts), TAIL)[0] == parts
    named = pa.table({"block": pa.array(["a", None, "b", "a"]).dictionary_encode()})
    assert received(sent({"p": named}), {"p": named.schema})[0]["p"].to_pydict() == named.to_pydict()


def test_a_large_part_comes_in_pieces() -> None:
    table = pa.table({"n": pa.array(range(2 * PIECE_ROWS + 1), pa.int64())})
    rows = list(pieces("p", table))
    assert len(rows) == 3
    assert received([*rows, *sent({"p": table})[-1:]], {"p": table.schema})[0]["p"].equals(table)


def test_parts_may_come_in_turns() -> None:
    [one], [other] = pieces("p", TABLE), pieces("q", TABLE)
    end = ending(End(seconds=0, parts={"p": 6, "q": 3}))
    found, _ = received([one, other, one, end], {"p": TABLE.schema, "q": TABLE.schema})
    assert found == {"p": pa.concat_tables([TABLE, TABLE]), "q": TABLE}


def named(length: int, name: bytes, body: bytes = b"") -> pa.Buffer:
    """A piece whose name may have another length than it says."""
    return pa.py_buffer(length.to_bytes(2, "little") + name + body)


WHOLE = sent({"p": TABLE})
OTHER = pa.table({"value": pa.array([1], pa.int32())})
RUBBISH: dict[str, tuple[Sequence[pa.Buffer], str]] = {
    "nothing": ([], "it was cut off|was cut off"),
    "cut off": (WHOLE[:-1], "its answer was cut off"),
    "a piece is missing": (WHOLE[1:], "its answer lacks rows of p"),
    "the end says nothing of the part": (sent({"p": TABLE}, parts={}), "its answer lacks rows of p"),
    "more than the end says": ([WHOLE[0], *WHOLE], "its answer lacks rows of p"),
    "after the end": ([*WHOLE, WHOLE[0]], "something came after the end"),
    "two ends": ([*WHOLE, WHOLE[-1]], "something came after the end"),
    "another part": (sent({"p": TABLE, "q": TABLE}), "a part that nobody asked for"),
    "a part with a bad name": (sent({"p": TABLE, "\x1b[2J\n": TABLE}), "a part that nobody asked for"),
    "other columns": (sent({"p": OTHER}), "other columns than were asked for"),
    "a column more": (sent({"p": TABLE.append_column("x", TABLE.column(0))}), "other columns"),
    "nothing in it": ([named(0, b"")[:0]], "isn't one of ours"),
    "half of a length": ([pa.py_buffer(b"p")], "isn't one of ours"),
    "no room for a body's begin": ([named(1, b"p")], "isn't one of ours"),
    "a name beyond the octets": ([named(65535, b"p", bytes(40))], "isn't one of ours"),
    "a name in no encoding": ([named(2, b"\xff\xfe", bytes(4))], "isn't one of ours"),
    "an empty body": ([put("p", b"")], "can't be read"),
    "garbage": ([put("p", random.Random(1).randbytes(500))], "can't be read"),
    "an end that is none": ([put("", b"[]")], "end can't be read$"),
    "an end that isn't JSON": ([put("", b"\xff" * 9)], "end can't be read$"),
}


@pytest.mark.parametrize("name", RUBBISH)
def test_what_is_no_answer_is_refused_in_one_line(name: str) -> None:
    rows, said = RUBBISH[name]
    with pytest.raises(UnreadableError, match=said) as caught:
        received(rows, {"p": TABLE.schema})
    assert len(str(caught.value).splitlines()) == 1
    assert str(caught.value).isprintable()


def test_more_rows_or_octets_than_were_asked_for_are_refused() -> None:
    rows = sent({"p": TABLE})
    octets = weight(TABLE)  # unfolded, not as they travel
    assert received(rows, {"p": TABLE.schema}, most=3, octets=octets)[0]["p"] == TABLE
    with pytest.raises(UnreadableError, match="more than the 2 rows"):
        received(rows, {"p": TABLE.schema}, most=2)
    with pytest.raises(UnreadableError, match=f"more than the {octets - 1:,} octets"):
        received(rows, {"p": TABLE.schema}, octets=octets - 1)


def test_one_who_sends_without_end_is_stopped() -> None:
    def without_end() -> Any:
        for _ in range(1000):
            yield from pieces("p", TABLE)
        raise AssertionError("it was listened to for too long")

    with pytest.raises(UnreadableError, match="more than the 10 rows"):
        received(without_end(), {"p": TABLE.schema}, most=10)


def weight(table: pa.Table) -> int:
    """Octets of a table that comes as one batch: what it holds, its schema, and what Arrow takes besides."""
    return int(table.nbytes + table.schema.serialize().size + OF_A_COLUMN * (table.num_columns + 1))


def streamed(table: pa.Table, times: int = 1, **metadata: str) -> pa.Buffer:
    """A body, not compressed, with its one batch so many times."""
    sink = pa.BufferOutputStream()
    schema = table.schema.with_metadata(metadata) if metadata else table.schema
    with pa.ipc.new_stream(sink, schema) as writer:
        for _ in range(times):
            writer.write_batch(table.cast(schema).combine_chunks().to_batches()[0] if table.num_rows else EMPTY)
    return sink.getvalue()


EMPTY = pa.RecordBatch.from_pylist([], schema=TABLE.schema)


@pytest.mark.parametrize("rows", [0, 1])
@pytest.mark.parametrize("times", [1, 100])
def test_many_small_batches_are_refused_at_the_bound(rows: int, times: int) -> None:
    """In messages of their own and together: each takes memory of Arrow's beside what it holds."""
    body, sent_batches, held = streamed(TABLE[:rows], times), 0, 0

    def without_end() -> Any:
        nonlocal sent_batches
        while sent_batches < 100_000:
            sent_batches += times
            yield put("p", body)
        raise AssertionError("it was listened to for too long")

    def take(octets: int) -> None:
        nonlocal held
        held += octets

    with pytest.raises(UnreadableError, match="more than the 1,048,576 octets"):
        gathered(without_end(), {"p": TABLE.schema}, MANY, 1 << 20, take)
    assert sent_batches * OF_A_COLUMN <= (1 << 20) + times * OF_A_COLUMN
    assert held == 0 if rows == 0 else 0 < held <= 1 << 20


def test_batches_without_rows_are_not_kept_and_their_part_is() -> None:
    rows = [
        put("p", streamed(TABLE[:0], 50)),
        put("p", streamed(TABLE)),
        ending(End(seconds=0, parts={"p": 3, "q": 0})),
    ]
    found, _ = received(rows, {"p": TABLE.schema, "q": TABLE.schema})
    assert (found["p"].column(0).num_chunks, found["q"].num_rows) == (1, 0)
    assert found["p"] == TABLE
    assert found["q"].schema == TABLE.schema


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1, None]), pa.array([b"", b""]), pa.array(["a", None]), pa.array([True, False]), pa.array([[1], None]),
        pa.array(["a", "a"]).dictionary_encode(), pa.array([None, None], pa.dictionary(pa.int32(), pa.string())),
    ],
    ids=lambda column: str(column.type),
)  # fmt: skip
def test_no_message_is_kept_for_the_rows_that_came_in_it(column: pa.Array) -> None:
    """It may be much longer than what is read of it."""
    table = pa.table({"a": column})
    body = streamed(table).to_pybytes() + bytes(LONGEST_BODY // 2)
    found, _ = received([put("p", body), ending(End(seconds=0, parts={"p": 2}))], {"p": table.schema})
    assert found["p"] == table
    [kept] = found["p"].column(0).chunks
    parts = [kept.indices, kept.dictionary] if isinstance(kept, pa.DictionaryArray) else [kept]
    assert sum(whole(buffer) for part in parts for buffer in part.buffers() if buffer is not None) < 1000


def whole(buffer: pa.Buffer) -> int:
    """Octets of the memory of which it is a part."""
    return int(buffer.size if buffer.parent is None else whole(buffer.parent))


def test_words_beside_columns_count_and_many_are_refused() -> None:
    """Each message's schema has its own, which stay as long as its rows."""
    words = put("p", streamed(TABLE, words="x" * 500))
    octets = 8 * weight(TABLE)
    with pytest.raises(UnreadableError, match="octets that were asked for"):
        received([words] * 8, {"p": TABLE.schema}, octets=octets)
    whole = [*[put("p", streamed(TABLE))] * 8, ending(End(seconds=0, parts={"p": 24}))]
    assert len(received(whole, {"p": TABLE.schema}, octets=octets)[0]["p"]) == 24
    with pytest.raises(UnreadableError, match="can't be read"):
        received([put("p", streamed(TABLE, words="x" * 5000))], {"p": TABLE.schema})


SAMPLE = pa.table(
    {
        "time": pa.array([datetime(2026, 3, 4, tzinfo=UTC), None] * 20, pa.timestamp("us", "UTC")),
        "signature": pa.array([b"\x00" * 16, None] * 20, pa.binary(16)),
        "payload": pa.array([b"GET /", b""] * 20),
        "category": pa.array(["scan", "é"] * 20),
        "n": pa.array(range(40), pa.int64()),
    }
)
[PIECE, END] = sent({"p": SAMPLE})
BODY = opened(PIECE)[1].to_pybytes()


@given(st.lists(st.tuples(st.integers(0, len(BODY) - 1), st.integers(1, 255)), min_size=1, max_size=4))
@settings(max_examples=examples(1500, 300))
def test_a_garbled_part_is_a_part_or_refused(flips: list[tuple[int, int]]) -> None:
    body = bytearray(BODY)
    for at, mask in flips:
        body[at] ^= mask
    try:
        found, _ = received([put("p", bytes(body)), END], {"p": SAMPLE.schema})
    except UnreadableError as error:
        assert len(str(error).splitlines()) == 1
        return
    found["p"].validate(full=True)
    assert found["p"].num_rows == SAMPLE.num_rows
    assert found["p"].schema.equals(SAMPLE.schema)
    assert found["p"].to_pylist() is not None


@pytest.mark.parametrize(
    ("kind", "first", "last"),
    [
        (pa.timestamp("us", "UTC"), datetime(1, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)),
        (pa.timestamp("s", "UTC"), datetime(1, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC, microsecond=0)),
        (pa.date32(), date.min, date.max),
    ],
)
def test_moments_that_nobody_can_show_are_refused(kind: pa.DataType, first: Any, last: Any) -> None:
    width = pa.int32() if pa.types.is_date32(kind) else pa.int64()
    known = pa.table({"t": pa.array([None, first, last], kind)})
    assert received(sent({"t": known}), {"t": known.schema})[0]["t"].to_pylist() == known.to_pylist()
    [lowest, highest] = known["t"].cast(width).to_pylist()[1:]
    for beyond in (lowest - 1, highest + 1, -(1 << width.bit_width - 1), (1 << width.bit_width - 1) - 1):
        wrong = pa.table({"t": pa.array([0, beyond], width).cast(kind)})
        with pytest.raises(UnreadableError, match="moments outside the years 1 to 9999"):
            received(sent({"t": wrong}), {"t": wrong.schema})


@given(st.integers(0, len(BODY) - 1))
def test_a_part_that_is_cut_off_is_refused(length: int) -> None:
    """But for the mark of its end, which says nothing."""
    try:
        found, _ = received([put("p", BODY[:length]), END], {"p": SAMPLE.schema})
    except UnreadableError:
        return
    assert found["p"] == SAMPLE


@given(st.binary(max_size=60))
@settings(max_examples=examples(500, 100))
def test_any_octets_are_a_piece_or_refused(octets: bytes) -> None:
    try:
        name, body = opened(pa.py_buffer(octets))
    except UnreadableError:
        return
    assert body.to_pybytes() == octets[len(octets) - body.size :]
    assert octets[2:].startswith(name.encode())


@given(st.text(max_size=30), st.binary(max_size=30))
def test_a_piece_has_its_name_and_its_body_where_numbers_may_lie(name: str, body: bytes) -> None:
    piece = put(name, body)
    assert opened(piece) == (name, pa.py_buffer(body))
    assert (piece.size - len(body)) % 8 == 0


def test_a_piece_that_unfolds_is_counted_unfolded_and_a_long_one_is_not_looked_at() -> None:
    """Zeros compress 250 times: what they unfold to counts, not what travels."""
    zeros = pa.table({"a": pa.array([0] * 400_000, pa.int64())})
    rows = sent({"p": zeros})
    assert sum(piece.size for piece in rows) < zeros.nbytes / 20
    with pytest.raises(UnreadableError, match="octets that were asked for"):
        received(rows, {"p": zeros.schema}, most=1 << 20, octets=zeros.nbytes // 2)
    assert max(piece.size for piece in rows) <= LONGEST_BODY
    with pytest.raises(UnreadableError, match="a piece of more than"):
        received([put("p", bytes(LONGEST_BODY + 1))], {"p": zeros.schema}, most=10, octets=1 << 40)
