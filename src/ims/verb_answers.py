"""What each verb answers: from a running query to the table that is shown, in the columns of query/verbs.py."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ims import arrow
from ims.query.answer import Answer
from ims.query.darkspace import DarkSpace
from ims.query.errors import QuestionError
from ims.query.format import display
from ims.query.format.metric_table import (
    darknet_table,
    group_column,
    replaced,
    values_per_24,
    with_empty_bins,
)
from ims.query.language.scope import matches
from ims.query.plans.local import NEAR, TOTALS
from ims.query.plans.sightings import DESCRIBED
from ims.query.verbs import VERBS, VerbName
from ims.query_run import QueryRun, pairs, ports
from ims.settings.durations import SECOND_US
from ims.text import printable_octets

BEYOND = 1000
"""Values queried beyond those that are shown, to tell how many there are."""
AS_SHOWN = {
    "time": display.time_column, "first": display.time_column, "last": display.time_column,
    "source": display.dotted_column, "destination": display.dotted_column, "signature": display.hex_column,
}  # fmt: skip
"""How columns of plans are shown that aren't shown as they are."""
BEGINNING = 48
"""Octets of a payload that are shown of `sightings`."""
WHOLE = 32
"""Digits of a whole signature."""


def answer_of(query: QueryRun) -> Answer:
    """The answer to the verb of a request."""
    return ANSWERS.get(query.request.verb, _as_planned)(query)


def _as_planned(query: QueryRun) -> Answer:
    """The table of the plan named as the verb, with times, addresses and signatures as people read them."""
    table = query.ask(query.request.verb)
    for name in table.column_names:
        if name in AS_SHOWN:
            table = replaced(table, name, AS_SHOWN[name](table.column(name)))
    return query.answer(table)


def _series(query: QueryRun) -> Answer:
    request = query.request
    table, left_out = query.first("series", 1)
    if request.group is None and not left_out:  # else bins that are missing here may have packets
        table, left_out["bins_left_out"] = with_empty_bins(table, request, query.space)
    if request.per_24:
        table = values_per_24(table, request, query.space)
    columns = {"time": display.time_column(table.column("bin"))}
    if request.group_name is not None:
        columns[request.group_name] = group_column(table.column("key"), request)
    return query.answer(pa.table({**columns, "value": table.column("value")}), **left_out)


def _top(query: QueryRun) -> Answer:
    request = query.request
    if request.per_24 and request.group in ("block", "sensor"):
        table = values_per_24(query.ask("top"), request, query.space)
        table = table.sort_by([("value", "descending"), ("key", "ascending")])
        left_out = {"limit": request.rows, "matching": len(table)} if len(table) > request.rows else {}
        table = table.slice(0, request.rows)
    else:
        table, left_out = query.first("top", BEYOND)
        table = values_per_24(table, request, query.space) if request.per_24 else table
    columns = {str(request.group_name): group_column(table.column("key"), request), "value": table.column("value")}
    return query.answer(pa.table(columns), **left_out)


def _packets(query: QueryRun) -> Answer:
    table, left_out = query.first("packets", 1)
    if left_out:
        matching = query.packets()
        left_out = {"limit": query.request.rows, "matching": matching} if matching > len(table) else {}
    return query.answer(display.shown_packets(table), **left_out)


def _payloads(query: QueryRun) -> Answer:
    table, left_out = query.first("ranked", BEYOND, key="signature")
    chosen = table.column("signature").to_pylist()
    counted, spread, *stored = query.run(
        query.about("counted", "signature", chosen, "source"),
        query.about("spread", "signature", chosen, "destination_port"),
        *([query.about("payload_bytes", "signature", chosen)] if chosen else []),
    )
    sources, used = pairs(counted), ports(spread)
    alike: dict[bytes, list[dict[str, Any]]] = {}
    for row in stored[0].to_pylist() if stored else ():
        alike.setdefault(row["signature"], []).append(row)
    kept = [(rank, *pair) for rank, s in enumerate(chosen) for pair in enumerate(alike.get(s, [{}]), 1)]
    table = table.take(arrow.column([rank for rank, _, _ in kept], pa.int64()))
    chosen = [chosen[rank] for rank, _, _ in kept]
    octets = [row.get("payload") for _, _, row in kept]
    lengths = [
        len(row["payload"]) if len(alike.get(signature, ())) > 1 else length
        for signature, (_, _, row), length in zip(chosen, kept, table.column("length").to_pylist(), strict=True)
    ]
    ever = arrow.column([row.get("ever_first_seen") for _, _, row in kept], pa.int64())
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
        "text": arrow.column([None if o is None else printable_octets(o) for o in octets], pa.string()),
        "hexdump": arrow.column([None if o is None else display.hexdump(o) for o in octets], pa.string()),
    }
    return query.answer(pa.table(columns), **left_out)


def _sources(query: QueryRun) -> Answer:
    table, left_out = query.first("ranked", BEYOND, key="source")
    chosen = table.column("source").to_pylist()
    counted, spread = query.run(
        query.about("counted", "source", chosen, "destination"),
        query.about("spread", "source", chosen, "destination_port"),
    )
    destinations, used = pairs(counted), ports(spread)
    both = zip(*(table.column(name).to_pylist() for name in ("verified", "answered")), strict=True)
    verified = [bool(verified) if answered else None for verified, answered in both]
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
    return query.answer(pa.table(columns), **left_out)


def _chain(query: QueryRun) -> Answer:
    table, left_out = query.first("chain", 1)
    columns = {
        "source": display.dotted_column(table.column("source")),
        "variant": display.hex_column(table.column("signature")),
        "first": display.time_column(table.column("first")),
        "last": display.time_column(table.column("last")),
        "times": table.column("times"),
    }
    return query.answer(pa.table(columns), **left_out)


def _local(query: QueryRun) -> Answer:
    """A row for each block and nearness; of all blocks together first."""
    table = query.ask("local")
    columns = [
        pa.table({"block": table.column("block"), "near": pa.array([near] * len(table), pa.string()),
                  **{what: table.column(f"{name}_{what}") for what in TOTALS}})
        for near, name in NEAR.items()
    ]  # fmt: skip
    order = np.arange(len(table) * len(columns)).reshape(len(columns), -1).T.ravel()
    return query.answer(pa.concat_tables(columns).take(arrow.column(order, pa.int64())))


def _sightings(query: QueryRun) -> Answer:
    table, left_out = query.first("sightings", BEYOND)
    chosen = table.column("signature").slice(0, DESCRIBED).to_pylist()
    sources, texts = _sources_of(query, chosen), _texts_of(query, chosen)

    def described(found: Mapping[bytes, Any], kind: pa.DataType) -> pa.ChunkedArray:
        first = arrow.column([found.get(signature) for signature in chosen], kind)
        return pa.chunked_array([first, pa.nulls(len(table) - len(chosen), kind)])

    columns = {
        "signature": display.hex_column(table.column("signature")),
        "sources": described(sources, pa.int64()),
        "text": described(texts, pa.string()),
    }
    for name in table.column_names:
        if name in ("first", "last"):
            columns[name] = display.time_column(table.column(name))
        elif name.endswith("_delay"):
            columns[name] = _seconds(table.column(name))
        else:
            columns.setdefault(name, table.column(name))
    names = VERBS["sightings"].columns or ()
    return query.answer(pa.table({name: columns[name] for name in names}), **left_out)


def _sources_of(query: QueryRun, chosen: list[bytes]) -> dict[bytes, int]:
    """How many distinct sources sent each payload."""
    if not chosen:
        return {}
    return pairs(query.run(query.about("counted", "signature", chosen, "source"))[0])


def _texts_of(query: QueryRun, chosen: list[bytes]) -> dict[bytes, str]:
    """How the payloads begin that are stored, printable. Of an MD5 collision, the one that came first."""
    found: dict[bytes, str] = {}
    if chosen:
        for row in query.run(query.about("payload_bytes", "signature", chosen))[0].to_pylist():
            found.setdefault(row["signature"], printable_octets(row["payload"][:BEGINNING]))
    return found


def _novelty(query: QueryRun) -> Answer:
    table, left_out = query.first("novelty", 1)
    columns = {"time": display.time_column(table.column("bin"))}
    for name in table.column_names[1:]:
        column = table.column(name)
        columns[name] = _seconds(column).cast(pa.int64()) if name.endswith("_delay") else column
    return query.answer(pa.table(columns), **left_out)


def _seconds(column: pa.ChunkedArray) -> Any:
    """Of microseconds."""
    return pc.divide(column.cast(pa.float64()), SECOND_US)


def _cache(query: QueryRun) -> Answer:
    table, left_out = query.first("cache", 1)
    columns = {"time": display.time_column(table.column("bin"))}
    for suffix in ("", "_without_icmp_errors"):
        payloads, hits = table.column(f"payloads{suffix}"), table.column(f"hits{suffix}")
        rate = [h / p if p else None for p, h in zip(payloads.to_pylist(), hits.to_pylist(), strict=True)]
        columns |= {f"payloads{suffix}": payloads, f"hits{suffix}": hits}
        columns[f"hit_rate{suffix}"] = arrow.column(rate, pa.float64())
    return query.answer(pa.table(columns), **left_out)


def _storage(query: QueryRun) -> Answer:
    table, left_out = query.first("storage", 1)
    columns = {"time": display.time_column(table.column("bin"))}
    return query.answer(pa.table(columns | {n: table.column(n) for n in table.column_names if n != "bin"}), **left_out)


def _coverage(query: QueryRun) -> Answer:
    [table] = query.run(query.about_coverage)
    for name in ("since", "until"):
        table = replaced(table, name, table.column(name).cast(pa.timestamp("us", "UTC")))
    return query.answer(table.select(list(VERBS["coverage"].columns or ())))


def _darknet(query: QueryRun) -> Answer:
    request = query.request
    rows = [row for row in query.coverage if matches(request.filter, row["sensor"], row["block"]) is not False]
    space = query.space if len(rows) == len(query.coverage) else DarkSpace(rows)
    table, matching = darknet_table(space, request)
    left_out = {"limit": request.rows, "matching": matching} if matching > request.rows else {}
    return query.answer(table, **left_out)


ANSWERS: Mapping[VerbName, Callable[[QueryRun], Answer]] = {
    "series": _series, "top": _top, "packets": _packets, "payloads": _payloads, "sources": _sources, "chain": _chain,
    "local": _local, "sightings": _sightings, "novelty": _novelty, "cache": _cache, "storage": _storage,
    "coverage": _coverage, "darknet": _darknet,
}  # fmt: skip
"""Of verbs whose answer isn't the table of one plan as it is."""


def payload_of(query: QueryRun, signature: str) -> bytes:
    """The bytes of one stored payload: see VerbMethods.payload."""
    found = re.fullmatch(r"([0-9a-f]{6,32})(?:/([1-9][0-9]{0,3})?)?", signature.lower())
    if found is None:
        raise QuestionError(f"signature {signature!r}: expected 6 to 32 hex digits")
    digits, number = found.groups()
    like = [digits]
    if len(digits) < WHOLE:
        signatures = query.ask("signatures_like", prefix=digits).column("signature").to_pylist()
        like = [each.hex() for each in signatures]
    if len(like) > 1:
        several = ", ".join(like[:10]) + (", ..." if len(like) > 10 else "")
        raise QuestionError(f"several signatures begin with {digits}: {several}")
    rows = []
    if like:
        rows = query.run(query.about("payload_bytes", "signature", [bytes.fromhex(like[0])]))[0].to_pylist()
    if not rows:
        raise QuestionError(f"no payload is stored whose signature begins with {digits}")
    if not number and len(rows) > 1:
        each = " or ".join(f"{like[0]}/{n}" for n in range(1, len(rows) + 1))
        raise QuestionError(f"{len(rows)} payloads share the MD5 {like[0]}: expected {each}")
    if int(number or 1) > len(rows):
        raise QuestionError(f"no payload {number} has the signature {like[0]}; there are {len(rows)}")
    octets: bytes = rows[int(number or 1) - 1]["payload"]
    return octets
