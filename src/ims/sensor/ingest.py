"""Captures into a store: what `ims ingest` does. Each capture is recognised by its content (recognition.py), read
through the pipeline (ingest_run.py), and remembered with every checkpoint."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from ims.capture.file import gives_once, identity
from ims.cause import cause
from ims.darknet import Darknet
from ims.process.logs import log_warning
from ims.process.read_search import reading_any_file
from ims.sensor.counters import Report
from ims.sensor.ingest_run import IngestSettings, Progress, Run
from ims.sensor.recognition import Known, open_capture, recognise, something_stored
from ims.store.lock import refuse_busy
from ims.store.schema import refuse_other_folder, state_folder
from ims.store.writer import SensorWriter
from ims.text import quantity

__all__ = ["Ingest", "IngestSettings", "Progress"]

STANDARD_INPUT = ("/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")


@dataclass
class Ingest:
    """One run over some captures, for one sensor of one store."""

    store: Path
    sensor: str
    darknet: Darknet
    settings: IngestSettings = field(default_factory=IngestSettings)
    progress: Callable[[Progress], None] = lambda progress: None
    stop: threading.Event = field(default_factory=threading.Event)
    _notes: list[str] = field(default_factory=list)

    def run(self, captures: Sequence[str]) -> Report:
        """Ingest captures in this order; `-` is standard input. What isn't a regular file is opened once; waiting for
        it ends when `stop` is set.

        Raises FileNotFoundError, IsADirectoryError or ValueError before anything is stored, where a capture can't be
        read or was ingested before; where one can't be read, neither store nor sensor is made.
        """
        captures = ["-" if capture in STANDARD_INPUT else capture for capture in captures]
        with reading_any_file():
            once = [capture for capture in captures if gives_once(capture)]
            _refuse_doubles(captures, once)
        if refuse_other_folder(self.store):
            refuse_busy(state_folder(self.store, self.sensor), self.sensor)
        for capture in captures:
            if capture not in once:
                open_capture(capture).close()
        with ExitStack() as opened:
            try:
                pipes = {name: opened.enter_context(closing(open_capture(name, self.stop.is_set))) for name in once}
            except InterruptedError:
                return Report(interrupted=True)
            writer = opened.enter_context(closing(SensorWriter(self.store, self.sensor)))
            known = {each: self._recognise_stored(writer, each) for each in captures if each not in once}
            self._refuse_known(known)
            run = self._new_run(writer)
            for capture in captures:
                if self.stop.is_set():
                    break
                if capture in pipes:
                    run.read_once(pipes[capture])
                else:
                    run.read_file(capture, known[capture])
            return run.end(settle=not self.stop.is_set())

    def watch(self, captures: Iterator[Path | None]) -> Report:
        """Ingest captures as they come (None: nothing has come), until the iterator ends. A file that isn't a capture
        is logged and skipped; one that was ingested before is skipped."""
        with closing(SensorWriter(self.store, self.sensor)) as writer:
            run = self._new_run(writer, live=True)
            for capture in _looked_for(captures):
                if capture is None:
                    run.save_if_due(live=True)
                    continue
                logged = len(run.report.warnings)
                try:
                    known = self._recognise(writer, str(capture))
                    if known is None or known.more:
                        run.read_file(str(capture), known)
                    for warning in run.report.warnings[logged:]:  # not only at the end, which may be years ahead
                        log_warning("ingested", warning=warning)
                except (OSError, ValueError) as error:
                    log_warning("not ingested", capture=str(capture), reason=cause(error))
                    run.report.warnings.append(f"{capture}: not ingested: {cause(error)}")
                    run.report.damaged = True
            run.report.warnings += self._notes
            return run.end(settle=True)

    def note(self, text: str) -> None:
        """Log a problem of the watching, and add it to the report."""
        log_warning("watching", problem=text)
        self._notes.append(text)

    def _new_run(self, writer: SensorWriter, live: bool = False) -> Run:
        return Run(writer, self.darknet, self.settings, self.stop.is_set, self.progress, live)

    def _recognise(self, writer: SensorWriter, capture: str) -> Known | None:
        if self.settings.again or not writer.captures:
            return None
        return recognise(capture, writer.captures, found_there=True)

    def _recognise_stored(self, writer: SensorWriter, capture: str) -> Known | None:
        """The same among captures of which something was stored: with another --block or --unwrap, more may be."""
        stored = something_stored(writer.captures)
        return recognise(capture, stored) if stored and not self.settings.again else None

    def _refuse_known(self, known: dict[str, Known | None]) -> None:
        for capture, old in known.items():
            if old is not None and old.record.settled and not old.more:
                raise ValueError(
                    f"{capture} was ingested before, as {old.record.name} ({quantity(old.record.frames, 'frame')}); "
                    "use --again to store its packets a second time"
                )


def _looked_for(captures: Iterator[Path | None]) -> Iterator[Path | None]:
    """The same; folders that only root can read may be listed."""
    while True:
        with reading_any_file():
            try:
                capture = next(captures)
            except StopIteration:
                return
        yield capture


def _refuse_doubles(captures: Iterable[str], once: Iterable[str]) -> None:
    seen: dict[object, str] = {}
    for capture in captures:
        name = str(Path(capture).absolute())
        if name in seen:
            raise ValueError(f"{capture} is given twice")
        seen[name] = capture
    for capture in once:
        key = identity(capture)
        if key in seen:
            raise ValueError(f"{capture} and {seen[key]} are one")
        seen[key] = capture
