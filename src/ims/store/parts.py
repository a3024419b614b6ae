"""Parts: Parquet files of hours that aren't finished, written by a few lanes side by side.

A lane is one thread with its own open part for each table and hour; lanes share nothing, so two cores encode two
batches at once. A part counts once `close` has made it durable and the writer has committed it.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pyarrow as pa

from ims.full_disk import naming
from ims.moved import earlier_name
from ims.store.columns import by_hour, conform
from ims.store.damage import sizes_of
from ims.store.schema import ROW_GROUP, hour_folder, make_folder, parquet_writer, sync_folder

OPEN_PARTS = 48
"""At most so many open files a lane; a capture whose times jump about closes the longest unused first."""


class OpenPart:
    """One open Parquet file; an error while it is written removes it."""

    def __init__(self, store: Path, path: str, table: str, schema: pa.Schema) -> None:
        self.path = path
        self._file = store / path
        make_folder(self._file.parent)
        self._schema = schema
        try:
            with naming(self._file):
                self._writer = parquet_writer(self._file, table, schema)
        except BaseException:
            self._file.unlink(missing_ok=True)
            raise
        self.rows = 0

    def write(self, rows: pa.Table) -> None:
        """Append rows; the file on disk has them only after `close`."""
        with self._discarded_on_error():
            if rows.schema != self._schema:
                rows = conform(rows, self._schema)
            self._writer.write_table(rows, row_group_size=ROW_GROUP)
        self.rows += rows.num_rows

    def close(self) -> dict[str, int]:
        """Finish the file and make it durable; its entry for the manifest."""
        with self._discarded_on_error():
            self._writer.close()
            with self._file.open("rb") as file:
                os.fsync(file.fileno())
            sync_folder(self._file.parent)
            return sizes_of(self._file, self.rows)

    @contextlib.contextmanager
    def _discarded_on_error(self) -> Iterator[None]:
        try:
            with naming(self._file):
                yield
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """Remove the file, in any state; may be called again."""
        for close in (self._writer.close, self._writer.file_handle.close):
            with contextlib.suppress(OSError, pa.ArrowException):
                close()
        self._writer.is_open = False  # or it would try once more when it is collected
        self._file.unlink(missing_ok=True)


class Lane:
    """One encoding thread and its open parts.

    Failed work leaves rows missing, so from then on every call raises the same, until `stop`.
    """

    def __init__(self, store: Path, sensor: str, number: int) -> None:
        self._store, self._sensor = store, sensor
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"lane-{number}")
        self._open: dict[tuple[str, int], OpenPart] = {}
        self._done: dict[str, dict[str, int]] = {}
        self._pending: list[Future[None]] = []
        self._failed: BaseException | None = None

    def submit(self, work: Any) -> Future[None]:
        """Run `work(self)` in this lane's thread, after what was submitted before."""
        future = self._thread.submit(work, self)
        self._pending.append(future)
        return future

    @property
    def waiting(self) -> int:
        """Batches submitted and not yet written. Raises what writing them raised."""
        for future in [future for future in self._pending if future.done()]:
            self._pending.remove(future)
            self._failed = self._failed or future.exception()
        if self._failed is not None:
            raise self._failed
        return len(self._pending)

    def wait_for_one(self) -> None:
        """Wait until the oldest submitted work is done."""
        if self._pending:
            self._pending[0].exception()

    def write(self, table: str, time: str, rows: pa.Table) -> None:
        """Append rows to the parts of their hours (call inside the lane's thread)."""
        for hour, chosen in by_hour(rows, time):
            part = self._open.pop((table, hour), None)
            if part is None:
                if len(self._open) >= OPEN_PARTS:
                    self._finish(next(iter(self._open)))  # the longest unused
                path = f"_hot/{hour_folder(table, self._sensor, hour)}/{uuid.uuid4().hex}.parquet"
                part = OpenPart(self._store, path, table, chosen.schema)
            part.write(chosen)
            self._open[table, hour] = part  # the dict's order is that of last use

    def _finish(self, key: tuple[str, int]) -> None:
        part = self._open.pop(key)
        self._done[part.path] = part.close()

    def begin_seal(self) -> None:
        """Have all parts closed after what was submitted, without waiting: lanes sync their files side by side."""

        def close_all(_lane: Lane) -> None:
            for key in list(self._open):
                self._finish(key)

        self.submit(close_all)

    def seal(self) -> dict[str, dict[str, int]]:
        """Wait for what was submitted, close all parts, and return them: path -> entry for the manifest."""
        self.begin_seal()
        wait(self._pending)
        assert self.waiting == 0
        done, self._done = self._done, {}
        return done

    def stop(self) -> None:
        """End the thread and remove what was not sealed."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        for part in self._open.values():
            part.discard()
        for path in self._done:
            (self._store / path).unlink(missing_ok=True)
        self._open, self._done = {}, {}


def __getattr__(name: str) -> Any:
    return earlier_name(__name__, name)
