"""`ims ship`: finished hours of a store to a lake."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Exit, Option

from ims.cause import cause
from ims.cli.options import Check, Format, examples
from ims.cli.progress import progress_bar
from ims.cli.start import act_as_owner, end_checked, signals_handled
from ims.cli.stderr import warn

if TYPE_CHECKING:
    from ims.lake.ship import Progress, Shipper, Shipping

EXAMPLES = examples(
    "ims ship --store STORE --to LAKE",
    "ims ship --store STORE --to LAKE --rate 20M --keep-age 7d --keep-size 200G",
    "ims ship --store STORE --to 's3://lake/ims?region=eu-central-1' --every 10m",
)


def ship(
    *,
    store: Annotated[Path, Option(metavar="DIR", help="The store.")],
    to: Annotated[str, Option(metavar="URI", help="The lake, made if there is none: a folder, or s3://bucket/prefix.")],
    sensor: Annotated[list[str] | None, Option(metavar="NAME", help="Ship this one, or several. Else all.")] = None,
    rate: Annotated[
        str | None, Option(metavar="SIZE", help="Bytes a second at most, sent and read back, such as 20M.")
    ] = None,
    every: Annotated[str | None, Option(metavar="TIME", help="Ship this often, such as 10m, until stopped.")] = None,
    keep_age: Annotated[str | None, Option(metavar="AGE", help="Then drop shipped hours older than this: 7d.")] = None,
    keep_size: Annotated[
        str | None, Option(metavar="SIZE", help="Then drop the oldest shipped hours beyond this, such as 200G.")
    ] = None,
    format: Format = "table",
    check: Check = False,
) -> None:
    """Copy a store's finished hours to a lake, and read them back. Credentials of a bucket come from the environment
    (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) or the standard AWS files."""
    from ims.cli.present import print_rows
    from ims.settings.durations import parse_age
    from ims.settings.sizes import parse_size

    keep_age_us = None if keep_age is None else parse_age(keep_age)
    keep_bytes = None if keep_size is None else parse_size(keep_size)
    seconds = None if every is None else _seconds(every)
    pace = None if rate is None else parse_size(rate)
    if pace == 0:
        raise ValueError(f"--rate {rate}: expected at least one byte a second")

    act_as_owner(store)
    from ims.lake.ship_checks import ship_checks
    from ims.process.start_checks import refuse

    checks = ship_checks(store, to)
    if check:
        end_checked(checks)
        _sensors(store, sensor)
        return
    refuse(checks)

    from ims.freed_memory import collect_garbage
    from ims.lake.bandwidth import Bandwidth
    from ims.lake.ship import Shipper
    from ims.lake.uri import open_place

    _sensors(store, sensor)
    if seconds is not None:
        collect_garbage()
    stop = threading.Event()
    with progress_bar() as bar, signals_handled(lambda *_: stop.set()):

        def show(progress: Progress) -> None:
            bar(progress.sensor, progress.octets_done, progress.octets, "")

        shipper = Shipper(store, open_place(to), Bandwidth(pace), show, stop)
        while True:
            reports, errors = _round(shipper, sensor, keep_age_us, keep_bytes)
            if reports or not errors:
                print_rows([asdict(report) for report in reports], format)
                sys.stdout.flush()
            if seconds is None or stop.is_set():
                break
            _warn_of(errors)
            stop.wait(seconds)
            if stop.is_set():
                return
    _warn_of(errors[:-1])
    if errors:
        raise errors[-1]
    if stop.is_set() and seconds is None:
        warn("stopped; the same command goes on from here")
        raise Exit(130)


def _seconds(text: str) -> float:
    from ims.settings.durations import seconds

    try:
        found = seconds(text, "s m h d", "10m")
    except ValueError as error:
        raise ValueError(f"--every {text!r}: {error}") from None
    if not 1 <= found <= 1e9:  # what may be waited for
        raise ValueError(f"--every {text!r}: expected 1s to 11000d")
    return found


def _sensors(store: Path, names: list[str] | None) -> list[str]:
    from ims.store.reader import open_store

    with open_store(store) as opened:
        known = opened.sensors
    for name in names or ():
        if name not in known:
            raise ValueError(f"{store} has no sensor {name!r}; it has {', '.join(known) or 'none'}")
    return list(dict.fromkeys(names or known))


def _round(
    shipper: Shipper, names: list[str] | None, keep_age_us: int | None, keep_bytes: int | None
) -> tuple[list[Shipping], list[Exception]]:
    """Ship each sensor. An error of one sensor doesn't stop the others; an error of the lake does."""
    from ims.lake.drop import drop_shipped

    reports: list[Shipping] = []
    errors: list[Exception] = []
    try:
        for name in _sensors(shipper.store, names):
            if shipper.stop.is_set():
                break
            try:
                _finish(shipper.store, name)
                reports.append(report := shipper.ship(name))
                if keep_age_us is not None or keep_bytes is not None:
                    now_us = time.time_ns() // 1000
                    report.dropped = drop_shipped(shipper.store, name, now_us, keep_age_us, keep_bytes)["hours"]
            except ValueError as error:
                errors.append(error)
    except OSError as error:
        errors.append(error)
    return reports, errors


def _finish(store: Path, sensor: str) -> None:
    """Finish past hours of a sensor that isn't running: if it was killed, it couldn't."""
    from ims.store.last_hours import finish_last_hours, over_before
    from ims.store.lock import WriterBusyError

    try:
        finish_last_hours(store, sensor, over_before(time.time_ns() // 1000))
    except WriterBusyError:
        return  # it finishes them itself
    except OSError as error:
        waiting = f"hours of sensor {sensor!r}, which isn't running, wait to be finished"
        warn(f"{waiting}: its next start does it, or its user's `ims ship` ({cause(error)})")


def _warn_of(errors: list[Exception]) -> None:
    warn(*(" ".join(cause(error).split()) for error in errors))
