"""Where many sources come from, by several files: of each source, the first that knows."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import structlog
from numpy.typing import NDArray

from ims.origin.local_time import offset_of_country, offset_of_zone
from ims.origin.mmdb import MmdbFile, OriginError
from ims.origin.place import Place

Kind = Literal["country", "as"]
KINDS: tuple[Kind, ...] = ("country", "as")
MOST_FILES = 16


class Origins:
    """Files in MMDB format, opened. Raises OriginError, as each method does, with what is wrong with which file."""

    def __init__(self, files: Sequence[Path]) -> None:
        if len(files) > MOST_FILES:
            raise OriginError(f"{len(files)} files in MMDB format; at most {MOST_FILES}")
        self._files = [MmdbFile(file) for file in files]

    @property
    def source(self) -> str:
        """What the files say that they are, and of which day."""
        return ", ".join(dict.fromkeys(file.name for file in self._files))

    def names(self, kind: Kind, prefixes: NDArray[np.uint32]) -> list[str | None]:
        """The country's code, or `AS64500 Its name`, of each IPv4 address; of prefixes, these are their first ones."""

        def name(at: Place) -> str | None:
            return at.country if kind == "country" else at.system

        names: list[str | None] = self._first_known(name, prefixes, None, np.object_).tolist()
        return names

    def offsets(self, prefixes: NDArray[np.uint32], moment_us: int) -> NDArray[np.float64]:
        """Hours that local time was ahead of UTC at a moment (microseconds since 1970): of the time zone that a file
        tells, else of the country if all of it had the same. NaN: unknown."""

        def of_zone(at: Place) -> float | None:
            return None if at.zone is None else offset_of_zone(at.zone, moment_us)

        def of_country(at: Place) -> float | None:
            return None if at.country is None else offset_of_country(at.country, moment_us)

        hours: NDArray[np.float64] = self._first_known(of_zone, prefixes, np.nan, np.float64)
        without = np.flatnonzero(np.isnan(hours))
        if len(without):
            hours[without] = self._first_known(of_country, prefixes[without], np.nan, np.float64)
        return hours

    def _first_known(
        self, value: Callable[[Place], Any], prefixes: NDArray[np.uint32], unknown: Any, kind: Any
    ) -> NDArray[Any]:
        """The value of each prefix in the first file that has one."""
        prefixes = np.asarray(prefixes, np.uint32)
        found = np.full(len(prefixes), unknown, kind)
        left = np.arange(len(prefixes))
        for file in self._files:
            if not len(left):
                break
            index, places = file.places(prefixes[left])
            told = [None if place is None else value(place) for place in places]
            is_known = np.array([each is not None for each in told])[index]
            values = np.array([unknown if each is None else each for each in told], kind)
            found[left[is_known]] = values[index[is_known]]
            left = left[~is_known]
        return found


class OriginFiles:
    """Files that may be replaced by newer ones while a program runs. Raises OriginError if they can't be used at
    first; later, those that were read before are kept."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._paths = tuple(files)
        self._lock = threading.Lock()
        self._stamps = self._present()
        self._origins = Origins(self._paths)

    def current(self) -> Origins:
        """The files as they are now, or as they were when they last could be read."""
        with self._lock:
            stamps = self._present()
            if stamps != self._stamps:
                self._stamps = stamps
                log = structlog.get_logger()
                try:
                    self._origins = Origins(self._paths)
                except OriginError as error:
                    log.error("mmdb", problem=str(error))
                else:
                    log.info("mmdb", files=self._origins.source)
            return self._origins

    def _present(self) -> list[tuple[int, ...] | None]:
        return [_stamp(path) for path in self._paths]


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        found = os.stat(path)  # noqa: PTH116  # one call
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
