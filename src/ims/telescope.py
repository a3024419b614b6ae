"""A telescope: one or more stores, opened for questions. What `ims.open` gives, and what the command line calls."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import pyarrow as pa

from ims import arrow
from ims.asked import Asked, StoresAsked, pairs, ports
from ims.query import shown
from ims.query.answer import Answer
from ims.query.metric_table import group_column, replaced, values_per_24, with_empty_bins
from ims.query.request import Request, make_request
from ims.query.wrong import QuestionError
from ims.store.reader import open_store
from ims.store.store_id import read_store_id

if TYPE_CHECKING:
    from ims.extract import ExportReport
    from ims.query.hidden import Ranges

Moment = str | float | datetime | None
BEYOND = 1000
"""Values looked for beyond those that are shown, to tell how many there are."""
WHOLE = 32
"""Digits of a whole signature: one question finds its payloads, or that there are none."""


class Telescope:
    """Stores opened for questions. Every verb takes a filter in tcpdump's language (docs/filter.md), and a time range
    [since, until): datetimes or ISO 8601 text, UTC unless they say otherwise, or the time since 1970 in seconds,
    milliseconds, microseconds or nanoseconds, told apart by their digits. Where rows were left out at a limit, the
    answer's record says so.

    Rows of one sensor's name in several stores are one sensor's (`shared_names`).

    Raises FileNotFoundError, NotADirectoryError or ValueError where a folder isn't a store, or is a copy of another of
    them; a filter that can't be
    read raises ValueError and says where.
    """

    _hidden: Ranges | None = None

    def __init__(self, *stores: str | Path, memory_bytes: int | None = None, threads: int | None = None) -> None:
        if not stores:
            raise ValueError("no store given; wanted one or more folders")
        self._paths = [Path(store) for store in stores]
        if len({os.path.realpath(path) for path in self._paths}) < len(self._paths):
            raise ValueError("a store is given twice; its rows would count twice")
        self.shared_names = _shared_names(self._paths)
        """Sensors that several of the stores have, by name: they are taken for one."""

        def ask(request: Request, hidden: Ranges | None = None) -> Asked:
            return StoresAsked(self._paths, request, memory_bytes, threads, hidden)

        self._ask: Callable[..., Asked] = ask

    @classmethod
    def through(cls, ask: Callable[..., Asked]) -> Telescope:
        """A telescope whose questions are answered some other way: `ask(request, hidden)` begins one, of an asker who
        may not see the sources in some ranges."""
        telescope = cls.__new__(cls)
        telescope._ask = ask
        telescope.shared_names = {}
        return telescope

    def hiding(self, hidden: Ranges) -> Self:
        """This telescope as one sees it who may not see the sources in these ranges: they are in no `src net`, and in
        no group by source. (They are counted all the same; and packets have them.)"""
        other = copy.copy(self)
        other._hidden = hidden
        return other

    def count(self, filter: str | None = None, *, since: Moment = None, until: Moment = None) -> Answer:
        """One row: packets, bytes (IP total length; where hardware left 0 there, what came), distinct sources and
        destinations, payloads (packets that have one), distinct signatures, first and last arrival."""
        with self._asked("count", filter, since=since, until=until) as asked:
            table = asked.ask("count")
            for name in ("first", "last"):
                table = replaced(table, name, shown.time_column(table.column(name)))
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
        `destination/N`. `metric`: packets, bytes, bytes_capped (1,500 of a packet at most), sources, destinations,
        payloads, new_payloads. `per_24` divides by
        the mean size in /24s of what was watched in the bin, while anything was (paper, section 2.1). Without a group,
        bins in which the darknet was watched and nothing came are there with 0, unless they are more than 86,400. Whole
        weeks begin on Mondays. `limit`: 1,000,000 without one.
        """
        words = {"bin": bin, "group": group, "metric": metric, "per_24": per_24, "limit": limit}
        with self._asked("series", filter, since=since, until=until, **words) as asked:
            request = asked.request
            table, left_out = asked.first("series", 1)
            if request.group is None and not left_out:  # else bins that aren't here may be full
                table, left_out["bins_left_out"] = with_empty_bins(table, request, asked.space)
            if request.per_24:
                table = values_per_24(table, request, asked.space)
            columns = {"time": shown.time_column(table.column("bin"))}
            if request.group_name is not None:
                columns[request.group_name] = group_column(table.column("key"), request)
            return asked.answer(pa.table({**columns, "value": table.column("value")}), **left_out)

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
        """The values of a column (or group, as in `series`) with the most of a metric: the column and `value`.
        `limit`: 10 without one."""
        words = {"group": column, "metric": metric, "per_24": per_24, "limit": limit}
        with self._asked("top", filter, since=since, until=until, **words) as asked:
            request = asked.request
            if request.per_24 and request.group in ("block", "sensor"):
                table = values_per_24(asked.ask("top"), request, asked.space)
                table = table.sort_by([("value", "descending"), ("key", "ascending")])
                left_out = {"limit": request.rows, "matching": len(table)} if len(table) > request.rows else {}
                table = table.slice(0, request.rows)
            else:
                table, left_out = asked.first("top", BEYOND)
                table = values_per_24(table, request, asked.space) if request.per_24 else table
            name = request.group_name or column
            columns = {name: group_column(table.column("key"), request), "value": table.column("value")}
            return asked.answer(pa.table(columns), **left_out)

    def packets(
        self,
        filter: str | None = None,
        *,
        since: Moment = None,
        until: Moment = None,
        limit: int | None = None,
    ) -> Answer:
        """The first packets, oldest first, with every column of docs/records.md; `time` has nanoseconds. `limit`: 100
        without one; the answer's record says how many match, and `export` gives all."""
        with self._asked("packets", filter, since=since, until=until, limit=limit) as asked:
            table, left_out = asked.first("packets", 1)
            if left_out:
                matching = asked.packets()
                left_out = {"limit": asked.request.rows, "matching": matching} if matching > len(table) else {}
            return asked.answer(shown.shown_packets(table), **left_out)

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
        sources, times and ports are then of all of them together. `limit`: 10 without one.
        """
        with self._asked("payloads", filter, since=since, until=until, limit=limit) as asked:
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
                "ports": arrow.column([used.get(signature, []) for signature in chosen], pa.list_(pa.uint16())),
                "truncated": arrow.column([bool(row.get("truncated")) for _, _, row in kept], pa.bool_()),
                "payload": arrow.column(octets, pa.binary()),
                "text": arrow.column(texts, pa.string()),
                "hexdump": arrow.column(dumps, pa.string()),
            }
            return asked.answer(pa.table(columns), **left_out)

    def payload(self, signature: str) -> bytes:
        """The bytes of one stored payload. Six or more hex digits will do if only one signature begins so; `/2` behind
        them is the second payload with that MD5.

        Raises QuestionError (a ValueError) where the digits are none, or fit no payload or several.
        """
        digits, _, number = signature.lower().partition("/")
        hexadecimal = 6 <= len(digits) <= 32 and all(digit in "0123456789abcdef" for digit in digits)
        if not hexadecimal or (number and re.fullmatch(r"[1-9][0-9]{0,3}", number) is None):
            raise QuestionError(f"signature {signature!r}: wanted 6 to 32 hex digits")
        with self._asked("payloads", None) as asked:
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
            raise QuestionError(f"{len(rows)} payloads share the MD5 {like[0]}: wanted {each}")
        if int(number or 1) > len(rows):
            raise QuestionError(f"no payload {number} has the signature {like[0]}; there are {len(rows)}")
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
        first, last, verified (any of its packets was; null where no responder ran). `limit`: 20 without one."""
        with self._asked("sources", filter, since=since, until=until, limit=limit) as asked:
            table, left_out = asked.first("ranked", BEYOND, key="source")
            chosen = table.column("source").to_pylist()
            details = asked.run(
                asked.about("counted", "source", chosen, "destination"),
                asked.about("spread", "source", chosen, "destination_port"),
            )
            destinations, used = pairs(details[0]), ports(details[1])
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
                        "ports": arrow.column([used.get(source, []) for source in chosen], pa.list_(pa.uint16())),
                        "payloads": table.column("payloads"),
                        "first": shown.time_column(table.column("first")),
                        "last": shown.time_column(table.column("last")),
                        "verified": arrow.column(verified, pa.bool_()),
                    }
                ),
                **left_out,
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
            table, left_out = asked.first("cache", 1)
            columns = {"time": shown.time_column(table.column("bin"))}
            for suffix in ("", "_without_icmp_errors"):
                payloads, hits = table.column(f"payloads{suffix}"), table.column(f"hits{suffix}")
                rate = [h / p if p else None for p, h in zip(payloads.to_pylist(), hits.to_pylist(), strict=True)]
                columns |= {f"payloads{suffix}": payloads, f"hits{suffix}": hits}
                columns[f"hit_rate{suffix}"] = arrow.column(rate, pa.float64())
            return asked.answer(pa.table(columns), **left_out)

    def coverage(self, *, since: Moment = None, until: Moment = None) -> Answer:
        """What was watched, and when: sensor, block, prefix, policy, since, until, frames_lost, payloads_lost."""
        with self._asked("coverage", None, since=since, until=until) as asked:
            table = asked.ask("coverage")
            names = ["sensor", "block", "prefix", "policy", "since", "until", "frames_lost", "payloads_lost"]
            for name in ("since", "until"):
                table = replaced(table, name, table.column(name).cast(pa.timestamp("us", "UTC")))
            return asked.answer(table.select(names))

    def export(
        self,
        out: str | Path | BinaryIO,
        format: str = "pcap",
        filter: str | None = None,
        *,
        since: Moment = None,
        until: Moment = None,
        link: str = "raw",
    ) -> ExportReport:
        """Write packets to a file (`-`: standard output) as pcap, parquet, csv or json, oldest first.

        pcap gives back every packet byte for byte from the IP header on, with its time to the nanosecond. `link`: what
        it stands in: `raw` (nothing), `ethernet` (a made-up header) or `ipv4` (nothing, and a link type that says so).
        """
        from ims.extract import export

        with self._asked("packets", filter, since=since, until=until) as asked:
            return export(asked, out, format, link)

    def _asked(self, verb: Any, filter: str | None, **words: Any) -> Asked:
        return self._ask(make_request(verb, filter, **words), self._hidden)

    def close(self) -> None:
        """Nothing is held between questions: each sees the stores as they are when it is asked."""

    def __enter__(self) -> Telescope:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _shared_names(paths: Sequence[Path]) -> dict[str, tuple[Path, ...]]:
    """Sensors that several stores have, and which. Raises ValueError where a store is a copy of another."""
    ids: dict[str, Path] = {}
    having: dict[str, list[Path]] = {}
    for path in paths:
        with open_store(path) as store:
            for sensor in store.sensors:
                having.setdefault(sensor, []).append(path)
        known = read_store_id(path)
        other = ids.setdefault(known, path) if known else path
        if other != path:
            raise ValueError(f"{path} is a copy of {other}, or the other way round; their rows would count twice")
    return {sensor: tuple(stores) for sensor, stores in having.items() if len(stores) > 1}


def _signatures_like(asked: Asked, digits: str) -> list[str]:
    return [row.hex() for row in asked.ask("signatures_like", prefix=digits).column("signature").to_pylist()]
