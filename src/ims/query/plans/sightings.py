"""The plans of `sightings` and `novelty`: payloads never seen before, and to which blocks or sensors each came in turn.

A payload was seen before if a sensor that has it in these days remembers it from before (`payloads.ever_first_seen`):
before the moment from which payloads count, the range's begin if not given; of an open range, before what is stored.
So the range may begin earlier than payloads count, for what other sensors saw in it. A store's half has a row for each
payload and block, which is what the other half needs to tell places apart: it grows with the payloads that are new,
and not with packets. Most payloads come to one block alone, so only the others are put into the order of their
arrival. (20 million packets, 3.8 million of them with one of 169,572 payloads, in a process that has asked before: 0.5
s. Of 5 million packets with 2 million new payloads: 2 to 2.5 s of processor time, and 0.7 GB for `novelty`; for all
rows of `sightings`, which are made piece by piece, 4 s and 0.9 GB.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ibis

from ims.query.bins import since_a_bin_began
from ims.query.plans.part import Parts, Rows, Table
from ims.query.plans.plan import Plan, Tables, selected
from ims.query.request import Request
from ims.settings.durations import SECOND_US

PLACES = ("sensor", "block")
FOLLOWERS = ("second", "third")
BY = "block"
"""What places are without a group."""
DESCRIBED = 1000
"""Rows of which sources and texts are looked up. For 10,000 that takes 4 s, as the engine gets a list of them."""


def _partial(tables: Tables, request: Request) -> Parts:
    packets = selected(tables, request)
    packets = packets.filter(packets.signature.notnull())
    micros = tables.micros(packets.time)
    fresh = _fresh(request)
    if fresh is not None:
        packets = packets.filter(micros >= ibis.literal(fresh, "int64"))
    earlier = _earlier(tables, fresh)
    # Old payloads have many packets, so leaving them out first is cheaper than grouping them.
    packets = packets.anti_join(earlier, "signature")
    values = packets.group_by(["signature", *PLACES]).agg(
        first=micros.min(), last=micros.max(), packets=packets.count(), length=packets.payload_length.max()
    )
    return {"values": Rows(values), "earlier": Rows(earlier)}


def _fresh(request: Request) -> int | None:
    """From when on payloads count as new."""
    return request.since if request.fresh is None else request.fresh


def _earlier(tables: Tables, fresh: int | None) -> Table:
    """Signatures of payloads that came on these days, and before."""
    payloads = tables.payloads
    ever = tables.micros(payloads.ever_first_seen)
    if fresh is not None:
        return payloads.filter(ever < ibis.literal(fresh, "int64")).select("signature").distinct()
    moments = payloads.group_by("signature").agg(ever=ever.min(), stored=tables.micros(payloads.first_seen).min())
    return moments.filter(moments.ever < moments.stored).select("signature")


def _merged(parts: Mapping[str, Table], whole: bool) -> tuple[Table, Table]:
    """A row for each payload that wasn't seen before, and for each with a place."""
    values = parts["values"]
    if not whole:
        values = values.group_by(["signature", *PLACES]).agg(
            first=values["first"].min(), last=values["last"].max(), packets=values.packets.sum(),
            length=values.length.max(),
        )  # fmt: skip
        values = values.anti_join(parts["earlier"], "signature")
    totals = values.group_by("signature").agg(
        count=values.count(), first=values["first"].min(), last=values["last"].max(), packets=values.packets.sum(),
        length=values.length.max(), sensor=values.sensor.min(), block=values.block.min(),
    )  # fmt: skip
    return totals, values


def _with_followers(totals: Table, values: Table, by: str) -> Table:
    """When and where each payload came first, and after how many microseconds to the second and the third place.

    Places are counted only of those that came to several: for all, it took half of the time and of the memory.
    """
    several = values.semi_join(totals.filter(totals["count"] > 1), "signature")
    nth = ibis.row_number().over(group_by=["signature", by], order_by=["first", *PLACES])
    ranked = several.mutate(nth=nth)
    ranked = ranked.filter(ranked.nth == 0).drop("nth")
    ranked = ranked.mutate(nth=ibis.row_number().over(group_by="signature", order_by=["first", *PLACES]))

    def at(number: int, name: str) -> Any:
        return ranked[name].max(where=ranked.nth == number)

    columns = {f"first_{name}": at(0, name) for name in PLACES}
    for number, which in enumerate(FOLLOWERS, 1):
        columns |= {f"{which}_{name}": at(number, name) for name in PLACES}
        columns[f"{which}_at"] = at(number, "first")
    found = ranked.group_by("signature").agg(**columns)
    counts = several.group_by("signature").agg(**{f"{name}s": several[name].nunique() for name in PLACES})
    found = found.join(counts, "signature").rename(of="signature")
    joined = totals.left_join(found, totals.signature == found.of)
    delays = {f"{which}_delay": joined[f"{which}_at"] - joined["first"] for which in FOLLOWERS}
    first = {name: joined[f"first_{name}"].fill_null(joined[name]) for name in PLACES}
    counts = {f"{name}s": joined[f"{name}s"].fill_null(1) for name in PLACES}
    return joined.mutate(**delays, **first, **counts)


_COLUMNS = (
    "signature", "first", *PLACES, "packets", "blocks", "sensors",
    *(f"{which}_{name}" for which in FOLLOWERS for name in (*PLACES, "delay")), "last", "length",
)  # fmt: skip


def _sightings(parts: Mapping[str, Table], request: Request, whole: bool) -> Table:
    totals, values = _merged(parts, whole)
    by = request.group or BY
    found = _with_followers(totals, values, by)
    if request.only is not None:
        found = found.filter((found[f"{by}s"] == 1) & (found[by] == request.only))
    order = [found[name].desc() if how == "descending" else found[name].asc() for name, how in _order(request)]
    return found.order_by(order).select(*_COLUMNS).limit(request.rows)


def _order(request: Request) -> list[tuple[str, str]]:
    """Those that came to the most places are first, of these those with the most packets."""
    places = f"{request.group or BY}s"
    return [(places, "descending"), ("packets", "descending"), ("first", "ascending"), ("signature", "ascending")]


def _novelty(parts: Mapping[str, Table], request: Request, whole: bool) -> Table:
    by = request.group or BY
    found = _with_followers(*_merged(parts, whole), by)
    first, second_us = found["first"], ibis.literal(SECOND_US, "int64")
    shift = ibis.literal(since_a_bin_began(request.bin, request.origin or 0), "int64")
    begin = first - (first + shift) % ibis.literal(request.bin, "int64")
    delays = {f"{which}_delay": found[f"{which}_delay"] for which in FOLLOWERS}
    keys = {"bin": begin, "place": found[by]}
    for which in FOLLOWERS:
        keys |= {which: found[f"{which}_{by}"], f"{which}_delay": delays[f"{which}_delay"] -
                 delays[f"{which}_delay"] % second_us}  # fmt: skip
    rows = found.select(**keys, packets=found.packets)
    merged = rows.group_by(list(keys)).agg(payloads=rows.count(), packets=rows.packets.sum())
    return merged.order_by(list(keys)).limit(request.rows)


SIGHTINGS = Plan(_partial, _sightings, _order)
"""Payloads: those that came to the most places first, of these those with the most packets."""
NOVELTY = Plan(_partial, _novelty)
"""How many payloads came first in a bin at a place, by the places that they came to next, and how soon (whole
seconds)."""
