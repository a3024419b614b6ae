"""The thread that writes what a live sensor takes: batches as they come, and a checkpoint every `journal_interval`.

A disk that is full or fails never stops other threads. Below `keep_free` nothing is written, below twice that no
payloads; what can't be written is counted, by time, as lost. Once there is room the store is opened again.
"""

from __future__ import annotations

import contextlib
import queue
import secrets
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

import pyarrow as pa
import structlog

from ims.cause import cause
from ims.darknet import Darknet
from ims.full_disk import FULL
from ims.sensor.config import SensorConfig
from ims.sensor.coverage import CoverageLog
from ims.sensor.pipeline import Work
from ims.settings.durations import parse_age
from ims.store.columns import Distinct
from ims.store.damage import DamageError
from ims.store.last_hours import over_before
from ims.store.writer import KEY_OCTETS, SensorWriter
from ims.text import quantity

log = structlog.get_logger()


def _log_damage(error: DamageError) -> None:
    log.error("payloads are stored once more", reason=cause(error))


BATCHES, OCTETS = 8, 48 << 20
"""Batches that may wait, besides those being filled, and octets of payloads and raw frames in them."""
RETRY_SECONDS = 2.0
STALLED_SECONDS = 15.0
"""Beyond `journal_interval`, without a checkpoint: the disk hangs."""
LOOK_SECONDS = 0.5
"""How often free space is checked."""


class StoreThread:
    """Owns the writer. Workers call `reserve` and `deliver`; `start` and `stop` are the daemon's.

    Making one raises what SensorWriter raises, but for a full disk: then losses are counted until there is room.
    """

    def __init__(
        self, config: SensorConfig, watched: CoverageLog, lost: Callable[[], int], now_us: Callable[[], int]
    ) -> None:
        """`lost`: packets that the kernel lost since the last call. `now_us`: the clock of packets' times."""
        self._config, self._watched, self._lost, self._now = config, watched, lost, now_us
        self._writer: SensorWriter | None = None
        self.key = secrets.token_bytes(KEY_OCTETS)
        self._queue: queue.Queue[tuple[Work, int, int]] = queue.Queue()
        self._slots = threading.Semaphore(BATCHES + len(config.interfaces) * config.workers)
        self._queued_octets = 0
        self._thread = threading.Thread(target=self._run, name="keeper")
        self._stopping = threading.Event()
        self._again_at = self.lag_seconds = 0.0
        self._unsafe = self._lost_since = 0
        self._payloads_lost = Counter[str]()
        self._guard = threading.Lock()
        self.not_stored = self.stored = self.checkpoints = 0
        self.payloads_wanted = True
        """False while there is too little room for payloads"""
        self.failure: BaseException | None = None
        """the bug that ended the thread"""
        self.failing: str | None = None
        """why nothing is stored now"""
        self.free_bytes = 0
        """where the store is, at the last check"""
        self._saved_at = time.monotonic()
        self._change: tuple[Darknet, Mapping[str, str]] | None = None
        self._waits: list[threading.Event] = []
        try:
            self._writer = self._opened()
            self.key = self._writer.key
        except OSError as error:
            if error.errno not in FULL:
                raise
            self._fail(error)

    @property
    def trouble(self) -> str | None:
        """Why nothing is stored now: `failing`, or that no checkpoint ends."""
        waited = time.monotonic() - self._saved_at
        if self.failing is None and waited > STALLED_SECONDS + 2 * self._config.journal_interval:
            return f"no checkpoint has ended for {waited:.0f} s"
        return self.failing

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def reserve(self, wait: bool = False) -> bool:
        """Reserve room for a batch before it is filled; False where there is none, and its packets must be `refuse`d:
        they aren't signed then, and no payload is taken for stored that isn't. `wait`: until there is room."""
        if self.failing is not None or (self._queued_octets > OCTETS and not wait):
            return False
        return self._slots.acquire(blocking=wait)

    def deliver(self, work: Work, rows: int, octets: int) -> bool:
        """Have a batch written for which room was reserved; False where the store failed meanwhile."""
        if self.failing is not None:
            self.refuse(rows)
            self._slots.release()
            return False
        with self._guard:
            self._queued_octets += octets
        self._queue.put((work, rows, octets))
        return True

    def lose_payloads(self, lost: Mapping[str, int]) -> None:
        """Count payloads, by block, that were not kept."""
        with self._guard:
            self._payloads_lost.update(lost)

    def refuse(self, rows: int) -> None:
        """Count packets that aren't stored."""
        with self._guard:
            self.not_stored += rows
            self._lost_since += rows

    def payloads_of(self, day: date) -> Iterator[tuple[Any, Distinct]]:
        """The store's payloads of a day; none while it is closed. Those in a damaged file are new again."""
        writer = self._writer
        return iter(()) if writer is None else writer.payloads_of(day, _log_damage)

    def change(self, darknet: Darknet, policies: Mapping[str, str]) -> None:
        """Other blocks and policies from the next checkpoint on."""
        with self._guard:
            self._change = (darknet, policies)

    def checkpoint_now(self, timeout: float = 5.0) -> None:
        """Wait for a checkpoint of everything delivered so far."""
        done = threading.Event()
        with self._guard:
            self._waits.append(done)
        done.wait(timeout)

    def stop(self) -> None:
        """Write what was delivered, make a checkpoint, and close the store."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._keep()
        except BaseException as error:
            self.failure = error
            log.error("the store thread ended", reason=repr(error))
        finally:
            if self._writer is not None:
                self._writer.close()

    def _keep(self) -> None:
        looked_at = 0.0
        while True:
            now = time.monotonic()
            if now - looked_at >= LOOK_SECONDS:
                self._look_at_disk()
                looked_at = now
            ending = self._stopping.is_set()
            self._take(0.0 if ending else min(0.1, self._config.journal_interval))
            due = time.monotonic() - self._saved_at >= self._config.journal_interval or bool(self._waits)
            if (due or ending) and self._queue.empty():
                self._checkpoint()
            elif due and time.monotonic() - self._saved_at >= 2 * self._config.journal_interval:
                self._checkpoint()  # batches come faster than they are written
            if ending and self._queue.empty():
                self._finish()
                break

    def _finish(self) -> None:
        """Publish all hours, the last one too: this sensor may never start again. Where nothing could be stored, write
        at least to the coverage what was lost."""
        if self._writer is not None:
            try:
                self._writer.publish()
            except (OSError, ValueError) as error:
                log.warning("the last hours aren't finished; the next start finishes them", reason=cause(error))
            return
        try:
            with contextlib.closing(self._opened()) as writer:  # it has a reserve for a full disk
                self._save(writer)
        except (OSError, ValueError) as error:
            lost = quantity(self.not_stored, "packet")
            log.error("the coverage doesn't say what was lost", lost=lost, reason=cause(error))

    def _opened(self) -> SensorWriter:
        return SensorWriter(self._config.store, self._config.name, lanes=1)

    def _take(self, seconds: float) -> None:
        try:
            work, rows, octets = self._queue.get(timeout=seconds) if seconds else self._queue.get_nowait()
        except queue.Empty:
            return
        try:
            self._write(work, rows)
        finally:
            with self._guard:
                self._queued_octets -= octets
            self._slots.release()

    def _write(self, work: Work, rows: int) -> None:
        if self._writer is None:
            self.refuse(rows)
            return
        try:
            work(self._writer)
            self._unsafe += rows
        except Exception as error:
            self.refuse(rows)
            self._fail(error)

    def _look_at_disk(self) -> None:
        try:
            free = shutil.disk_usage(self._config.store).free
        except OSError as error:
            self._fail(error)
            return
        self.free_bytes = free
        enough = free >= 2 * self._config.keep_free
        if enough != self.payloads_wanted:
            self.payloads_wanted = enough
            log.warning("payloads are stored again" if enough else "too little disk for payloads", free=free)
        if free < self._config.keep_free and self.failing is None:
            self._fail(OSError(f"{quantity(free, 'byte')} free, less than keep_free"))
        elif self.failing is not None and free >= self._config.keep_free and time.monotonic() >= self._again_at:
            self._open_again()

    def _fail(self, error: BaseException) -> None:
        """Close the store, until it can be written again."""
        reason = cause(error)
        if reason != self.failing:
            log.error("the store can't be written; packets are counted as lost", reason=reason)
        self.failing = reason
        self._again_at = time.monotonic() + RETRY_SECONDS
        self.refuse(self._unsafe)
        self._unsafe = 0
        if self._writer is not None:
            try:
                self._writer.close()
            except Exception as closing:
                log.error("closing the store", reason=cause(closing))
            self._writer = None

    def _open_again(self) -> None:
        try:
            self._writer = self._opened()
        except Exception as error:
            self._fail(error)
            return
        self.failing = None
        log.warning("the store is written again")

    def _checkpoint(self) -> None:
        begun = time.monotonic()
        with self._guard:
            waits, self._waits = self._waits, []
        if self._writer is not None:
            try:
                self._save(self._writer)
            except Exception as error:
                self._fail(error)
            else:
                self._settle(self._writer)
        self._saved_at = time.monotonic()
        self.lag_seconds = self._saved_at - begun
        pa.default_memory_pool().release_unused()
        for waiting in waits:
            waiting.set()

    def _save(self, writer: SensorWriter) -> None:
        with self._guard:
            lost, self._lost_since = self._lost_since, 0
            payloads, self._payloads_lost = self._payloads_lost, Counter()
        self._watched.look(self._lost() + lost, payloads)
        identity, record, rows = self._watched.rows()
        writer.commit({identity: record.as_json()}, {identity: rows})
        self._watched.saved()
        with self._guard:
            change, self._change = self._change, None
        if change is not None:
            self._watched.change(*change)
        self.stored += self._unsafe
        self._unsafe = 0
        self.checkpoints += 1

    def _settle(self, writer: SensorWriter) -> None:
        """Merge, publish, and drop what is too old; failures are tried again the next time."""
        age, size = self._config.keep_age, self._config.keep_size
        try:
            writer.settle(over_before(self._now()))
            if age is not None or size is not None:
                age_us = None if age is None else parse_age(age)
                writer.retain(time.time_ns() // 1000, age_us, size, self._config.keep_until_shipped)
        except (OSError, ValueError) as error:
            log.warning("hours wait to be merged and published", reason=cause(error))
