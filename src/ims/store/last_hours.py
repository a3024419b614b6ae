"""Hours of a sensor that no process writes any more: killed, renamed or retired, it can't finish its last ones."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from ims.settings.durations import HOUR_US
from ims.store.compaction import hot_hours
from ims.store.manifest import read_state
from ims.store.schema import state_folder
from ims.store.writer import SensorWriter

LATE_US = 60_000_000
"""An hour is finished so much later, because packets may still be on their way to the store."""


def over_before(now_us: int) -> int:
    """Hours that begin before this moment are over. Microseconds since the epoch, as `now_us`."""
    return max(0, (now_us - LATE_US) // HOUR_US * HOUR_US)


def unfinished_hours(store: Path, sensor: str, before_us: int | None = None) -> list[int]:
    """Begins of a sensor's hours that aren't published, in microseconds, oldest first; those before `before_us`."""
    begins = {since for _table, since in hot_hours(read_state(state_folder(store, sensor)).files)}
    return sorted(begin for begin in begins if before_us is None or begin < before_us)


def finish_last_hours(store: Path, sensor: str, before_us: int | None = None) -> list[int]:
    """Publish a sensor's hours (those that begin before `before_us`; None: all); returns their begins, in microseconds.

    Where there is none, nothing is opened for writing. Raises WriterBusyError where a process writes the sensor, and
    OSError where the store can't be written.
    """
    begins = unfinished_hours(store, sensor, before_us)
    if begins:
        with closing(SensorWriter(store, sensor, lanes=1)) as writer:
            writer.publish(before_us)
    return begins
