"""`ims ingest`: captures into a store."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ims.unwrap import KEPT, TUNNELS

if TYPE_CHECKING:
    from ims.sensor.counters import Report
    from ims.sensor.ingest import Ingest, Progress

EXAMPLES = """\b
Examples:
  ims ingest dark.pcap --store STORE --sensor sensor-a --block C/24=198.51.100.0/24
  ims ingest 1.pcap.gz 2.pcap.zst --store STORE --sensor sensor-a --block all=0.0.0.0/0
  tcpdump -i eth0 -U -w - | ims ingest - --store STORE --sensor sensor-b --block D/20=203.0.112.0/20
  ims ingest --watch /var/captures --store STORE --sensor c --block C/24=198.51.100.0/24
"""


def ingest(
    captures: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[CAPTURE]...",
            help="pcap, pcapng or ERF, plain or in gzip, zstd, xz, lz4, bzip2; a file, a pipe, - for standard input.",
        ),
    ] = None,
    *,
    store: Annotated[Path, typer.Option(metavar="DIR", help="The store; made if there is none.")],
    sensor: Annotated[str, typer.Option(metavar="NAME", help="The sensor's name.")],
    block: Annotated[list[str], typer.Option(metavar="NAME=CIDR", help="A monitored block; give one or more.")],
    unwrap: Annotated[
        str, typer.Option(metavar="LIST", help=f"Tunnels to take off, with commas between: {TUNNELS}; {KEPT}.")
    ] = "",
    watch: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Ingest files as they are finished in this folder or below, until stopped."),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Store a capture even if it was ingested before.")] = False,
    cache_signatures: Annotated[
        int, typer.Option(min=1, max=1 << 28, metavar="N", help="Payloads remembered a day; 48 bytes each.")
    ] = 4_000_000,
    payload_budget: Annotated[
        str, typer.Option(metavar="SIZE", help="Bytes an hour of payloads kept once the cache is full.")
    ] = "1G",
    keep_age: Annotated[
        str | None, typer.Option(metavar="AGE", help="Drop hours older than this, such as 90d.")
    ] = None,
    keep_size: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Drop the oldest hours beyond this, such as 500G.")
    ] = None,
    keep_until_shipped: Annotated[
        bool, typer.Option("--keep-until-shipped", help="Drop only what `ims ship` has copied and read back.")
    ] = False,
    tolerate_damage: Annotated[
        bool,
        typer.Option("--tolerate-damage", help="End with exit status 0 where 3 would say that a capture is damaged."),
    ] = False,
    format: Annotated[str, typer.Option(metavar="table|json|csv", help="How to report.")] = "table",
) -> None:
    """Read captures into a store: every packet to a monitored block becomes a row, each payload is kept once.

    Exit status: 0, all was read; 3, stored, but not all of a capture could be read (`complete` is false in the report,
    and `warnings` say what is missing); 130, stopped, and the same command goes on; 2, bad usage or input.
    """
    from ims.cli.present import check_format
    from ims.darknet import Block, Darknet, check_sensor_name
    from ims.settings.durations import parse_age
    from ims.settings.sizes import parse_size

    check_format(format)
    check_sensor_name(sensor)
    darknet = Darknet(Block.parse(text) for text in block)
    if bool(captures) == bool(watch):
        raise ValueError("expected captures, or --watch DIR" + (", not both" if watch else ""))
    if watch is not None and not watch.is_dir():
        raise ValueError(f"--watch {watch}: no such folder")

    from ims.cli.start import act_as_owner
    from ims.system_folder import refuse_system_folder

    refuse_system_folder(store, "the store")
    act_as_owner(store, captures=True)
    from ims.cli.present import announce_compiling, warn
    from ims.process.logs import log_to_stderr
    from ims.sensor.ingest import Ingest, IngestSettings
    from ims.unwrap import parse_unwrap

    if watch is not None:
        log_to_stderr()
    announce_compiling()
    settings = IngestSettings(
        unwrap=parse_unwrap(unwrap),
        again=again,
        cache_signatures=cache_signatures,
        payload_budget=parse_size(payload_budget),
        keep_age_us=None if keep_age is None else parse_age(keep_age),
        keep_bytes=None if keep_size is None else parse_size(keep_size),
        keep_until_shipped=keep_until_shipped,
    )
    with _progress() as show, stopping_on_signals() as stop:
        run = Ingest(store, sensor, darknet, settings, show, stop=stop)
        report = _watch(run, watch) if watch is not None else run.run(captures or [])
    warn(report.warnings)
    _print(report, format)
    if report.interrupted:
        warn(["stopped; the same command goes on from here"])
        raise typer.Exit(130)
    if not report.complete and not tolerate_damage:
        raise typer.Exit(3)


def _watch(run: Ingest, folder: Path) -> Report:
    from ims.capture.watch import finished_files

    return run.watch(finished_files(folder, run.stop, say=run.note))


@contextmanager
def stopping_on_signals() -> Iterator[threading.Event]:
    """What SIGINT and SIGTERM set. At the end they do what they did before: the demo runs commands in its process."""
    stop = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _progress() -> Iterator[Callable[[Progress], None]]:
    """A progress bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda progress: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    from ims.text import printable

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    packets = TextColumn("{task.fields[packets]:,} packets")
    with Bar(TextColumn("{task.description}", markup=False), *columns, packets, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None, packets=0)

        def show(progress: Progress) -> None:
            name = printable(Path(progress.name).name)
            bar.update(
                task,
                description=name,
                completed=progress.octets_read,
                total=progress.octets,
                packets=progress.packets,
            )

        yield show


def _print(report: Report, format: str) -> None:
    record: dict[str, Any] = report.as_json()
    if format == "json":
        print(json.dumps(record))
        return
    from ims.cli.present import print_rows
    from ims.decode.frame_types import in_words

    if format == "csv":
        types = "; ".join(map(in_words, report.not_read))
        print_rows([record | {"not_read": types, "warnings": "; ".join(report.warnings)}], "csv")
    else:  # warnings stand on standard error in full
        record["warnings"] = len(report.warnings)
        types = record.pop("not_read")
        print_rows([{"counter": key, "value": value} for key, value in record.items()], "table")
        for row in types:
            print(f"not read: {in_words(row)}")
