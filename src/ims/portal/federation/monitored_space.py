"""Which addresses are monitored, as far as the portal knows: what the registry names, and what each sensor has said
that it ever watched. Kept in a file across restarts, so that a sensor that is silent then stays hidden too.

Whoever reads an answer notes first what the sensor says beside it, so what is known is never older than what is shown.
"""

from __future__ import annotations

import ipaddress
import json
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import structlog

from ims.cause import cause
from ims.link.contract import MOST_WATCHED
from ims.portal.federation.fault import Fault
from ims.portal.federation.registry import RegisteredSensor
from ims.query.errors import LaterError
from ims.queryd.coverage_prefixes import few
from ims.store.schema import write_aside
from ims.stored_file import open_regular

LONGEST = 32 << 20
"""Octets of the file."""
MOST_KEPT = 2 * MOST_WATCHED
"""Of one sensor; where it has told more, they are made wider."""
MOST_OF_ALL = LONGEST // 32
"""Of all sensors; where they have told more, those of the sensors with most are made wider. One takes 25 octets of the
file at most, so a fifth is left for names."""
DAMAGED = "analysts and viewers are shown nothing until each registered sensor has told what it watches"
"""What it means that the file can't be used."""
UNKNOWN = Fault("unknown", "it isn't known yet what it watches")
"""Why analysts and viewers aren't answered from a sensor."""

Prefixes = tuple[ipaddress.IPv4Network, ...]


class MonitoredSpace:
    """For several threads. `registered`: the sensors of the registry as it is now; `path`: where it is kept; None:
    nowhere; `beside`: names of others that tell what was watched, such as a lake's."""

    def __init__(
        self,
        registered: Callable[[], Collection[RegisteredSensor]],
        path: Path | None = None,
        beside: Collection[str] = (),
    ) -> None:
        self._registered, self._path, self._beside = registered, path, beside
        self._lock, self._saving = threading.Lock(), threading.Lock()
        self._log: Any = structlog.get_logger()
        self._known: dict[str, frozenset[ipaddress.IPv4Network]] = {}
        self._told: dict[str, tuple[str, ...]] = {}
        self._union: tuple[Any, Prefixes] | None = None
        self._unsaved = False
        self.problem: str | None = None
        """why the file as it was found isn't used"""
        if path is not None:
            self._load(path)

    def note(self, sensor: str, watched: Iterable[str]) -> None:
        """What a sensor's store, or a lake, has ever watched (CIDR); nothing of it is forgotten. Raises ValueError for
        what is no prefix."""
        said = tuple(watched)
        if self._told.get(sensor) == said:
            return
        networks = frozenset(map(ipaddress.IPv4Network, said))
        with self._lock:
            known = self._known.get(sensor)
            self._told[sensor] = said
            if known is not None and networks <= known:
                return
            joined = networks | (known or frozenset())
            if len(joined) > MOST_KEPT:
                joined = frozenset(few(joined, MOST_KEPT))
            self._known, self._union, self._unsaved = within(self._known | {sensor: joined}), None, True
        self._log.info("watched", sensor=sensor, prefixes=len(joined), new=len(networks - (known or frozenset())))
        self.keep()

    def keep(self) -> None:
        """Write the file where it isn't as it should be. What can't be written is known to this process alone; call
        this again then."""
        with self._saving:
            if self._path is None or self.problem is not None or not self._unsaved:
                return
            with self._lock:
                self._unsaved, known = False, dict(self._known)
            kept = {name: [str(prefix) for prefix in sorted(known[name])] for name in sorted(known)}
            octets = json.dumps({"watched": kept}, indent=1).encode()
            try:
                refuse_longer(octets)
                write_aside(self._path, octets, mode=0o600)
            except (OSError, ValueError) as error:
                self._unsaved = True
                self._log.error("watched", problem=f"it can't be kept: {cause(error)}")

    def unknown(self, names: Iterable[str]) -> frozenset[str]:
        """Those of whom it isn't known what they watch."""
        return frozenset(name for name in names if name not in self._known)

    def prefixes(self) -> Prefixes:
        """All of them, in order. Raises OSError while nothing is known, and, where the file was damaged, while
        something is missing that it may have held: then nothing may be shown."""
        sensors = tuple(self._registered())
        with self._lock:
            if self._union is None or self._union[0] != sensors:
                if self.problem is not None:
                    self._mend(sensors)
                named = {ipaddress.IPv4Network(block.prefix) for sensor in sensors for block in sensor.block}
                found = tuple(sorted(named.union(*self._known.values())))
                if not found and not self._known:
                    raise LaterError("no sensor has told what it watches; nothing can be shown yet")
                self._union = (sensors, found)
            return self._union[1]

    def _mend(self, sensors: Collection[RegisteredSensor]) -> None:
        needed = [sensor.name for sensor in sensors if not sensor.block] + list(self._beside)
        if self.unknown(needed):
            raise LaterError("it isn't known yet what each sensor watches; nothing can be shown")
        self.problem, self._unsaved = None, True
        self._log.warning("watched", problem="known again of every sensor of the registry; of others it is lost")

    def _load(self, path: Path) -> None:
        try:
            self._known = kept(path)
        except ValueError as error:
            self.problem = str(error)
            self._log.error("watched", problem=self.problem, meaning=DAMAGED)


def within(known: Mapping[str, frozenset[ipaddress.IPv4Network]]) -> dict[str, frozenset[ipaddress.IPv4Network]]:
    """The same addresses and maybe more, in at most MOST_OF_ALL prefixes: whoever has no more than an equal share of
    those keeps his as they are, so one who tells many widens nobody's but his own."""
    left, share = MOST_OF_ALL, MOST_OF_ALL
    for number, size in enumerate(sorted(map(len, known.values()))):
        share = left // (len(known) - number)
        if size > share:
            break
        left -= size
    most = max(1, share)
    return {name: frozenset(few(nets, most)) if len(nets) > most else nets for name, nets in known.items()}


def path_beside(accounts: Path) -> Path:
    """Where it is kept, beside a portal's file of accounts."""
    return accounts.with_suffix(".monitored.json")


def kept(path: Path) -> dict[str, frozenset[ipaddress.IPv4Network]]:
    """What a file has of each sensor; nothing where there is none. Raises ValueError, in one line, where it can't be
    used."""
    try:
        with open_regular(path) as file:
            octets = file.read(LONGEST + 1)
        return _read(octets)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path}: {cause(error)}") from None


def refuse_longer(octets: bytes) -> None:
    """Raises ValueError where a file of these would be refused by whoever reads it."""
    if len(octets) > LONGEST:
        raise ValueError(f"more than {LONGEST:,} octets")


def _read(octets: bytes) -> dict[str, frozenset[ipaddress.IPv4Network]]:
    """Raises ValueError."""
    refuse_longer(octets)
    found = json.loads(octets)
    known = found.get("watched") if isinstance(found, Mapping) else None
    if not isinstance(known, Mapping):
        raise ValueError('expected {"watched": {SENSOR: [PREFIX, ...]}}')
    if not all(isinstance(prefixes, list) and all(isinstance(p, str) for p in prefixes) for prefixes in known.values()):
        raise ValueError('expected {"watched": {SENSOR: [PREFIX, ...]}}')
    return {str(name): frozenset(map(ipaddress.IPv4Network, prefixes)) for name, prefixes in known.items()}
