"""`ims ship`: finished hours of a store to a lake."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ims.lake.ship import Progress, Shipper, Shipping

EXAMPLES = """\b
Examples:
  ims ship --store STORE --to LAKE
  ims ship --store STORE --to LAKE --rate 20M --keep-age 7d --keep-size 200G
  ims ship --store STORE --to 's3://lake/ims?region=eu-central-1' --every 10m
"""


def ship(
    *,
    store: Annotated[Path, typer.Option(metavar="DIR", help="The store.")],
    to: Annotated[
        str, typer.Option(metavar="URI", help="The lake, made if there is none: a folder, or s3://bucket/prefix.")
    ],
    sensor: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Ship this sensor; give one or more. Else all.")
    ] = None,
    rate: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Bytes a second at most, sent and read back, such as 20M.")
    ] = None,
    every: Annotated[
        str | None, typer.Option(metavar="TIME", help="Go on, shipping this often, such as 10m, until stopped.")
    ] = None,
    keep_age: Annotated[
        str | None, typer.Option(metavar="AGE", help="Then drop what was shipped and is older, such as 7d.")
    ] = None,
    keep_size: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Then drop the oldest of what was shipped beyond this.")
    ] = None,
    format: Annotated[str, typer.Option(metavar="table|json|csv", help="How to report.")] = "table",
    check: Annotated[
        bool, typer.Option("--check", help="Only check what a start checks; exit status 2 where it would be refused.")
    ] = False,
) -> None:
    """Copy a store's finished hours to a lake, and read them back. Credentials of a bucket come from the environment
    (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) or the standard AWS files."""
    from ims.cli.present import check_format
    from ims.settings.durations import parse_age
    from ims.settings.sizes import parse_size

    check_format(format)
    keep_age_us = None if keep_age is None else parse_age(keep_age)
    keep_bytes = None if keep_size is None else parse_size(keep_size)
    seconds = None if every is None else _seconds(every)
    pace = None if rate is None else parse_size(rate)
    if pace == 0:
        raise ValueError(f"--rate {rate}: expected at least one byte a second")

    from ims.cli.start import act_as_owner

    act_as_owner(store)
    from ims.lake.ship_checks import ship_checks
    from ims.process.start_checks import refuse

    checks = ship_checks(store, to)
    if check:
        from ims.cli.start import end_checked

        end_checked(checks)
        _sensors(store, sensor)
        return
    refuse(checks)

    from ims.cli.ingest import stopping_on_signals
    from ims.freed_memory import collect_garbage
    from ims.lake.bandwidth import Bandwidth
    from ims.lake.ship import Shipper
    from ims.lake.uri import open_place

    _sensors(store, sensor)
    if seconds is not None:
        collect_garbage()
    with _progress() as show, stopping_on_signals() as stop:
        shipper = Shipper(store, open_place(to), Bandwidth(pace), show, stop)
        while True:
            reports, errors = _round(shipper, sensor, keep_age_us, keep_bytes)
            if reports or not errors:
                _print(reports, format)
            if seconds is None or stop.is_set():
                break
            _complain(errors)
            stop.wait(seconds)
            if stop.is_set():
                return
    _complain(errors[:-1])
    if errors:
        raise errors[-1]
    if stop.is_set() and seconds is None:
        print("ims: stopped; the same command goes on from here", file=sys.stderr)
        raise typer.Exit(130)


def _seconds(text: str) -> float:
    from ims.settings.durations import seconds

    try:
        found = seconds(text, "s m h d", "10m")
    except ValueError as error:
        raise ValueError(f"--every {text!r}: {error}") from None
    if not 1 <= found <= 1e9:  # what may be waited for
        raise ValueError(f"--every {text!r}: expected 1s to 11000d")
    return found


def _sensors(store: Path, wanted: list[str] | None) -> list[str]:
    from ims.store.reader import open_store

    with open_store(store) as opened:
        known = opened.sensors
    for name in wanted or ():
        if name not in known:
            raise ValueError(f"{store} has no sensor {name!r}; it has {', '.join(known) or 'none'}")
    return list(dict.fromkeys(wanted or known))


def _round(
    shipper: Shipper, wanted: list[str] | None, keep_age_us: int | None, keep_bytes: int | None
) -> tuple[list[Shipping], list[Exception]]:
    """Ship each sensor. What is wrong with one doesn't keep the others back; what is wrong with the place does."""
    from ims.lake.drop import drop_shipped

    reports: list[Shipping] = []
    errors: list[Exception] = []
    try:
        for name in _sensors(shipper.store, wanted):
            if shipper.stop.is_set():
                break
            try:
                _finish(shipper.store, name)
                report = shipper.ship(name)
                reports.append(report)
                if keep_age_us is not None or keep_bytes is not None:
                    now_us = time.time_ns() // 1000
                    report.dropped = drop_shipped(shipper.store, name, now_us, keep_age_us, keep_bytes)["hours"]
            except ValueError as error:
                errors.append(error)
    except OSError as error:
        errors.append(error)
    return reports, errors


def _finish(store: Path, sensor: str) -> None:
    """Finish the hours that are over of a sensor that isn't running: killed, it couldn't."""
    from ims.cause import cause
    from ims.cli.present import warn
    from ims.store.last_hours import finish_last_hours, over_before
    from ims.store.lock import WriterBusyError

    try:
        finish_last_hours(store, sensor, over_before(time.time_ns() // 1000))
    except WriterBusyError:
        return  # it finishes them itself
    except OSError as error:
        waiting = f"hours of sensor {sensor!r}, which isn't running, wait to be finished"
        warn([f"{waiting}: its next start does it, or its user's `ims ship` ({cause(error)})"])


def _complain(errors: list[Exception]) -> None:
    from ims.cause import cause
    from ims.cli.present import warn

    warn([" ".join(cause(error).split()) for error in errors])


def _print(reports: list[Shipping], format: str) -> None:
    from dataclasses import asdict

    from ims.cli.present import print_rows

    print_rows([asdict(report) for report in reports], format)
    sys.stdout.flush()


@contextmanager
def _progress() -> Iterator[Callable[[Progress], None]]:
    """A progress bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda progress: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Bar(TextColumn("{task.description}", markup=False), *columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None)

        def show(progress: Progress) -> None:
            bar.update(task, description=progress.sensor, completed=progress.octets_done, total=progress.octets)

        yield show
