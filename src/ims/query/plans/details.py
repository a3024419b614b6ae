"""Plans of the verbs that ask twice: which payloads or sources come first, and then what is known of those."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ibis

from ims.query.plans.part import Parts, Rows, Table
from ims.query.plans.plan import Plan, Tables, octets, selected
from ims.query.request import Request


def _ranked(tables: Tables, request: Request, key: str) -> Parts:
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


def _ranked_merge(parts: Mapping[str, Table], request: Request, key: str) -> Table:
    values = parts["values"]
    found = values.group_by(key).agg(
        packets=values.packets.sum(),
        bytes=values.bytes.sum(),
        length=values.length.max(),
        payloads=values.payloads.sum(),
        first=values["first"].min(),
        last=values["last"].max(),
        verified=values.verified.max(),
        answered=values.answered.max(),
    )
    return found.order_by([found.packets.desc(), found[key].asc()]).limit(request.rows)


def ranked(key: str) -> Plan:
    """Payloads by `signature`, or sources by `source`: those with the most packets first."""
    return Plan(
        lambda tables, request: _ranked(tables, request, key),
        lambda parts, request, whole: _ranked_merge(parts, request, key),
    )


def spread(key: str, chosen: Sequence[Any], other: str) -> Plan:
    """For each of the chosen values of `key`: each value of `other` with its packets."""

    def partial(tables: Tables, request: Request) -> Parts:
        packets = selected(tables, request)
        packets = packets.filter(_among(packets[key], chosen) & packets[other].notnull())
        return {"values": Rows(packets.group_by(key=packets[key], other=packets[other]).agg(packets=packets.count()))}

    def merge(parts: Mapping[str, Table], request: Request, whole: bool) -> Table:
        values = parts["values"]
        return values.group_by(["key", "other"]).agg(packets=values.packets.sum())

    return Plan(partial, merge)


def counted(key: str, chosen: Sequence[Any], other: str) -> Plan:
    """For each of the chosen values of `key`: how many distinct values of `other`."""

    def partial(tables: Tables, request: Request) -> Parts:
        packets = selected(tables, request)
        packets = packets.filter(_among(packets[key], chosen) & packets[other].notnull())
        return {"members": Rows(packets.select(key=packets[key], other=packets[other]).distinct())}

    def merge(parts: Mapping[str, Table], request: Request, whole: bool) -> Table:
        members = parts["members"] if whole else parts["members"].distinct()
        return members.group_by("key").agg(value=members.count())

    return Plan(partial, merge)


def payload_bytes(chosen: Sequence[bytes]) -> Plan:
    """The payloads of some signatures: bytes, whether cut, and when first seen ever. A signature that two payloads
    share (an MD5 collision) gives both."""

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
            truncated=values.truncated.min(),
            first=values["first"].min(),
            ever_first_seen=values.ever_first_seen.min(),
        )
        return merged.order_by(["signature", "first", "payload"])

    return Plan(partial, merge)


def signatures_like(prefix: str, most: int) -> Plan:
    """Signatures of stored payloads that begin with some hex digits."""

    def partial(tables: Tables, request: Request) -> Parts:
        payloads = tables.payloads
        low = bytes.fromhex(prefix.ljust(32, "0"))
        high = bytes.fromhex(prefix.ljust(32, "f"))
        within = (payloads.signature >= ibis.literal(low, "binary")) & (
            payloads.signature <= ibis.literal(high, "binary")
        )
        return {"members": Rows(payloads.filter(within).select("signature").distinct().limit(most))}

    def merge(parts: Mapping[str, Table], request: Request, whole: bool) -> Table:
        return parts["members"].distinct().order_by("signature").limit(most)

    return Plan(partial, merge)


FEW = 64
"""Values that are compared one by one, so that files and row groups without any of them are skipped."""


def _among(column: Any, chosen: Sequence[Any]) -> Any:
    """Whether a column, whole numbers or octets, has one of the chosen values. Of many, as one list: Ibis takes 0.4 ms
    for each value that is compared, and 0.05 ms for each of a list (measured with 10,000)."""
    if len(chosen) <= FEW:
        return column.isin([ibis.literal(value, column.type()) for value in chosen])
    kind = "int64" if column.type().is_integer() else "binary"
    listed = ibis.literal(list(chosen), f"array<{kind}>").unnest().name("value").as_table()
    return column.cast(kind).isin(listed.value)
