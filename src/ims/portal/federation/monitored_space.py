"""Which addresses are monitored, as far as the portal knows: what the registry names, and what each sensor reported
that it ever watched. Kept in a file across restarts, so that a sensor that is silent then stays hidden too.

What a sensor reports beside an answer is noted before the answer is read: knowledge is never older than what is shown.
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
"""Prefixes of one sensor; beyond, they are made wider."""
MOST_OF_ALL = LONGEST // 32
"""Of all sensors; beyond, those of the largest are made wider. Each takes 25 octets at most; the rest is for names."""
DAMAGED = "analysts and viewers are shown nothing until each registered sensor has told what it watches"
"""The consequence if the file can't be used."""
UNKNOWN = Fault("unknown", "it isn't known yet what it watches")
"""Why analysts and viewers get no answer from a sensor."""

Networks = frozenset[ipaddress.IPv4Network]
Prefixes = tuple[ipaddress.IPv4Network, ...]


class MonitoredSpace:
    """Thread-safe. `registered`: the registry's present sensors; `path`: its file; `beside`: other sources (a lake)."""

    def __init__(
        self,
        registered: Callable[[], Collection[RegisteredSensor]],
        path: Path | None = None,
        beside: Collection[str] = (),
    ) -> None:
        self._registered, self._path, self._beside = registered, path, beside
        self._lock, self._saving = threading.Lock(), threading.Lock()
        self._log: Any = structlog.get_logger()
        self._known: dict[str, Networks] = {}
        self._reported: dict[str, tuple[str, ...]] = {}
        self._union: tuple[Any, Prefixes] | None = None
        self._unsaved = False
        self.problem: str | None = None
        """why the file as it was found isn't used"""
        try:
            self._known = kept(path) if path is not None else {}
        except ValueError as error:
            self.problem = str(error)
            self._log.error("watched", problem=self.problem, meaning=DAMAGED)

    def note(self, sensor: str, watched: Iterable[str]) -> None:
        """Add what a sensor's store, or a lake, ever watched (CIDR); nothing is forgotten. Raises ValueError."""
        reported = tuple(watched)
        if self._reported.get(sensor) == reported:
            return
        networks = frozenset(map(ipaddress.IPv4Network, reported))
        with self._lock:
            known: Networks = self._known.get(sensor, frozenset())
            self._reported[sensor] = reported
            if sensor in self._known and networks <= known:
                return
            joined = _within(networks | known, MOST_KEPT)
            self._known, self._union, self._unsaved = within(self._known | {sensor: joined}), None, True
        self._log.info("watched", sensor=sensor, prefixes=len(joined), new=len(networks - known))
        self.keep()

    def keep(self) -> None:
        """Write the file if it is outdated. What can't be written is known to this process alone; call this again."""
        with self._saving:
            if self._path is None or self.problem is not None or not self._unsaved:
                return
            with self._lock:
                self._unsaved, known = False, dict(self._known)
            watched = {name: [str(prefix) for prefix in sorted(known[name])] for name in sorted(known)}
            octets = json.dumps({"watched": watched}, indent=1).encode()
            try:
                refuse_longer(octets)
                write_aside(self._path, octets, mode=0o600)
            except (OSError, ValueError) as error:
                self._unsaved = True
                self._log.error("watched", problem=f"it can't be kept: {cause(error)}")

    def unknown(self, names: Iterable[str]) -> frozenset[str]:
        """Those whose monitored space isn't known."""
        return frozenset(name for name in names if name not in self._known)

    def prefixes(self) -> Prefixes:
        """All of them, in order. Raises OSError, and nothing may be shown, while nothing is known, and, after the file
        was damaged, while something is missing that it may have held."""
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


def within(known: Mapping[str, Networks]) -> dict[str, Networks]:
    """The same addresses and maybe more, in at most MOST_OF_ALL prefixes: a sensor with no more than an equal share
    keeps its own as they are, so one that reports many widens no other's."""
    left, share = MOST_OF_ALL, MOST_OF_ALL
    for number, size in enumerate(sorted(map(len, known.values()))):
        share = left // (len(known) - number)
        if size > share:
            break
        left -= size
    return {name: _within(networks, max(1, share)) for name, networks in known.items()}


def _within(networks: Networks, most: int) -> Networks:
    return frozenset(few(networks, most)) if len(networks) > most else networks


def path_beside(accounts: Path) -> Path:
    """Where it is kept, beside a portal's file of accounts."""
    return accounts.with_suffix(".monitored.json")


def kept(path: Path) -> dict[str, Networks]:
    """A file's networks of each sensor; none if there is no file. Raises ValueError if it can't be used."""
    try:
        with open_regular(path) as file:
            octets = file.read(LONGEST + 1)
        refuse_longer(octets)
        match json.loads(octets):
            case {"watched": Mapping() as known} if all(map(_is_list_of_texts, known.values())):
                return {str(name): frozenset(map(ipaddress.IPv4Network, nets)) for name, nets in known.items()}
        raise ValueError('expected {"watched": {SENSOR: [PREFIX, ...]}}')
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path}: {cause(error)}") from None


def refuse_longer(octets: bytes) -> None:
    """Raises ValueError for a file that is longer than is read."""
    if len(octets) > LONGEST:
        raise ValueError(f"more than {LONGEST:,} octets")


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)
