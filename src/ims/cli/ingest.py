"""`ims ingest`: captures into a store."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Exit, Option

from ims.cli.options import Format, examples
from ims.cli.progress import progress_bar
from ims.cli.start import act_as_owner, signals_handled
from ims.cli.stderr import warn
from ims.text import printable
from ims.unwrap import KEPT, TUNNELS

if TYPE_CHECKING:
    from ims.sensor.counters import Report
    from ims.sensor.ingest import Progress

EXAMPLES = examples(
    "ims ingest dark.pcap --store STORE --sensor sensor-a --block C/24=198.51.100.0/24",
    "ims ingest 1.pcap.gz 2.pcap.zst --store STORE --sensor sensor-a --block all=0.0.0.0/0",
    "tcpdump -i eth0 -U -w - | ims ingest - --store STORE --sensor sensor-b --block D/20=203.0.112.0/20",
    "ims ingest --watch /var/captures --store STORE --sensor c --block C/24=198.51.100.0/24",
)


def ingest(
    captures: Annotated[
        list[str] | None,
        Argument(
            metavar="[CAPTURE]...",
            help="pcap, pcapng or ERF, plain or in gzip, zstd, xz, lz4, bzip2; a file, a pipe, - for standard input.",
        ),
    ] = None,
    *,
    store: Annotated[Path, Option(metavar="DIR", help="The store; made if there is none.")],
    sensor: Annotated[str, Option(metavar="NAME", help="The sensor's name.")],
    block: Annotated[list[str], Option(metavar="NAME=CIDR", help="A monitored block; give one or more.")],
    unwrap: Annotated[
        str, Option(metavar="LIST", help=f"Tunnels to take off, with commas between: {TUNNELS}; {KEPT}.")
    ] = "",
    watch: Annotated[
        Path | None, Option(metavar="DIR", help="Ingest files finished in this folder or below, until stopped.")
    ] = None,
    again: Annotated[bool, Option("--again", help="Store a capture even if it was ingested before.")] = False,
    cache_signatures: Annotated[
        int, Option(min=1, max=1 << 28, metavar="N", help="Payloads remembered a day; 48 bytes each.")
    ] = 4_000_000,
    payload_budget: Annotated[str, Option(metavar="SIZE", help="Payload bytes kept an hour with a full cache.")] = "1G",
    keep_age: Annotated[str | None, Option(metavar="AGE", help="Drop hours older than this, such as 90d.")] = None,
    keep_size: Annotated[str | None, Option(metavar="SIZE", help="Keep at most this much, such as 500G.")] = None,
    keep_until_shipped: Annotated[
        bool, Option("--keep-until-shipped", help="Drop only what `ims ship` has copied and read back.")
    ] = False,
    tolerate_damage: Annotated[
        bool, Option("--tolerate-damage", help="End with exit status 0 instead of 3 if a capture is damaged.")
    ] = False,
    format: Format = "table",
) -> None:
    """Read captures into a store: every packet to a monitored block becomes a row, each payload is kept once.

    Exit status: 0, all was read; 3, stored, but not all of a capture could be read (`complete` is false in the report,
    and `warnings` say what is missing); 130, stopped, and the same command goes on; 2, bad usage or input.
    """
    from ims.darknet import Block, Darknet, check_sensor_name
    from ims.settings.durations import parse_age
    from ims.settings.sizes import parse_size

    check_sensor_name(sensor)
    darknet = Darknet(Block.parse(text) for text in block)
    if bool(captures) == bool(watch):
        raise ValueError("expected captures, or --watch DIR" + (", not both" if watch else ""))
    if watch is not None and not watch.is_dir():
        raise ValueError(f"--watch {watch}: no such folder")

    from ims.system_folder import refuse_system_folder

    refuse_system_folder(store, "the store")
    act_as_owner(store, captures=True)
    from ims.capture.watch import finished_files
    from ims.cli.present import announce_compiling
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
    stop = threading.Event()
    with progress_bar() as bar, signals_handled(lambda *_: stop.set()):

        def show(progress: Progress) -> None:
            name = printable(Path(progress.name).name)
            bar(name, progress.octets_read, progress.octets, f"{progress.packets:,} packets")

        run = Ingest(store, sensor, darknet, settings, show, stop=stop)
        if watch is not None:
            report = run.watch(finished_files(watch, stop, say=run.note))
        else:
            report = run.run(captures or [])
    warn(*report.warnings)
    _print(report, format)
    if report.interrupted:
        warn("stopped; the same command goes on from here")
        raise Exit(130)
    if not report.complete and not tolerate_damage:
        raise Exit(3)


def _print(report: Report, format: str) -> None:
    record = report.as_json()
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
