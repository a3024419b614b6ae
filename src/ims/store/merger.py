"""Merging beside a writer that must not wait: small parts become one in a thread of their own, of low priority.

The thread only reads parts and writes one that no manifest names yet; the writer's thread starts it, and commits its
result, in `go_on`. A process that is killed in between leaves a file that no manifest names.
"""

from __future__ import annotations

import contextlib
import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from ims.store.compaction import HOT_PARTS, hot_hours, merge_parts, note_damaged, small_parts
from ims.store.damage import DamageError
from ims.store.manifest import Manifest

AT_ONCE = 64
"""Parts merged at once."""
OCTETS = 8 << 20
"""Rows in memory while merging."""
NICE = 10


def _give_way() -> None:
    with contextlib.suppress(OSError):  # without that priority it merges all the same
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


class Merger:
    """Belongs to the thread that owns the manifest."""

    def __init__(self, store: Path, manifest: Manifest) -> None:
        self._store, self._manifest = store, manifest
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="merger", initializer=_give_way)
        self._stopping = threading.Event()
        self._parts: list[str] = []
        self._made: Future[tuple[str, dict[str, int]]] | None = None

    def go_on(self, before_us: int) -> None:
        """Commit what was merged since the last call, and begin to merge where an unfinished hour has too many small
        parts, or one that begins before `before_us` has more than one.

        Raises what merging raised; nothing is changed then.
        """
        if self._made is not None:
            if not self._made.done():
                return
            made, self._made = self._made, None
            try:
                self._commit(*made.result())
            except DamageError as error:
                note_damaged(self._store, self._manifest, error)
        for (_table, since_us), paths in hot_hours(self._manifest.state.files).items():
            small = small_parts(self._manifest, paths)
            if len(small) > (1 if since_us < before_us else HOT_PARTS):
                self._parts = small[:AT_ONCE]
                parts = {path: self._manifest.state.files[path] for path in self._parts}
                self._made = self._thread.submit(merge_parts, self._store, parts, self._may_go_on, OCTETS)
                return

    def _may_go_on(self) -> bool:
        return not self._stopping.is_set()

    def _commit(self, merged: str, size: dict[str, int]) -> None:
        files = self._manifest.state.files
        if all(path in files for path in self._parts):
            self._manifest.commit(add={merged: size}, drop=self._parts)
        else:  # retention dropped the hour meanwhile
            (self._store / merged).unlink(missing_ok=True)

    def stop(self) -> None:
        """End soon; merged parts that aren't committed are deleted."""
        self._stopping.set()
        self._thread.shutdown(wait=True)
        if self._made is not None and self._made.exception() is None:
            (self._store / self._made.result()[0]).unlink(missing_ok=True)
        self._made = None
