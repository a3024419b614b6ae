"""A telescope: one or more stores, opened for questions. What `ims.open` gives, and what the command line calls."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa

from ims import arrow
from ims.query import shown
from ims.query.answer import Answer, AnswerRecord
from ims.query.darkspace import DarkSpace
from ims.query.engine import Engine
from ims.query.plan import PLANS, Plan
from ims.query.plan_details import counted, payload_bytes, ranked, signatures_like, spread
from ims.query.request import Request, make_request
from ims.store.reader import Store, open_store

if TYPE_CHECKING:
    from ims.extract import ExportReport

Moment = str | datetime | None
PORTS_SHOWN = 8


class Telescope:
    """Stores opened for questions. Every verb takes a filter in tcpdump's language (docs/filter.md), and a time range
    [since, until): ISO 8601 text or datetimes, UTC unless they say otherwise.

    Raises FileNotFoundError, NotADirectoryError or ValueError where a folder isn't a store; a filter that can't be
    read raises ValueError and says where.
    """

    def __init__(self, *stores: str | Path, memory_bytes: int | None = None, threads: int | None = None) -> None:
        if not stores:
            raise ValueError("no store given; wanted one or more folders")
        self._paths = [Path(store) for store in stores]
        if len({path.resolve() for path in self._paths}) < len(self._paths):
            raise ValueError("a store is given twice; its rows would count twice")
        self._memory, self._threads = memory_bytes, threads
        for path in self._paths:
            open_store(path).close()

    def count(self, filter: str | None = None, *, since: Moment = None, until: Moment = None) -> Answer:
        """One row: packets, bytes (IP total length), distinct sources and destinations, payloads (packets that have
        one), distinct signatures, first and last arrival."""
        with self._asked("count", filter, since=since, until=until) as asked:
            table = asked.run(PLANS["count"])
            for name in ("first", "last"):
                table = _replace(table, name, shown.time_column(table.column(name)))
            return asked.answer(table)

    def series(
        self,
        filter: str | None = None,
        *,
        bin: str | int = "1h",
        group: str | None = None,
        metric: str = "packets",
        per_24: bool = False,
        since: Moment = None,
        until: Moment = None,
        limit: int | None = None,
    ) -> Answer:
        """A value for each bin of time (`time`, the group if any, `value`), oldest first.

        `bin`: `5m`, `1h`, ... `group`: a column, `block`, `sensor`, `/8` and the like (of the source), `source/N`,
        `destination/N`. `metric`: packets, bytes, sources, destinations, payloads, new_payloads. `per_24` divides by
        the size in /24s of what was watched in the bin (paper, section 2.1). Without a group, bins in which the
        darknet was watched and nothing came are there with 0.
        """
        words = {"bin": bin, "group": group, "metric": metric, "per_24": per_24, "limit": limit}
        with self._asked("series", filter, since=since, until=until, **words) as asked:
            request = asked.request
            table = asked.run(PLANS["series"])
            if request.group is None:
                table = _with_empty_bins(table, request, asked.space)
            if request.per_24:
                table = _per_24(table, request, asked.space)
            columns = {"time": shown.time_column(table.column("bin"))}
            if request.group_name is not None:
                columns[request.group_name] = _group_column(table.column("key"), request)
            return asked.answer(pa.table({**columns, "value": table.column("value")}))

    def top(
        self,
        column: str,
        filter: str | None = None,
        *,
        metric: str = "packets",
        per_24: bool = False,
        since: Moment = None,
        until: Moment = None,
        limit: int | None = None,
    ) -> Answer:
        """The values of a column (or group, as in `series`) with the most of a metric: the column and `value`."""
        words = {"group": column, "metric": metric, "per_24": per_24, "limit": limit}
        with self._asked("top", filter, since=since, until=until, **words) as asked:
            table = asked.run(PLANS["top"])
            if asked.request.per_24:
                table = _per_24(table, asked.request, asked.space)
                table = table.sort_by([("value", "descending"), ("key", "ascending")]).slice(0, asked.request.rows)
            name = asked.request.group_name or column
            return asked.answer(
                pa.table({name: _group_column(table.column("key"), asked.request), "value": table.column("value")})
            )

    def packets(
        self,
        filter: str | None = None,
        *,
        since: Moment = None,
        until: Moment = None,
        limit: int | None = None,
    ) -> Answer:
        """The first packets, oldest first, with every column of docs/records.md; `time` has nanoseconds."""
        with self._asked("packets", filter, since=since, until=until, limit=limit) as asked:
            return asked.answer(shown.shown_packets(asked.run(PLANS["packets"])))

    def payloads(
        self,
        filter: str | None = None,
        *,
        since: Moment = None,
        until: Moment = None,
        limit: int | None = None,
    ) -> Answer:
        """The payloads with the most packets: signature, number, length, packets, sources, first_seen, last_seen,
        ever_first_seen, ports (the most used), truncated, payload (bytes; null where they were lost), text and
        hexdump.

        Payloads with one MD5 (a collision that somebody made) have a row each, with `number` 1, 2, ...; packets,
        sources, times and ports are then of all of them together.
        """
        with self._asked("payloads", filter, since=since, until=until, limit=limit) as asked:
            table = asked.run(ranked("signature"))
            chosen = table.column("signature").to_pylist()
            sources = asked.pairs(counted("signature", chosen, "source"))
            ports = asked.ports(spread("signature", chosen, "destination_port"))
            alike: dict[bytes, list[dict[str, Any]]] = {}
            if chosen:
                for row in asked.run(payload_bytes(chosen)).to_pylist():
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
            texts = [None if o is None else shown.printable_octets(o) for o in octets]
            dumps = [None if o is None else shown.hexdump(o) for o in octets]
            columns = {
                "signature": shown.hex_column(table.column("signature")),
                "number": arrow.column([number for _, number, _ in kept], pa.int64()),
                "length": arrow.column(lengths, pa.int64()),
                "packets": table.column("packets"),
                "sources": arrow.column([sources.get(signature, 0) for signature in chosen], pa.int64()),
                "first_seen": shown.time_column(table.column("first")),
                "last_seen": shown.time_column(table.column("last")),
                "ever_first_seen": ever.cast(pa.timestamp("us", "UTC")),
                "ports": arrow.column([ports.get(signature, []) for signature in chosen], pa.list_(pa.uint16())),
                "truncated": arrow.column([bool(row.get("truncated")) for _, _, row in kept], pa.bool_()),
                "payload": arrow.column(octets, pa.binary()),
                "text": arrow.column(texts, pa.string()),
                "hexdump": arrow.column(dumps, pa.string()),
            }
            return asked.answer(pa.table(columns))

    def payload(self, signature: str) -> bytes:
        """The bytes of one stored payload. Six or more hex digits will do if only one signature begins so; `/2` behind
        them is the second payload with that MD5.

        Raises ValueError where the digits are none, or fit no payload or several.
        """
        digits, _, number = signature.lower().partition("/")
        hexadecimal = 6 <= len(digits) <= 32 and all(digit in "0123456789abcdef" for digit in digits)
        if not hexadecimal or (number and re.fullmatch(r"[1-9][0-9]{0,3}", number) is None):
            raise ValueError(f"signature {signature!r}: wanted 6 to 32 hex digits")
        with self._asked("payloads", None) as asked:
            like = [row.hex() for row in asked.run(signatures_like(digits, 11)).column("signature").to_pylist()]
            if not like:
                raise ValueError(f"no payload is stored whose signature begins with {digits}")
            if len(like) > 1:
                several = ", ".join(like[:10]) + (", ..." if len(like) > 10 else "")
                raise ValueError(f"several signatures begin with {digits}: {several}")
            rows = asked.run(payload_bytes([bytes.fromhex(like[0])])).to_pylist()
        if not number and len(rows) > 1:
            each = " or ".join(f"{like[0]}/{n}" for n in range(1, len(rows) + 1))
            raise ValueError(f"{len(rows)} payloads share the MD5 {like[0]}: wanted {each}")
        if int(number or 1) > len(rows):
            raise ValueError(f"no payload {number} has the signature {like[0]}; there are {len(rows)}")
        octets: bytes = rows[int(number or 1) - 1]["payload"]
        return octets

    def sources(
        self,
        filter: str | None = None,
        *,
        since: Moment = None,
        until: Moment = None,
        limit: int | None = None,
    ) -> Answer:
        """The sources with the most packets: source, packets, bytes, destinations, ports (the most used), payloads,
        first, last, verified (any of its packets was; null where no responder ran)."""
        with self._asked("sources", filter, since=since, until=until, limit=limit) as asked:
            table = asked.run(ranked("source"))
            chosen = table.column("source").to_pylist()
            destinations = asked.pairs(counted("source", chosen, "destination"))
            ports = asked.ports(spread("source", chosen, "destination_port"))
            verified = [
                bool(verified) if answered else None
                for verified, answered in zip(
                    *(table.column(n).to_pylist() for n in ("verified", "answered")), strict=True
                )
            ]
            return asked.answer(
                pa.table(
                    {
                        "source": shown.dotted_column(table.column("source")),
                        "packets": table.column("packets"),
                        "bytes": table.column("bytes"),
                        "destinations": arrow.column([destinations.get(source, 0) for source in chosen], pa.int64()),
                        "ports": arrow.column([ports.get(source, []) for source in chosen], pa.list_(pa.uint16())),
                        "payloads": table.column("payloads"),
                        "first": shown.time_column(table.column("first")),
                        "last": shown.time_column(table.column("last")),
                        "verified": arrow.column(verified, pa.bool_()),
                    }
                )
            )

    def cache(
        self,
        filter: str | None = None,
        *,
        bin: str | int = "1h",
        since: Moment = None,
        until: Moment = None,
    ) -> Answer:
        """How often a payload was known already (Figure 8 of the paper): time, payloads, hits, hit_rate, and the
        same without ICMP errors, whose quotes are nearly all different."""
        with self._asked("cache", filter, since=since, until=until, bin=bin) as asked:
            table = asked.run(PLANS["cache"])
            columns = {"time": shown.time_column(table.column("bin"))}
            for suffix in ("", "_without_icmp_errors"):
                payloads, hits = table.column(f"payloads{suffix}"), table.column(f"hits{suffix}")
                rate = [h / p if p else None for p, h in zip(payloads.to_pylist(), hits.to_pylist(), strict=True)]
                columns |= {f"payloads{suffix}": payloads, f"hits{suffix}": hits}
                columns[f"hit_rate{suffix}"] = arrow.column(rate, pa.float64())
            return asked.answer(pa.table(columns))

    def coverage(self, *, since: Moment = None, until: Moment = None) -> Answer:
        """What was watched, and when: sensor, block, prefix, policy, since, until, frames_lost, payloads_lost."""
        with self._asked("coverage", None, since=since, until=until) as asked:
            table = asked.run(PLANS["coverage"])
            names = ["sensor", "block", "prefix", "policy", "since", "until", "frames_lost", "payloads_lost"]
            for name in ("since", "until"):
                table = _replace(table, name, table.column(name).cast(pa.timestamp("us", "UTC")))
            return asked.answer(table.select(names))

    def export(
        self,
        out: str | Path | BinaryIO,
        format: str = "pcap",
        filter: str | None = None,
        *,
        since: Moment = None,
        until: Moment = None,
    ) -> ExportReport:
        """Write packets to a file (`-`: standard output) as pcap, parquet, csv or json, oldest first.

        pcap gives back every packet byte for byte from the IP header on, with its time to the nanosecond.
        """
        from ims.extract import export

        with self._asked("packets", filter, since=since, until=until) as asked:
            return export(asked.engine, asked.stores, asked.request, asked.predicate, out, format)

    def _asked(self, verb: Any, filter: str | None, **words: Any) -> _Asked:
        return _Asked(self._paths, make_request(verb, filter, **words), self._memory, self._threads)

    def close(self) -> None:
        """Nothing is held between questions: each sees the stores as they are when it is asked."""

    def __enter__(self) -> Telescope:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Asked:
    """One question being answered: the stores held as they are now, the engine, the filter."""

    def __init__(self, paths: Sequence[Path], request: Request, memory: int | None, threads: int | None) -> None:
        self.request = request
        self.predicate = _predicate(request.filter)
        self._began = time.perf_counter()
        self.stores: list[Store] = []
        try:
            for path in paths:
                self.stores.append(open_store(path))
            self.engine = Engine(self.stores, memory, threads)
        except BaseException:
            self._release()
            raise
        try:
            coverage = self.run(PLANS["coverage"], Request(verb="coverage", since=request.since, until=request.until))
        except BaseException:
            self.engine.close()
            self._release()
            raise
        for name in ("since", "until"):
            coverage = coverage.append_column(f"{name}_us", coverage.column(name).cast(pa.int64()))
        self._coverage = arrow.rows(coverage)
        self.space = DarkSpace(self._coverage)

    def run(self, plan: Plan, request: Request | None = None) -> pa.Table:
        asked = request or self.request
        return self.engine.run(plan, asked, self.predicate if request is None else None)

    def pairs(self, plan: Plan) -> dict[Any, int]:
        return {row["key"]: row["value"] for row in self.run(plan).to_pylist()}

    def ports(self, plan: Plan) -> dict[Any, list[int]]:
        """The most used ports of each key, most packets first."""
        found: dict[Any, list[tuple[int, int]]] = {}
        for row in self.run(plan).to_pylist():
            found.setdefault(row["key"], []).append((-row["packets"], row["other"]))
        return {key: [port for _, port in sorted(ports)[:PORTS_SHOWN]] for key, ports in found.items()}

    def answer(self, table: pa.Table) -> Answer:
        sensors = dict.fromkeys(sensor for store in self.stores for sensor in store.sensors)
        # What a capture lost is written on each of its blocks' rows, and belongs to none of them alone.
        frames = {(row["sensor"], row["since"], row["until"]): row["frames_lost"] for row in self._coverage}
        record = AnswerRecord(
            stores=tuple(str(store.path) for store in self.stores),
            sensors=tuple(sensors),
            seconds=time.perf_counter() - self._began,
            darknet_24s=self.space.size_24(),
            frames_lost=sum(frames.values()),
            payloads_lost=sum(row["payloads_lost"] for row in self._coverage),
        )
        return Answer(table, record)

    def __enter__(self) -> _Asked:
        return self

    def __exit__(self, *_error: object) -> None:
        self.engine.close()
        self._release()

    def _release(self) -> None:
        for store in self.stores:
            store.close()


def _predicate(text: str) -> Callable[[Any, Any], Any] | None:
    if not text.strip():
        return None
    from ims.query.filter import parse
    from ims.query.predicate import predicate

    tree = parse(text)
    return lambda packets, payloads: predicate(tree, packets, payloads)


def _group_column(keys: pa.ChunkedArray, request: Request) -> pa.Array:
    if request.prefix is not None:
        bits = request.prefix.bits
        return arrow.column([f"{shown.dotted(key)}/{bits}" for key in keys.to_pylist()], pa.string())
    if request.group in ("source", "destination"):
        return shown.dotted_column(keys)
    if request.group == "signature":
        return shown.hex_column(keys)
    return keys.combine_chunks()


def _with_empty_bins(table: pa.Table, request: Request, space: DarkSpace) -> pa.Table:
    """Bins without packets in which something was watched, as zeros, unless they are more than the limit."""
    known = dict(zip(table.column("bin").to_pylist(), table.column("value").to_pylist(), strict=True))
    bins = set(known)
    for since, until in space.periods(request.since, request.until):
        first = since // request.bin * request.bin
        if len(bins) + (until - first) // request.bin >= request.rows:
            return table
        bins.update(range(first, until, request.bin))
    rows = [{"bin": begin, "value": known.get(begin, 0)} for begin in sorted(bins)]
    return arrow.table(rows, pa.schema([("bin", pa.int64()), ("value", pa.int64())]))


def _per_24(table: pa.Table, request: Request, space: DarkSpace) -> pa.Table:
    sizes: dict[Any, float] = {}
    divided = []
    named = request.group in ("block", "sensor")
    keys = table.column("key").to_pylist() if "key" in table.column_names else [None] * len(table)
    bins = table.column("bin").to_pylist() if "bin" in table.column_names else [None] * len(table)
    for begin, key, value in zip(bins, keys, table.column("value").to_pylist(), strict=True):
        which = (begin, key if named else None)
        if which not in sizes:
            until = request.until if begin is None else begin + request.bin
            only = {request.group: key} if named else {}
            sizes[which] = space.size_24(request.since if begin is None else begin, until, **only)  # type: ignore[arg-type]
        divided.append(value / sizes[which] if sizes[which] else None)
    return _replace(table, "value", arrow.column(divided, pa.float64()))


def _replace(table: pa.Table, name: str, values: Any) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, values)
