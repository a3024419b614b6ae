"""What each verb answers: from a request being asked to the table that is shown, in the columns of query/verbs.py."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from ims import arrow
from ims.query.answer import Answer
from ims.query.errors import QuestionError
from ims.query.format import display
from ims.query.format.metric_table import group_column, replaced, values_per_24, with_empty_bins
from ims.query.verbs import VERBS, VerbName
from ims.query_run import QueryRun, pairs, ports
from ims.text import printable_octets

BEYOND = 1000
"""Values looked for beyond those that are shown, to tell how many there are."""
AS_SHOWN = {
    "time": display.time_column, "first": display.time_column, "last": display.time_column,
    "source": display.dotted_column, "destination": display.dotted_column, "signature": display.hex_column,
}  # fmt: skip
"""Columns of plans that aren't shown as they are."""
WHOLE = 32
"""Digits of a whole signature: one question finds its payloads, or that there are none."""


def answer_of(asked: QueryRun) -> Answer:
    """The answer to the verb of a request."""
    return ANSWERS.get(asked.request.verb, _as_planned)(asked)


def _as_planned(asked: QueryRun) -> Answer:
    """The table of the plan that is called as the verb is, with times, addresses and signatures as people see them."""
    table = asked.ask(asked.request.verb)
    for name in table.column_names:
        if name in AS_SHOWN:
            table = replaced(table, name, AS_SHOWN[name](table.column(name)))
    return asked.answer(table)


def _series(asked: QueryRun) -> Answer:
    request = asked.request
    table, left_out = asked.first("series", 1)
    if request.group is None and not left_out:  # else bins that aren't here may be full
        table, left_out["bins_left_out"] = with_empty_bins(table, request, asked.space)
    if request.per_24:
        table = values_per_24(table, request, asked.space)
    columns = {"time": display.time_column(table.column("bin"))}
    if request.group_name is not None:
        columns[request.group_name] = group_column(table.column("key"), request)
    return asked.answer(pa.table({**columns, "value": table.column("value")}), **left_out)


def _top(asked: QueryRun) -> Answer:
    request = asked.request
    if request.per_24 and request.group in ("block", "sensor"):
        table = values_per_24(asked.ask("top"), request, asked.space)
        table = table.sort_by([("value", "descending"), ("key", "ascending")])
        left_out = {"limit": request.rows, "matching": len(table)} if len(table) > request.rows else {}
        table = table.slice(0, request.rows)
    else:
        table, left_out = asked.first("top", BEYOND)
        table = values_per_24(table, request, asked.space) if request.per_24 else table
    columns = {str(request.group_name): group_column(table.column("key"), request), "value": table.column("value")}
    return asked.answer(pa.table(columns), **left_out)


def _packets(asked: QueryRun) -> Answer:
    table, left_out = asked.first("packets", 1)
    if left_out:
        matching = asked.packets()
        left_out = {"limit": asked.request.rows, "matching": matching} if matching > len(table) else {}
    return asked.answer(display.shown_packets(table), **left_out)


def _payloads(asked: QueryRun) -> Answer:
    table, left_out = asked.first("ranked", BEYOND, key="signature")
    chosen = table.column("signature").to_pylist()
    details = asked.run(
        asked.about("counted", "signature", chosen, "source"),
        asked.about("spread", "signature", chosen, "destination_port"),
        *([asked.about("payload_bytes", "signature", chosen)] if chosen else []),
    )
    sources, used = pairs(details[0]), ports(details[1])
    alike: dict[bytes, list[dict[str, Any]]] = {}
    for row in details[2].to_pylist() if chosen else ():
        alike.setdefault(row["signature"], []).append(row)
    kept = [(rank, *pair) for rank, s in enumerate(chosen) for pair in enumerate(alike.get(s, [{}]), 1)]
    table = table.take(arrow.column([rank for rank, _, _ in kept], pa.int64()))
    chosen = [chosen[rank] for rank, _, _ in kept]
    lengths = table.column("length").to_pylist()
    for at, (_, _, row) in enumerate(kept):
        if len(alike.get(chosen[at], ())) > 1:
            lengths[at] = len(row["payload"])
    octets = [row.get("payload") for _, _, row in kept]
    ever = arrow.column([row.get("ever_first_seen") for _, _, row in kept], pa.int64())
    texts = [None if o is None else printable_octets(o) for o in octets]
    dumps = [None if o is None else display.hexdump(o) for o in octets]
    columns = {
        "signature": display.hex_column(table.column("signature")),
        "number": arrow.column([number for _, number, _ in kept], pa.int64()),
        "length": arrow.column(lengths, pa.int64()),
        "packets": table.column("packets"),
        "sources": arrow.column([sources.get(signature, 0) for signature in chosen], pa.int64()),
        "first_seen": display.time_column(table.column("first")),
        "last_seen": display.time_column(table.column("last")),
        "ever_first_seen": ever.cast(pa.timestamp("us", "UTC")),
        "ports": arrow.column([used.get(signature, []) for signature in chosen], pa.list_(pa.uint16())),
        "truncated": arrow.column([bool(row.get("truncated")) for _, _, row in kept], pa.bool_()),
        "payload": arrow.column(octets, pa.binary()),
        "text": arrow.column(texts, pa.string()),
        "hexdump": arrow.column(dumps, pa.string()),
    }
    return asked.answer(pa.table(columns), **left_out)


def _sources(asked: QueryRun) -> Answer:
    table, left_out = asked.first("ranked", BEYOND, key="source")
    chosen = table.column("source").to_pylist()
    details = asked.run(
        asked.about("counted", "source", chosen, "destination"),
        asked.about("spread", "source", chosen, "destination_port"),
    )
    destinations, used = pairs(details[0]), ports(details[1])
    verified = [
        bool(verified) if answered else None
        for verified, answered in zip(*(table.column(n).to_pylist() for n in ("verified", "answered")), strict=True)
    ]
    columns = {
        "source": display.dotted_column(table.column("source")),
        "packets": table.column("packets"),
        "bytes": table.column("bytes"),
        "destinations": arrow.column([destinations.get(source, 0) for source in chosen], pa.int64()),
        "ports": arrow.column([used.get(source, []) for source in chosen], pa.list_(pa.uint16())),
        "payloads": table.column("payloads"),
        "first": display.time_column(table.column("first")),
        "last": display.time_column(table.column("last")),
        "verified": arrow.column(verified, pa.bool_()),
    }
    return asked.answer(pa.table(columns), **left_out)


def _cache(asked: QueryRun) -> Answer:
    table, left_out = asked.first("cache", 1)
    columns = {"time": display.time_column(table.column("bin"))}
    for suffix in ("", "_without_icmp_errors"):
        payloads, hits = table.column(f"payloads{suffix}"), table.column(f"hits{suffix}")
        rate = [h / p if p else None for p, h in zip(payloads.to_pylist(), hits.to_pylist(), strict=True)]
        columns |= {f"payloads{suffix}": payloads, f"hits{suffix}": hits}
        columns[f"hit_rate{suffix}"] = arrow.column(rate, pa.float64())
    return asked.answer(pa.table(columns), **left_out)


def _coverage(asked: QueryRun) -> Answer:
    [table] = asked.run(asked.about_coverage)
    for name in ("since", "until"):
        table = replaced(table, name, table.column(name).cast(pa.timestamp("us", "UTC")))
    return asked.answer(table.select(list(VERBS["coverage"].columns or ())))


ANSWERS: Mapping[VerbName, Callable[[QueryRun], Answer]] = {
    "series": _series,
    "top": _top,
    "packets": _packets,
    "payloads": _payloads,
    "sources": _sources,
    "cache": _cache,
    "coverage": _coverage,
}
"""Of verbs whose answer isn't the table of one plan as it is."""


def payload_of(asked: QueryRun, signature: str) -> bytes:
    """The bytes of one stored payload: see VerbMethods.payload."""
    digits, _, number = signature.lower().partition("/")
    hexadecimal = 6 <= len(digits) <= 32 and all(digit in "0123456789abcdef" for digit in digits)
    if not hexadecimal or (number and re.fullmatch(r"[1-9][0-9]{0,3}", number) is None):
        raise QuestionError(f"signature {signature!r}: expected 6 to 32 hex digits")
    like = [digits] if len(digits) == WHOLE else _signatures_like(asked, digits)
    if not like:
        raise QuestionError(f"no payload is stored whose signature begins with {digits}")
    if len(like) > 1:
        several = ", ".join(like[:10]) + (", ..." if len(like) > 10 else "")
        raise QuestionError(f"several signatures begin with {digits}: {several}")
    rows = asked.run(asked.about("payload_bytes", "signature", [bytes.fromhex(like[0])]))[0].to_pylist()
    if not rows:
        raise QuestionError(f"no payload is stored whose signature begins with {digits}")
    if not number and len(rows) > 1:
        each = " or ".join(f"{like[0]}/{n}" for n in range(1, len(rows) + 1))
        raise QuestionError(f"{len(rows)} payloads share the MD5 {like[0]}: expected {each}")
    if int(number or 1) > len(rows):
        raise QuestionError(f"no payload {number} has the signature {like[0]}; there are {len(rows)}")
    octets: bytes = rows[int(number or 1) - 1]["payload"]
    return octets


def _signatures_like(asked: QueryRun, digits: str) -> list[str]:
    return [row.hex() for row in asked.ask("signatures_like", prefix=digits).column("signature").to_pylist()]
