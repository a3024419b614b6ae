"""An answer as JSON `{rows, answer}`, as CSV, or as an Arrow stream: a slice of rows at a time."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pyarrow as pa
from starlette.responses import Response, StreamingResponse

from ims import arrow
from ims.portal.api.errors import without_places
from ims.portal.api.negotiate import FORMS, Form
from ims.query.answer import Answer, AnswerRecord
from ims.query.format.serialize import csv_lines, json_row, written_columns
from ims.text import one_line

WHOLE = 10_000  # rows of an answer that is sent as one piece
SLICE = 1000  # rows that are Python's objects at a time: 7 MB, of packets
BATCH = 10_000
METADATA = b"ims.answer"


def asked_of(record: AnswerRecord) -> list[str]:
    """Whom the question went to."""
    return list(record.asked or dict.fromkeys([*record.sensors, *record.silent]))


def record_of(record: AnswerRecord, operator: bool) -> dict[str, Any]:
    """The record for the caller: without the stores; sensors' addresses, and how long each took, are for operators."""
    asked = asked_of(record)
    shown = asdict(record) | {
        "asked": asked,
        "answered": [sensor for sensor in asked if sensor not in record.silent],
        "silent": {sensor: without_places(why, operator) for sensor, why in record.silent.items()},
        "losses": [without_places(line, operator) for line in record.losses],
        "left_out": record.left_out,
        "losing": {sensor: without_places(what, operator) for sensor, what in record.losing.items()},
    }
    del shown["stores"]
    return shown if operator else {**shown, "took": {}}


def response(verb: str, answer: Answer, form: Form, operator: bool) -> Response:
    """The answer in a form, whole if it is small. Call this in a thread."""
    pieces = _PIECES[form](verb, answer.table, record_of(answer.record, operator))
    [kind] = [name for name, known in FORMS.items() if known == form]
    headers = {"Vary": "Accept"}
    if form == "csv":
        headers["Content-Disposition"] = f'attachment; filename="{verb}.csv"'
        if answer.record.notes:
            notes = "; ".join(without_places(note, operator) for note in answer.record.notes)
            headers["X-IMS-Notes"] = one_line(notes).encode("ascii", "backslashreplace").decode()
        kind += "; charset=utf-8"
    headers["Content-Type"] = kind
    if len(answer) <= WHOLE:
        return Response(b"".join(pieces), headers=headers)
    return StreamingResponse(pieces, headers=headers)


def _json(verb: str, table: pa.Table, record: dict[str, Any]) -> Iterator[bytes]:
    """`rows` as the command line prints them: an object for count, else an array of objects."""
    table = written_columns(verb, table)
    one = verb == "count"
    yield b'{"rows": ' + (b"" if one else b"[")
    for at in range(0, table.num_rows, SLICE):
        rows = ", ".join(map(json_row, arrow.rows(table.slice(at, SLICE))))
        yield f"{', ' if at else ''}{rows}".encode("ascii")
    yield (b"" if one else b"]") + f', "answer": {json.dumps(record)}}}'.encode("ascii")


def _csv(verb: str, table: pa.Table, _record: dict[str, Any]) -> Iterator[bytes]:
    table = written_columns(verb, table)
    yield csv_lines([], table.column_names).encode()
    for at in range(0, table.num_rows, SLICE):
        yield csv_lines(arrow.rows(table.slice(at, SLICE))).encode()


def _arrow(_verb: str, table: pa.Table, record: dict[str, Any]) -> Iterator[bytes]:
    schema = table.schema.with_metadata({METADATA: json.dumps(record).encode("ascii")})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, schema) as writer:
        for batch in table.to_batches(max_chunksize=BATCH):
            writer.write_batch(batch.replace_schema_metadata(schema.metadata))
            yield sink.getvalue()
            sink.seek(0)
            sink.truncate()
    yield sink.getvalue()


_PIECES = {"json": _json, "csv": _csv, "arrow": _arrow}
