"""Local time of zones and countries, by the tz database as the package `tzdata` ships it: this machine may have none,
or an older one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def offset_of_zone(zone: str, moment_us: int) -> float | None:
    """Hours that a zone was ahead of UTC at a moment (microseconds since 1970). None for an unknown zone."""
    if zone not in _zones():
        return None
    ahead = (_EPOCH + timedelta(microseconds=moment_us)).astimezone(_zone(zone)).utcoffset()
    return None if ahead is None else ahead / timedelta(hours=1)


def offset_of_country(code: str, moment_us: int) -> float | None:
    """The same of a country (ISO 3166-1). None if it is unknown, or had several offsets then."""
    offsets = {offset_of_zone(zone, moment_us) for zone in _zones_by_country().get(code, ())}
    return offsets.pop() if len(offsets) == 1 else None


@cache
def _zones() -> frozenset[str]:
    """The names of all zones, so that a name in a file opens no other file."""
    return frozenset(files("tzdata").joinpath("zones").read_text("utf-8").split())


@cache
def _zones_by_country() -> Mapping[str, Sequence[str]]:
    """zone.tab: a line has a country's code, a position, a zone and a remark."""
    found = defaultdict(list)
    for line in files("tzdata").joinpath("zoneinfo", "zone.tab").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            code, _, zone = line.split("\t")[:3]
            found[code].append(zone)
    return dict(found)


@cache
def _zone(name: str) -> ZoneInfo:
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)
