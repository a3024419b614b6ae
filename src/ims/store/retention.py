"""Limits by age and by size: the oldest hours go first, and a day's payloads only with its last packets.

Packets refer to payloads of their own UTC day, so a payload is kept as long as any hour of packets of that day.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from ims.moved import earlier_name
from ims.settings.durations import DAY_US, HOUR_US
from ims.store.manifest import Manifest
from ims.store.schema import part_of


def retain(
    manifest: Manifest,
    now_us: int,
    keep_age_us: int | None = None,
    keep_bytes: int | None = None,
    may_go: Callable[[str], bool] | None = None,
    shipped: Callable[[], list[Any]] = list,
) -> dict[str, int]:
    """Drop hours that are wholly older than `keep_age_us`, or beyond `keep_bytes`; finished hours only.

    With `may_go`, it ends before the first hour that isn't wholly finished, or with a file that `may_go` refuses, the
    payloads of a day that would go with it included.

    `shipped`: the lake and shipment that the manifest keeps (State.shipped) where something is dropped.

    Returns {"hours": hours of packets dropped, "bytes": bytes of all dropped files}.
    """
    dropped: list[str] = []
    files = manifest.state.files
    total = sum(size["bytes"] for size in files.values())
    freed = hours = 0
    for since_us, paths, whole in _oldest_first(files):
        too_old = keep_age_us is not None and since_us + HOUR_US <= now_us - keep_age_us
        too_much = keep_bytes is not None and total - freed > keep_bytes
        if not (too_old or too_much) or (may_go is not None and not (whole and all(map(may_go, paths)))):
            break
        dropped += paths
        freed += sum(files[path]["bytes"] for path in paths)
        hours += 1
    if dropped:
        manifest.commit(drop=dropped, shipped=shipped() or manifest.state.shipped)
        manifest.roll()
        manifest.collect()
    return {"hours": hours, "bytes": freed}


def _oldest_first(files: dict[str, dict[str, int]]) -> Iterator[tuple[int, list[str], bool]]:
    """Finished hours of packets, oldest first, each with the files to drop, and whether it has no unfinished parts."""
    hours: dict[int, list[str]] = defaultdict(list)
    payload_days: dict[int, list[str]] = defaultdict(list)
    unfinished: set[int] = set()
    for path in files:
        part = part_of(path)
        if part is None or part.table == "coverage":
            continue
        if part.hot:
            unfinished.add(part.since_us)
        elif part.table == "payloads":
            payload_days[part.since_us // DAY_US].append(path)
        else:
            hours[part.since_us].append(path)
    last_hour = {since_us // DAY_US: since_us for since_us in sorted({*hours, *unfinished})}
    for since_us in sorted(hours):
        day = since_us // DAY_US
        paths = hours[since_us] + (payload_days[day] if last_hour[day] == since_us else [])
        yield since_us, paths, since_us not in unfinished


def __getattr__(name: str) -> Any:
    return earlier_name(__name__, name)
