"""Plans of verbs with two steps: which payloads or sources come first, and then the details of those."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ibis

from ims.query.plans.part import Chosen, Parts, Rows, Table
from ims.query.plans.plan import Plan, Tables, octets, selected
from ims.query.request import Request

_MERGED = {
    "packets": "sum", "bytes": "sum", "length": "max", "payloads": "sum", "first": "min", "last": "max",
    "verified": "max", "answered": "max",
}  # fmt: skip
"""Column of `ranked` -> how sensors' values are merged."""


def ranked(key: str) -> Plan:
    """Payloads by `signature`, or sources by `source`: those with the most packets first."""

    def partial(tables: Tables, request: Request) -> Parts:
        packets = selected(tables, request)
        if key == "signature":
            packets = packets.filter(packets.signature.notnull())
        micros = tables.micros(packets.time)
        values = packets.group_by(key).agg(
            packets=packets.count(),
            bytes=octets(packets).sum(),
            length=packets.payload_length.max(),
            payloads=(packets.payload_length > 0).cast("int64").sum(),
            first=micros.min(),
            last=micros.max(),
            verified=packets.verified.fill_null(False).cast("int64").max(),
            answered=packets.verified.notnull().cast("int64").max(),
        )
        return {"values": Rows(values)}

    def merge(parts: Mapping[str, Table], request: Request, whole: bool) -> Table:
        values = parts["values"]
        found = values.group_by(key).agg(**{name: getattr(values[name], how)() for name, how in _MERGED.items()})
        return found.order_by([found.packets.desc(), found[key].asc()]).limit(request.rows)

    return Plan(partial, merge)


def _pairs(tables: Tables, request: Request, key: str, chosen: Sequence[Any], other: str) -> Table:
    packets = selected(tables, request)
    packets = packets.filter(_among(packets[key], chosen) & packets[other].notnull())
    return packets.select(key=packets[key], other=packets[other])


def spread(key: str, chosen: Sequence[Any], other: str) -> Plan:
    """For each of the chosen values of `key`: each value of `other` with its packets."""

    def partial(tables: Tables, request: Request) -> Parts:
        pairs = _pairs(tables, request, key, chosen, other)
        return {"values": Rows(pairs.group_by(["key", "other"]).agg(packets=pairs.count()))}

    def merge(parts: Mapping[str, Table], request: Request, whole: bool) -> Table:
        values = parts["values"]
        return values.group_by(["key", "other"]).agg(packets=values.packets.sum())

    return Plan(partial, merge)


def counted(key: str, chosen: Sequence[Any], other: str) -> Plan:
    """For each of the chosen values of `key`: how many distinct values of `other`."""

    def partial(tables: Tables, request: Request) -> Parts:
        pairs = _pairs(tables, request, key, chosen, other)
        listed = _listed(chosen, pairs.key)
        places = listed.unnest().name("value").as_table()
        places = places.mutate(number=listed.index(places.value).cast("int64"))
        rows = pairs.join(places, pairs.key.cast(places.value.type()) == places.value)
        return {"members": Chosen(chosen, rows.select("number", member=rows.other), pairs.distinct())}

    def merge(parts: Mapping[str, Table], request: Request, whole: bool) -> Table:
        if "values" in parts:
            return parts["values"]
        members = parts["members"] if whole else parts["members"].distinct()
        return members.group_by("key").agg(value=members.count())

    return Plan(partial, merge)


def payload_bytes(chosen: Sequence[bytes]) -> Plan:
    """Payloads by signature, both of an MD5 collision: bytes, whether truncated, and when first seen ever."""

    def partial(tables: Tables, request: Request) -> Parts:
        payloads = tables.payloads
        payloads = payloads.filter(_among(payloads.signature, chosen))
        values = payloads.group_by(["signature", "payload"]).agg(
            truncated=payloads.truncated.cast("int64").min(),
            first=tables.micros(payloads.first_seen).min(),
            ever_first_seen=tables.micros(payloads.ever_first_seen).min(),
        )
        return {"values": Rows(values)}

    def merge(parts: Mapping[str, Table], request: Request, whole: bool) -> Table:
        values = parts["values"]
        merged = values.group_by(["signature", "payload"]).agg(
            truncated=values.truncated.min(), first=values["first"].min(), ever_first_seen=values.ever_first_seen.min()
        )
        return merged.order_by(["signature", "first", "payload"])

    return Plan(partial, merge)


def signatures_like(prefix: str, most: int) -> Plan:
    """Signatures of stored payloads that begin with some hex digits."""

    def partial(tables: Tables, request: Request) -> Parts:
        payloads = tables.payloads
        low, high = (ibis.literal(bytes.fromhex(prefix.ljust(32, fill)), "binary") for fill in "0f")
        within = (payloads.signature >= low) & (payloads.signature <= high)
        return {"members": Rows(payloads.filter(within).select("signature").distinct().limit(most))}

    def merge(parts: Mapping[str, Table], request: Request, whole: bool) -> Table:
        return parts["members"].distinct().order_by("signature").limit(most)

    return Plan(partial, merge)


FEW = 64
"""Values compared one by one, so that files and row groups without them are skipped."""


def _among(column: Any, chosen: Sequence[Any]) -> Any:
    """Whether a column of integers or octets has one of the chosen values. Many are one list: Ibis takes 0.4 ms for a
    compared value, and 0.05 ms for one of a list (measured with 10,000)."""
    if len(chosen) <= FEW:
        return column.isin([ibis.literal(value, column.type()) for value in chosen])
    listed = _listed(chosen, column).unnest().name("value").as_table()
    return column.cast(listed.value.type()).isin(listed.value)


def _listed(chosen: Sequence[Any], column: Any) -> Any:
    """Values of a column of integers or octets as one literal."""
    return ibis.literal(list(chosen), "array<int64>" if column.type().is_integer() else "array<binary>")
