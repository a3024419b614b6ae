"""Export of packets, one slice of time after the other to bound memory: as pcap or pcapng byte for byte, or as columns.

For pcap and pcapng a row is rebuilt from its columns and its payload (store/rebuild.py), unless its bytes were kept
raw: those are found by the row's key (store/rowkey.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from ims import arrow
from ims.query.format.display import json_lines, shown_packets
from ims.query.question import Question
from ims.query.request import Request
from ims.query_run import QueryRun
from ims.settings.durations import HOUR_US, SECOND_US
from ims.store.columns import distinct_values
from ims.store.pcap import check_link, linked, linked_offsets, pcap_header
from ims.store.pcapng import pcapng_blocks, pcapng_header, times_of
from ims.store.rebuild import RawPackets, pcap_records
from ims.store.rowkey import row_keys_of_arrow
from ims.store.schema import stored_schema
from ims.text import quantity
from ims.whole_file import Output, opened

FORMATS = ("pcap", "pcapng", "parquet", "csv", "json")
SLICE_PACKETS, SLICE_BYTES, MOST_OCTETS = 1 << 18, 64 << 20, 1500


@dataclass
class ExportReport:
    """What an export wrote, and what it couldn't give back."""

    packets: int = 0
    payloads_lost: int = 0
    checksums_unknown: int = 0
    warnings: list[str] = field(default_factory=list)


def export(query: QueryRun, out: Output, format: str, link: str = "raw") -> ExportReport:
    """Write the selected packets, oldest first. A file appears whole or not at all. `link`: see store/pcap.py.

    Raises ValueError for an unknown format, a folder, or times that the format can't hold, OSError where the file can't
    be written.
    """
    check_written(format, link)
    report = ExportReport()
    pieces = (
        query.request.model_copy(update={"since": since, "until": until, "limit": 0}) for since, until in slices(query)
    )
    with opened(out) as file:
        if format in _TABLE_WRITERS:
            _TABLE_WRITERS[format](file, _tables(query, pieces, report))
        else:
            _write_packets(file, query, pieces, report, format, link)
    if report.payloads_lost:
        report.warnings.append(
            f"{quantity(report.payloads_lost, 'packet')} cut after the headers: the payload was lost when the cache "
            "was full and the budget spent, or dropped by retention"
        )
    # The warning above says how many packets lack their payload.
    report.warnings += replace(query.record(query.coverage), payloads_lost=0).losses
    return report


def check_written(format: str, link: str) -> None:
    """Raises ValueError where nothing can be written so."""
    if format not in FORMATS:
        raise ValueError(f"no format {format!r}; expected one of {', '.join(FORMATS)}")
    check_link(link)
    if link != "raw" and format not in ("pcap", "pcapng"):
        raise ValueError(f"--link {link} goes with pcap and pcapng; {format} has no link layer")


def slices(query: QueryRun) -> Iterator[tuple[int, int]]:
    """Ranges of time, in order, none much larger than SLICE_PACKETS packets or SLICE_BYTES bytes; hours with little in
    them are taken together, for each slice costs a fifth of a second of compiling."""
    request = query.request
    waiting: tuple[int, int, int] | None = None
    for begin, most in query.hours():
        since = max(begin, request.since if request.since is not None else begin)
        until = min(begin + HOUR_US, request.until if request.until is not None else begin + HOUR_US)
        if since >= until:
            continue
        if waiting is not None and (waiting[2] + most) * MOST_OCTETS > SLICE_BYTES:
            yield waiting[:2]
            waiting = None
        if waiting is not None:
            waiting = (waiting[0], until, waiting[2] + most)
        elif most * MOST_OCTETS <= SLICE_BYTES:
            waiting = (since, until, most)
        else:
            yield from _parts_of_an_hour(query, since, until)
    if waiting is not None:
        yield waiting[:2]


def _parts_of_an_hour(query: QueryRun, since: int, until: int) -> Iterator[tuple[int, int]]:
    """By what came each second."""
    packets, octets = query.run(
        query.series(SECOND_US, since=since, until=until),
        query.series(SECOND_US, since=since, until=until, metric="bytes"),
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


def _tables(query: QueryRun, pieces: Iterable[Request], report: ExportReport) -> Iterator[pa.Table]:
    """The packets of each piece that has any. The caller drops them (`del`) before it takes the next: one is held."""
    for piece in pieces:
        [rows] = query.run(Question(plan="rows", request=piece))
        report.packets += rows.num_rows
        if rows.num_rows:
            yield rows
        del rows


def _write_parquet(file: BinaryIO, tables: Iterator[pa.Table]) -> None:
    writer: pq.ParquetWriter | None = None
    for rows in tables:
        writer = writer or pq.ParquetWriter(file, rows.schema, compression="zstd")
        writer.write_table(rows.cast(writer.schema))
        del rows
    (writer or pq.ParquetWriter(file, _exported_schema(), compression="zstd")).close()


def _write_csv(file: BinaryIO, tables: Iterator[pa.Table]) -> None:
    empty = True
    for rows in tables:
        options = pyarrow.csv.WriteOptions(include_header=empty, quoting_style="needed")
        pyarrow.csv.write_csv(_with_iso_times(shown_packets(rows)), file, options)
        empty = False
        del rows
    if empty:
        names = shown_packets(pa.Table.from_batches([], _exported_schema())).column_names
        file.write((",".join(names) + "\n").encode())


def _with_iso_times(shown: pa.Table) -> pa.Table:
    time = pc.binary_join_element_wise(pc.strftime(shown.column("time"), "%Y-%m-%dT%H:%M:%S"), "Z", "")
    return shown.set_column(0, "time", time)


def _write_json(file: BinaryIO, tables: Iterator[pa.Table]) -> None:
    for rows in tables:
        file.writelines(json_lines(shown_packets(rows)))
        del rows


_TABLE_WRITERS: Mapping[str, Callable[[BinaryIO, Iterator[pa.Table]], None]] = {
    "parquet": _write_parquet, "csv": _write_csv, "json": _write_json,
}  # fmt: skip


def _exported_schema() -> pa.Schema:
    return stored_schema("packets").append(pa.field("sensor", pa.string()))


def _write_packets(
    file: BinaryIO, query: QueryRun, pieces: Iterable[Request], report: ExportReport, format: str, link: str
) -> None:
    """Write pcap or pcapng. Raises ValueError for times that can't be written."""
    far_times = format == "pcapng"
    file.write(pcapng_header(link) if far_times else pcap_header(link))
    for piece in pieces:
        _write_piece(file, query, piece, report, far_times, link)


def _write_piece(
    file: BinaryIO, query: QueryRun, piece: Request, report: ExportReport, far_times: bool, link: str
) -> None:
    found = _rows_and_raw(query, piece)
    if found is None:
        return
    rows, raw = found
    records = pcap_records(rows, raw, far_times=far_times)
    written = linked(records.octets, records.offsets, link)
    if far_times:
        written = pcapng_blocks(written, linked_offsets(records.offsets, link), times_of(rows))
    file.write(written.data)
    report.packets += rows.num_rows
    report.payloads_lost += records.payloads_lost
    report.checksums_unknown += records.checksums_unknown


def _rows_and_raw(query: QueryRun, piece: Request) -> tuple[pa.Table, RawPackets | None] | None:
    """The packets of all stores, oldest first, and what of them was kept raw; None where there is no store."""
    parts = query.each(Question(plan="whole_rows", request=piece))
    frames = query.each(Question(plan="frames", request=piece))
    if not parts:
        return None
    keys = np.concatenate([_keys(rows, number) for number, rows in enumerate(parts)])
    rows = pa.concat_tables(parts)
    frame_keys = np.concatenate([_sensor_keys(f, f.column("row_key").to_numpy(), n) for n, f in enumerate(frames)])
    if len(parts) > 1:
        order = np.lexsort((rows.column("time_ns").to_numpy(), rows.column("time").cast(pa.int64()).to_numpy()))
        rows, keys = rows.take(order), keys[order]
    if not np.isin(frame_keys, keys).all():
        old = np.concatenate([_keys(part, number, old=True) for number, part in enumerate(parts)])
        old = old[order] if len(parts) > 1 else old
        keys = np.where(np.isin(keys, frame_keys), keys, old)
    return rows, _matched(keys, frame_keys, pa.concat_tables(frames))


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
