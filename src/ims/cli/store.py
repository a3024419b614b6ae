"""`ims store`: whether a store, or a lake, still holds what was written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Exit, Option, Typer

from ims.cli.options import examples
from ims.cli.progress import progress_bar
from ims.text import printable, quantity

if TYPE_CHECKING:
    from ims.store.verify import Progress, Verification

app = Typer(no_args_is_help=True, help="Look after a store.", rich_markup_mode=None)


@app.command("verify", epilog=examples("ims store verify STORE", "ims store verify LAKE --json"))
def verify(
    place: Annotated[str, Argument(metavar="STORE", help="The folder of a store or a lake, or s3://bucket/prefix.")],
    json_: Annotated[bool, Option("--json", help="Report as one object in JSON.")] = False,
) -> None:
    """Read all of a store and compare it with its checksums; list what is damaged or missing, and files that nothing
    lists. Nothing is changed, and sensors and questions may go on meanwhile. Exit status 0 where all that is listed is
    as it was written (what killed writers left is told, and no fault), 1 where something isn't."""
    with progress_bar() as bar:
        found = _verified(place, lambda progress: bar("", progress.octets_done, progress.octets, ""))
    _print(place, found, json_)
    if not found.is_whole:
        raise Exit(1)


def _verified(place: str, show: Callable[[Progress], None]) -> Verification:
    from ims.store.verify import verify_store

    if "://" in place or (Path(place) / "lake.json").exists():
        from ims.lake.verify import verify_lake

        return verify_lake(place, show)
    return verify_store(Path(place), show)


def _print(place: str, found: Verification, as_json: bool) -> None:
    if as_json:
        faults = [fault._asdict() for fault in found.faults]
        print(json.dumps(vars(found) | {"whole": found.is_whole, "faults": faults}))
        return
    for fault in found.faults:
        print(printable(fault.line))
    summary = f"{place}: {quantity(found.files, 'file')} of {quantity(found.octets, 'octet')} compared"
    if found.without_checksum:
        summary += f", {found.without_checksum:,} of them by size alone: an earlier version wrote no checksums"
    print(printable(f"{summary}; {_outcome(found)}"))


def _outcome(found: Verification) -> str:
    if not found.faults:
        return "all is as it was written"
    if found.is_whole:
        return f"all that is listed is as it was written, and {quantity(len(found.faults), 'leftover')}"
    kinds = [fault.kind for fault in found.faults]
    return ", ".join(f"{kinds.count(kind):,} {kind}" for kind in dict.fromkeys(kinds))
