"""Questions as plans, in two halves: what a store computes (partial), and how partial answers merge.

Both halves are Ibis expressions, so the same plan runs composed on one engine (DuckDB over a store, Spark over a lake),
or scattered: each store runs the partial half, and the merging half runs over the union of their results. Distinct
values are counted exactly: a partial contains the values, not their number.

Only expressions that Ibis compiles for DuckDB and for Spark. Times become microseconds by a builtin of each engine,
since Ibis has no bucket for Spark and its casts differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import ibis

from ims.packet.field_values import ICMP_ERRORS
from ims.query.bins import since_a_bin_began
from ims.query.language.columns import uses
from ims.query.plans.part import Members, Parts, Rows, Table, Totals
from ims.query.request import Request


class Tables:
    """One store's unfiltered tables; each has a column `sensor`. A table is opened when a plan first uses it.

    `open`: a table by its name; `micros`: a timestamp column as microseconds since the epoch, by the engine's function.
    """

    def __init__(self, open: Callable[[str], Table], micros: Callable[[Any], Any]) -> None:
        self._open, self.micros = open, micros

    @cached_property
    def packets(self) -> Table:
        """One row for every packet."""
        return self._open("packets")

    @cached_property
    def payloads(self) -> Table:
        """One row for every new payload of a day."""
        return self._open("payloads")

    @cached_property
    def coverage(self) -> Table:
        """What was watched, and when."""
        return self._open("coverage")

    @cached_property
    def frames_raw(self) -> Table:
        """Frames that columns can't express."""
        return self._open("frames_raw")

    @cached_property
    def files(self) -> Table:
        """Files with their hours, rows and octets: see tables.FILES. They may hold more than the range."""
        return self._open("files")


@dataclass(frozen=True)
class Plan:
    """`partial(tables, request)` returns named parts; `merge(parts, request, whole)` makes their tables the answer.
    `whole`: the parts are of one store, so their distinct values are distinct. `order`: of a plan whose parts have a
    `signature`, and whose every row is of one, the columns by which rows are sorted, each "ascending" or "descending":
    an engine may make the rows of some signatures after those of others."""

    partial: Callable[[Tables, Request], Parts]
    merge: Callable[[Mapping[str, Table], Request, bool], Table]
    order: Callable[[Request], list[tuple[str, str]]] | None = None


@ibis.udf.scalar.builtin(name="epoch_us")  # type: ignore[untyped-decorator]
def epoch_us(moment: ibis.dtype("timestamp('UTC')")) -> int:  # type: ignore[valid-type]
    """Microseconds since the epoch, as DuckDB names it; Spark's is `unix_micros`."""
    return 0


def selected(tables: Tables, request: Request) -> Table:
    """Packets of [since, until) that the filter takes."""
    packets = tables.packets
    micros = tables.micros(packets.time)
    if request.since is not None:
        packets = packets.filter(micros >= ibis.literal(request.since, "int64"))
    if request.until is not None:
        packets = packets.filter(micros < ibis.literal(request.until, "int64"))
    if request.filter is None:
        return packets
    from ims.query.plans.predicate import taken

    payloads = tables.payloads if "payload" in uses(request.filter) else None  # thousands of files, which take a while
    return taken(request.filter, packets, payloads, request.hidden)


def binned(tables: Tables, packets: Table, request: Request) -> Any:
    """Begin of each row's bin, in microseconds; integers, so that no row rounds into another bin."""
    micros = tables.micros(packets.time)
    shift = since_a_bin_began(request.bin, request.origin or 0)
    return micros - (micros + ibis.literal(shift, "int64")) % ibis.literal(request.bin, "int64")


def octets(packets: Table) -> Any:
    """Octets of each IP packet on the wire: its total length, or as in tcpdump the captured length where segmentation
    offload left 0 there, or where it claims more."""
    return packets.presumed_length.cast("int64").fill_null(packets.total_length.cast("int64"))


def group_key(table: Table, request: Request) -> Any:
    """The group of each row: a column, or the first bits of an address."""
    prefix = request.prefix
    if prefix is None:
        return table[request.group]
    mask = (0xFFFFFFFF << (32 - prefix.bits)) & 0xFFFFFFFF
    return table[prefix.address].cast("int64") & ibis.literal(mask, "int64")


MOST_OCTETS = 1500
"""Of a packet in `bytes_capped`: an Ethernet frame's; larger ones were merged by the sensor's hardware or are jumbo."""
OF_MEMBERS = ("sources", "destinations")
"""Metrics that count distinct addresses."""


def _measured(table: Table, keys: list[str], metric: str) -> Parts:
    """Partial of one metric for each combination of keys (columns of `table`)."""
    if metric in OF_MEMBERS:
        return {"members": Members(table, metric.removesuffix("s"), tuple(keys))}
    value = {
        "packets": table.count(),
        "bytes": octets(table).sum(),
        "bytes_capped": ibis.least(octets(table), ibis.literal(MOST_OCTETS, "int64")).sum(),
        "payloads": (table.payload_length > 0).cast("int64").sum(),
        "new_payloads": table.new_payload.cast("int64").sum(),
    }[metric]
    return {"values": Rows(table.group_by(keys).agg(value=value))}


COUNTS = "counts"
"""A table of one row that replaces parts without keys: how many members each of them has in all stores."""


def counted(parts: Mapping[str, Table], names: Sequence[str], whole: bool) -> Table:
    """How many members each part without keys has: one row, a column for each. An engine may have counted them."""
    if COUNTS in parts:
        return parts[COUNTS].select(*names)
    distinct = {name: parts[name] if whole else parts[name].distinct() for name in names}
    return reduce(ibis.cross_join, (members.agg(**{name: members.count()}) for name, members in distinct.items()))


def _merged(parts: Mapping[str, Table], keys: list[str], whole: bool) -> Table:
    if "members" in parts:
        members = parts["members"] if whole else parts["members"].distinct()
        return members.group_by(keys).agg(value=members.count())
    values = parts["values"]
    return values if whole else values.group_by(keys).agg(value=values.value.sum())


def _count_partial(tables: Tables, request: Request) -> Parts:
    packets = selected(tables, request)
    totals = {
        "packets": packets.count(),
        "bytes": octets(packets).sum(),
        "payloads": (packets.payload_length > 0).cast("int64").sum(),
        "first": tables.micros(packets.time.min()),
        "last": tables.micros(packets.time.max()),
    }
    return {
        "totals": Totals(packets, totals),
        "source": Members(packets, "source"),
        "destination": Members(packets, "destination"),
        "signature": Members(packets, "signature", may_lack=True),
    }


def _count_merge(parts: Mapping[str, Table], request: Request, whole: bool) -> Table:
    totals = parts["totals"]
    answer = totals.agg(
        packets=totals.packets.sum().fill_null(0),
        bytes=totals.bytes.sum().fill_null(0),
        payloads=totals.payloads.sum().fill_null(0),
        first=totals["first"].min(),
        last=totals["last"].max(),
    )
    members = counted(parts, ("source", "destination", "signature"), whole)
    answer = answer.cross_join(members.select(**{f"{name}s": members[name] for name in members.columns}))
    return answer.select("packets", "bytes", "sources", "destinations", "payloads", "signatures", "first", "last")


def _series_partial(tables: Tables, request: Request) -> Parts:
    packets = selected(tables, request)
    packets = packets.mutate(bin=binned(tables, packets, request))
    if request.group is not None:
        packets = packets.mutate(key=group_key(packets, request))
    return _measured(packets, _series_keys(request), request.metric)


def _series_keys(request: Request) -> list[str]:
    return ["bin"] if request.group is None else ["bin", "key"]


def _series_merge(parts: Mapping[str, Table], request: Request, whole: bool) -> Table:
    keys = _series_keys(request)
    return _merged(parts, keys, whole).order_by(keys).limit(request.rows)


def _top_partial(tables: Tables, request: Request) -> Parts:
    packets = selected(tables, request)
    return _measured(packets.mutate(key=group_key(packets, request)), ["key"], request.metric)


def _top_merge(parts: Mapping[str, Table], request: Request, whole: bool) -> Table:
    found = _merged(parts, ["key"], whole).order_by([ibis.desc("value"), ibis.asc("key")])
    # Blocks and sensors differ in size: divided by it, another one may come first, so all of them are needed.
    return found if request.per_24 and request.group in ("block", "sensor") else found.limit(request.rows)


ARRIVAL = ("time", "time_ns", "sensor", "source", "destination", "protocol", "source_port", "destination_port", "ip_id",
           "tcp_sequence", "tcp_acknowledgment", "icmp_rest", "signature")  # fmt: skip
"""Order of arrival; for packets of the same moment, an order that is the same in every store."""
MANY_ROWS = 1000
"""From so many on, the last one's time is determined first."""


def _packets_partial(tables: Tables, request: Request) -> Parts:
    return {"rows": Rows(_earliest(selected(tables, request), request.rows))}


def _earliest(packets: Table, rows: int) -> Table:
    """The first `rows` packets. Sorting whole rows takes memory for many more: 384 MiB and 1.3 s for 100,000 of 2
    million packets; with their times sorted first, 64 MiB and 0.2 to 0.6 s."""
    if rows >= MANY_ROWS:
        last = packets.select("time").order_by("time").limit(rows).time.max()
        packets = packets.filter(packets.time <= last.as_scalar())
    return packets.order_by(ARRIVAL).limit(rows)


def _packets_merge(parts: Mapping[str, Table], request: Request, whole: bool) -> Table:
    return _earliest(parts["rows"], request.rows)


def _cache_partial(tables: Tables, request: Request) -> Parts:
    packets = selected(tables, request)
    packets = packets.filter(packets.payload_length > 0).mutate(bin=binned(tables, packets, request))
    error = (packets.protocol == 1) & packets.icmp_type.isin(ICMP_ERRORS).fill_null(False)
    known = ~packets.new_payload
    values = packets.group_by("bin").agg(
        payloads=packets.count(),
        hits=known.cast("int64").sum(),
        payloads_without_icmp_errors=(~error).cast("int64").sum(),
        hits_without_icmp_errors=(known & ~error).cast("int64").sum(),
    )
    return {"values": Rows(values)}


def _cache_merge(parts: Mapping[str, Table], request: Request, whole: bool) -> Table:
    values = parts["values"]
    names = ("payloads", "hits", "payloads_without_icmp_errors", "hits_without_icmp_errors")
    merged = values.group_by("bin").agg(**{name: values[name].sum() for name in names})
    return merged.order_by("bin").limit(request.rows)


def _coverage_partial(tables: Tables, request: Request) -> Parts:
    coverage = tables.coverage
    if request.since is not None:
        coverage = coverage.filter(tables.micros(coverage.until) > ibis.literal(request.since, "int64"))
    if request.until is not None:
        coverage = coverage.filter(tables.micros(coverage.since) < ibis.literal(request.until, "int64"))
    return {"rows": Rows(coverage)}


def _coverage_merge(parts: Mapping[str, Table], request: Request, whole: bool) -> Table:
    return parts["rows"].order_by(["sensor", "block", "prefix", "since"]).limit(request.rows)


PLANS: Mapping[str, Plan] = {
    "count": Plan(_count_partial, _count_merge),
    "series": Plan(_series_partial, _series_merge),
    "top": Plan(_top_partial, _top_merge),
    "packets": Plan(_packets_partial, _packets_merge),
    "cache": Plan(_cache_partial, _cache_merge),
    "coverage": Plan(_coverage_partial, _coverage_merge),
}
