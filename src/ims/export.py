"""Packets out of stores, slice of time by slice, so that memory is bounded: as pcap or pcapng byte for byte, or as
columns.

For pcap and pcapng a row is rebuilt from its columns and its payload (store/rebuild.py), unless its bytes were kept
raw: those are found by the row's key (store/rowkey.py).
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from ims import arrow
from ims.full_disk import naming
from ims.query.format.display import json_lines, shown_packets
from ims.query.question import Question
from ims.query.request import Request
from ims.query_run import QueryRun
from ims.settings.durations import HOUR_US, SECOND_US
from ims.store.columns import distinct_values
from ims.store.pcap import check_link, linked, linked_offsets, pcap_header
from ims.store.pcapng import pcapng_blocks, pcapng_header, times_of
from ims.store.rebuild import RawPackets, Records, pcap_records
from ims.store.rowkey import row_keys_of_arrow
from ims.text import quantity

FORMATS = ("pcap", "pcapng", "parquet", "csv", "json")
SLICE_PACKETS, SLICE_BYTES, MOST_OCTETS = 1 << 18, 64 << 20, 1500


@dataclass
class ExportReport:
    """What an export wrote, and what it couldn't give back."""

    packets: int = 0
    payloads_lost: int = 0
    checksums_unknown: int = 0
    warnings: list[str] = field(default_factory=list)

    def close(self) -> None:
        """Put what is missing into words."""
        if self.payloads_lost:
            self.warnings.append(
                f"{quantity(self.payloads_lost, 'packet')} cut after the headers: the payload was lost when the cache "
                "was full and the budget spent, or dropped by retention"
            )


def export(asked: QueryRun, out: str | Path | BinaryIO, format: str, link: str = "raw") -> ExportReport:
    """Write the selected packets, oldest first. A file appears whole or not at all. `link`: see store/pcap.py.

    Raises ValueError for an unknown format, a folder, or times that the format can't hold, OSError where the file can't
    be written.
    """
    check_written(format, link)
    report = ExportReport()
    with opened(out) as file:
        whole = {"pcap": _Pcap, "pcapng": _Pcapng}.get(format)
        writer = _writers()[format](file, report) if whole is None else whole(file, report, link)
        for since, until in slices(asked):
            writer.write(asked, asked.request.model_copy(update={"since": since, "until": until, "limit": 0}))
        writer.close()
    report.close()
    # Of payloads, `close` said how many packets lack them.
    report.warnings += replace(asked.record(asked.coverage), payloads_lost=0).losses
    return report


def check_written(format: str, link: str) -> None:
    """Raises ValueError where nothing can be written so."""
    if format not in FORMATS:
        raise ValueError(f"no format {format!r}; expected one of {', '.join(FORMATS)}")
    check_link(link)
    if link != "raw" and format not in ("pcap", "pcapng"):
        raise ValueError(f"--link {link} goes with pcap and pcapng; {format} has no link layer")


def slices(asked: QueryRun) -> Iterator[tuple[int, int]]:
    """Ranges of time, in order, none much larger than SLICE_PACKETS packets or SLICE_BYTES bytes; hours with little in
    them are taken together, for each slice costs a fifth of a second of compiling."""
    request = asked.request
    waiting: tuple[int, int, int] | None = None
    for begin, most in asked.hours():
        since = max(begin, request.since if request.since is not None else begin)
        until = min(begin + HOUR_US, request.until if request.until is not None else begin + HOUR_US)
        if since >= until:
            continue
        if waiting is not None:
            if (waiting[2] + most) * MOST_OCTETS <= SLICE_BYTES:
                waiting = (waiting[0], until, waiting[2] + most)
                continue
            yield waiting[:2]
            waiting = None
        if most * MOST_OCTETS <= SLICE_BYTES:
            waiting = (since, until, most)
        else:
            yield from _parts_of_an_hour(asked, since, until)
    if waiting is not None:
        yield waiting[:2]


def _parts_of_an_hour(asked: QueryRun, since: int, until: int) -> Iterator[tuple[int, int]]:
    """By what came each second."""
    packets, octets = asked.run(
        asked.series(SECOND_US, since=since, until=until),
        asked.series(SECOND_US, since=since, until=until, metric="bytes"),
    )
    at, count, size = since, 0, 0
    for row, weight in zip(packets.to_pylist(), octets.to_pylist(), strict=True):
        if count and (count + row["value"] > SLICE_PACKETS or size + weight["value"] > SLICE_BYTES):
            cut = max(at, row["bin"])
            yield at, cut
            at, count, size = cut, 0, 0
        count, size = count + row["value"], size + weight["value"]
    if count:
        yield at, until


class _Format(ABC):
    def __init__(self, file: BinaryIO, report: ExportReport) -> None:
        self.file, self.report = file, report

    @abstractmethod
    def write(self, asked: QueryRun, piece: Request) -> None:
        """Write the packets of a range of time."""

    @abstractmethod
    def close(self) -> None:
        """Write what ends the file."""


class _Columns(_Format):
    def write(self, asked: QueryRun, piece: Request) -> None:
        [rows] = asked.run(Question(plan="rows", request=piece))
        self.report.packets += rows.num_rows
        if rows.num_rows:
            self.rows(rows)

    @abstractmethod
    def rows(self, rows: pa.Table) -> None:
        """Write some rows, at least one."""


class _Parquet(_Columns):
    _writer: pq.ParquetWriter | None = None

    def rows(self, rows: pa.Table) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self.file, rows.schema, compression="zstd")
        self._writer.write_table(rows.cast(self._writer.schema))

    def close(self) -> None:
        if self._writer is None:
            schema = _exported_schema()
            self._writer = pq.ParquetWriter(self.file, schema, compression="zstd")
        self._writer.close()


class _Csv(_Columns):
    _begun = False

    def rows(self, rows: pa.Table) -> None:
        options = pyarrow.csv.WriteOptions(include_header=not self._begun, quoting_style="needed")
        shown = shown_packets(rows)
        time = shown.column("time")
        shown = shown.set_column(0, "time", _iso(time))
        pyarrow.csv.write_csv(shown, self.file, options)
        self._begun = True

    def close(self) -> None:
        if not self._begun:
            self.file.write((",".join(_shown_names()) + "\n").encode())


class _Json(_Columns):
    def rows(self, rows: pa.Table) -> None:
        for line in json_lines(shown_packets(rows)):
            self.file.write(line)

    def close(self) -> None:
        """Nothing ends it."""


class _Pcap(_Format):
    def __init__(self, file: BinaryIO, report: ExportReport, link: str) -> None:
        super().__init__(file, report)
        self._link = link
        file.write(self.header(link))

    header = staticmethod(pcap_header)

    def records(self, rows: pa.Table, raw: RawPackets | None) -> tuple[Records, np.ndarray[Any, Any]]:
        """(packets rebuilt, what is written of them). Raises ValueError for times that can't be written."""
        records = pcap_records(rows, raw)
        return records, linked(records.octets, records.offsets, self._link)

    def write(self, asked: QueryRun, piece: Request) -> None:
        parts = asked.each(Question(plan="whole_rows", request=piece))
        frames = asked.each(Question(plan="frames", request=piece))
        if not parts:
            return
        keys = np.concatenate([_keys(rows, number) for number, rows in enumerate(parts)])
        rows = pa.concat_tables(parts)
        frame_keys = np.concatenate([_sensor_keys(f, f.column("row_key").to_numpy(), n) for n, f in enumerate(frames)])
        raw = pa.concat_tables(frames)
        if len(parts) > 1:
            order = np.lexsort((rows.column("time_ns").to_numpy(), rows.column("time").cast(pa.int64()).to_numpy()))
            rows, keys = rows.take(order), keys[order]
        if not np.isin(frame_keys, keys).all():
            old = np.concatenate([_keys(part, number, old=True) for number, part in enumerate(parts)])
            old = old[order] if len(parts) > 1 else old
            keys = np.where(np.isin(keys, frame_keys), keys, old)
        records, written = self.records(rows, _matched(keys, frame_keys, raw))
        self.file.write(written.data)
        self.report.packets += rows.num_rows
        self.report.payloads_lost += records.payloads_lost
        self.report.checksums_unknown += records.checksums_unknown

    def close(self) -> None:
        """Nothing ends it."""


class _Pcapng(_Pcap):
    header = staticmethod(pcapng_header)

    def records(self, rows: pa.Table, raw: RawPackets | None) -> tuple[Records, np.ndarray[Any, Any]]:
        records = pcap_records(rows, raw, far_times=True)
        with_link = linked(records.octets, records.offsets, self._link)
        offsets = linked_offsets(records.offsets, self._link)
        return records, pcapng_blocks(with_link, offsets, times_of(rows))


def _writers() -> dict[str, Callable[[BinaryIO, ExportReport], _Format]]:
    return {"parquet": _Parquet, "csv": _Csv, "json": _Json}


def _keys(rows: pa.Table, store: int, old: bool = False) -> np.ndarray[Any, Any]:
    return _sensor_keys(rows, row_keys_of_arrow(rows, old), store)


def _sensor_keys(rows: pa.Table, keys: np.ndarray[Any, Any], store: int) -> np.ndarray[Any, Any]:
    """Row keys of different sensors kept apart: the same packet may have come to two."""
    names = rows.column("sensor").to_pylist() if rows.num_rows else []
    salts = {name: np.uint64(hash((name, store)) & 0xFFFF_FFFF_FFFF_FFFF) for name in set(names)}
    return keys.astype(np.uint64) ^ np.array([salts[name] for name in names], np.uint64)


def _matched(keys: np.ndarray[Any, Any], frame_keys: np.ndarray[Any, Any], frames: pa.Table) -> RawPackets | None:
    """The raw packets of those rows that have one; rows and raw packets of one key are paired in order."""
    if not len(frame_keys) or not len(keys):
        return None
    by_key = np.argsort(frame_keys, kind="stable")
    ordered = frame_keys[by_key]
    rows = np.argsort(keys, kind="stable")
    sorted_keys = keys[rows]
    begins = np.flatnonzero(np.r_[True, sorted_keys[1:] != sorted_keys[:-1]])
    rank = np.arange(len(rows)) - np.repeat(begins, np.diff(np.r_[begins, len(rows)]))
    low, high = np.searchsorted(ordered, sorted_keys, "left"), np.searchsorted(ordered, sorted_keys, "right")
    has = rank < high - low
    chosen, which = rows[has], by_key[low[has] + rank[has]]
    order = np.argsort(chosen)
    chosen, which = chosen[order], which[order]
    taken = frames.take(arrow.column(which, pa.int64()))
    values = distinct_values(taken.column("frame").combine_chunks().cast(pa.binary()))
    lengths = taken.column("length").to_numpy().astype(np.int64)
    return RawPackets(chosen.astype(np.int64), values.octets, values.offsets.astype(np.int64), lengths)


def _exported_schema() -> pa.Schema:
    from ims.store.schema import stored_schema

    return stored_schema("packets").append(pa.field("sensor", pa.string()))


def _shown_names() -> list[str]:
    return list(shown_packets(pa.Table.from_batches([], _exported_schema())).column_names)


def _iso(time: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow.compute as pc

    return pc.binary_join_element_wise(pc.strftime(time, "%Y-%m-%dT%H:%M:%S"), "Z", "")


@contextlib.contextmanager
def opened(out: str | Path | BinaryIO) -> Iterator[BinaryIO]:
    """The file to write: aside and renamed when whole; standard output or an open file as it is."""
    if not isinstance(out, str | Path):
        yield out
        return
    if str(out) == "-":
        with naming("standard output"):
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        return
    path = Path(out)
    if path.is_dir():
        raise IsADirectoryError(f"{out} is a folder; expected a file to write")
    if path.exists() and not path.is_file():  # a device or a pipe is written as it is
        with naming(path), path.open("wb") as file:
            yield file
        return
    if not path.parent.exists():
        raise FileNotFoundError(f"{out}: its folder isn't there")
    try:
        handle, aside = tempfile.mkstemp(prefix=f".{path.name[:64]}.", dir=path.parent)
    except OSError as error:  # it would name the file that is written aside
        raise OSError(error.errno, error.strerror, str(out)) from error
    try:
        with naming(out), os.fdopen(handle, "wb") as file:
            yield file
        os.chmod(aside, 0o666 & ~_umask())  # noqa: PTH101
        Path(aside).rename(path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
