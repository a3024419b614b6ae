"""The thread in which a live sensor writes its state once a second (store/heartbeat.py). A disk that hangs stops only
this thread; readers then see an old state."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from ims.cause import cause
from ims.sensor.state import State
from ims.store.heartbeat import TEXT, Beat, Heartbeat, boot_id, read_heartbeat, uptime

log = structlog.get_logger()

EVERY_SECONDS = 1.0
LOSING_SECONDS = 10.0
"""So long after the last loss, packets count as being lost now."""
LAST_SECONDS = 5.0
"""How long the end waits for the last beat."""


@dataclass
class _Losses:
    """State between beats: since when something is lost, and how much was lost before."""

    storing: bool = True
    storing_since: float = 0.0
    payloads_since: float | None = None
    losing_since: float | None = None
    lost_at: float = 0.0
    lost: int = 0
    """in all, at the last beat"""
    before: int = 0
    """in all, when the present losses began"""
    looked: float = 0.0


class Heartbeats:
    """`start` when the sensor watches, `stop` when all is stored. `state` may be called from any thread."""

    def __init__(self, store: Path, sensor: str, state: Callable[[], State], replay: bool) -> None:
        """Raises OSError where the earlier heartbeat can't be read."""
        self._store, self._sensor, self._state, self._replay = store, sensor, state, replay
        self._boot, self._began = boot_id(), time.time()
        self._losses = _Losses(storing_since=self._began, looked=self._began)
        before = read_heartbeat(store, sensor)
        self._last_packet = before.beat.last_packet if before is not None else None
        self._stopping = threading.Event()
        self._in_order = True
        self.complaint = ""
        """why the store can't be written now"""
        self.failure: BaseException | None = None
        """why the thread ended by itself, if it did"""
        self._file: Heartbeat | None = None
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, in_order: bool) -> None:
        """End; `in_order`: the last beat says that the sensor was stopped."""
        self._in_order = in_order
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(LAST_SECONDS)

    def _run(self) -> None:
        try:
            with contextlib.ExitStack() as closing:
                self._beat_until_stopped(closing)
        except BaseException as error:
            self.failure = error
            log.exception("the heartbeat ended")

    def _beat_until_stopped(self, closing: contextlib.ExitStack) -> None:
        ending = False
        while not ending:
            ending = self._stopping.wait(EVERY_SECONDS if self._file is not None or self.complaint else 0.0)
            try:
                if self._file is None:
                    self._file = Heartbeat(self._store, self._sensor)
                    closing.callback(self._file.close)
                self._file.write(self.beat(ending and self._in_order))
            except OSError as error:  # of the store; a sensor that goes on must not look halted later
                if cause(error) != self.complaint:
                    log.warning("the heartbeat can't be written", reason=cause(error))
                self.complaint = cause(error)
            else:
                self.complaint = ""

    def beat(self, ending: bool = False) -> Beat:
        """How the sensor is now."""
        state, now = self._state(), time.time()
        losses = self._follow(state, now)
        if state.newest_us:
            self._last_packet = max(state.newest_us / 1e6, 0.0 if self._replay else self._last_packet or 0.0)
        down = tuple(name[:16] for name, up in state.interfaces.items() if not up)
        return Beat(
            boot=self._boot, uptime=uptime(), time=now, began=self._began, replay=self._replay,
            ended=now if ending else None, down=down[:32] if len(down) == len(state.interfaces) else (),
            last_packet=self._last_packet, storing=losses.storing, storing_since=losses.storing_since,
            why=(state.store_failing or "")[:TEXT], payloads_since=losses.payloads_since,
            lost_in_ring=state.lost_in_ring, lost_in_store=state.not_stored, losing_since=losses.losing_since,
            lost_now=losses.lost - losses.before,
        )  # fmt: skip

    def _follow(self, state: State, now: float) -> _Losses:
        known, lost = self._losses, state.lost_in_ring + state.not_stored
        storing = state.store_failing is None
        if storing != known.storing:
            known.storing, known.storing_since, known.before = storing, now, known.lost
        if state.payloads_wanted:
            known.payloads_since = None
        elif known.payloads_since is None:
            known.payloads_since = now
        if lost > known.lost:
            known.lost_at = now
            if known.losing_since is None:
                known.losing_since = known.looked
                known.before = known.lost if storing else known.before
        elif known.losing_since is not None and now - known.lost_at >= LOSING_SECONDS:
            known.losing_since = None
        known.lost, known.looked = lost, now
        return known
