"""Captures into a store: what `ims ingest` does.

Each capture is told by its content (store/journal.py), read through the pipeline, and remembered with every
checkpoint, so an ingest that is killed goes on where its last checkpoint was.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from ims.capture.open import open_source
from ims.capture.source import Frames, Source
from ims.capture.stream import stream_digest
from ims.darknet import Darknet
from ims.sensor.counters import Report
from ims.sensor.pipeline import Pipeline
from ims.store.journal import CaptureRecord, find_known, same_beginning
from ims.store.lock import refuse_busy
from ims.store.schema import refuse_other_folder, state_folder
from ims.store.writer import SensorWriter

log = structlog.get_logger()

CHECKPOINT_PACKETS = 1 << 22
CHECKPOINT_SECONDS = 5.0
LIVE_SECONDS = 1.0
"""On a pipe or a watched folder packets are to be seen soon; a file that is read at full speed can wait."""


@dataclass(frozen=True)
class IngestSettings:
    """What an ingest may use. `payload_budget`: bytes an hour of payloads kept undeduplicated once the cache is
    full; `cache_signatures`: payloads remembered (48 bytes each)."""

    unwrap: int = 0
    again: bool = False
    cache_signatures: int = 4_000_000
    payload_budget: int = 1 << 30
    keep_age_us: int | None = None
    keep_bytes: int | None = None
    keep_until_shipped: bool = False


@dataclass
class Progress:
    """What a progress bar shows."""

    name: str = ""
    octets_read: int = 0
    octets: int | None = None
    packets: int = 0


@dataclass
class _Known:
    id: str
    record: CaptureRecord
    more: bool


@dataclass
class Ingest:
    """One run over some captures, for one sensor of one store."""

    store: Path
    sensor: str
    darknet: Darknet
    settings: IngestSettings = field(default_factory=IngestSettings)
    progress: Callable[[Progress], None] = lambda progress: None
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self, captures: Sequence[str]) -> Report:
        """Ingest captures in the order given; `-` is standard input.

        Raises FileNotFoundError, IsADirectoryError or ValueError before anything is stored, where a capture
        can't be read or was ingested before; where one can't be read, no store and no sensor is made.
        """
        _refuse_doubles(captures)
        if refuse_other_folder(self.store):
            refuse_busy(state_folder(self.store, self.sensor), self.sensor)
        for capture in captures:
            if capture != "-":
                open_source(capture).close()
        with ExitStack() as opened:
            pipe = None  # it can be opened once only, and waits for its first octets
            if "-" in captures:
                pipe = opened.enter_context(_closing(open_source("-")))
            writer = opened.enter_context(_closing(SensorWriter(self.store, self.sensor)))
            known = {capture: self._recognise(writer, capture) for capture in captures if capture != "-"}
            self._refuse_known(known)
            run = _Run(self, writer)
            for capture in captures:
                if not self.stop.is_set():
                    run.read(capture, known.get(capture), pipe if capture == "-" else None)
            return run.end(settle=not self.stop.is_set())

    def watch(self, captures: Iterator[Path | None]) -> Report:
        """Ingest captures as they come (None: nothing has come), until the iterator ends. A file that is no
        capture is logged and passed over; one that was ingested before is passed over."""
        with _closing(SensorWriter(self.store, self.sensor)) as writer:
            run = _Run(self, writer, live=True)
            for capture in captures:
                if capture is None:
                    run.idle()
                    continue
                try:
                    known = self._recognise(writer, str(capture))
                    if known is None or known.more:
                        run.read(str(capture), known)
                except (OSError, ValueError) as error:
                    log.warning("not ingested", capture=str(capture), reason=str(error))
                    run.report.warnings.append(f"{capture}: not ingested: {error}")
                    run.report.damaged = True
            return run.end(settle=True)

    def _recognise(self, writer: SensorWriter, capture: str) -> _Known | None:
        if self.settings.again or not writer.captures:
            return None
        with _closing(open_source(capture)) as source:
            first = next((frames for frames in source if frames.count), None)
            found = None if first is None else find_known(
                writer.captures, source.first_digest, lambda lengths: stream_digest(capture, lengths)
            )  # fmt: skip
        if found is None:
            return None
        with _closing(open_source(capture)) as source:
            frames = sum(frames.count for frames in source)
        return _Known(found[0], found[1], more=frames > found[1].frames)

    def _refuse_known(self, known: dict[str, _Known | None]) -> None:
        for capture, old in known.items():
            if old is not None and old.record.settled and not old.more:
                raise ValueError(
                    f"{capture} was ingested before, as {old.record.name} ({old.record.frames:,} frames); "
                    "use --again to store its packets a second time"
                )


class _Run:
    """The state of one run: the pipeline, the report, and which captures the next checkpoint must remember."""

    def __init__(self, ingest: Ingest, writer: SensorWriter, live: bool = False) -> None:
        settings = ingest.settings
        self._ingest, self._writer, self._live = ingest, writer, live
        self._pipeline = Pipeline(
            writer,
            ingest.darknet,
            settings.unwrap,
            settings.cache_signatures,
            settings.payload_budget,
            self.save,
        )
        self.report = Report(bytes_before=writer.bytes_stored())
        self._unsaved: dict[str, CaptureRecord] = {}
        self._involved: dict[str, CaptureRecord] = {}
        self._saved_at = time.monotonic()
        self._saved_packets = 0

    def read(self, capture: str, known: _Known | None, opened: Source | None = None) -> None:
        """Read one capture, which may be `opened` already, to its end, or to where `stop` was set."""
        source = open_source(capture) if opened is None else opened
        with _closing(source):
            name = "standard input" if capture == "-" else capture
            if known is None:
                self._follow(source, uuid.uuid4().hex, CaptureRecord(name), skip=0)
            elif known.record.finished and not known.more:
                self.report.resumed += known.record.frames
                self._involved[known.id] = known.record
            else:
                self._follow(source, known.id, known.record, skip=known.record.frames)

    def _follow(self, source: Source, identity: str, record: CaptureRecord, skip: int) -> None:
        live = self._live or source.file_octets is None
        report, pipeline = self.report, self._pipeline
        record.finished = record.settled = False
        before = source.position
        expected = (0, "")
        seen = 0
        for frames in source:
            if record.first_digest == "" and frames.count:
                record.first_digest = source.first_digest or ""
                if source.file_octets is None and not self._ingest.settings.again:
                    identity, record, skip = self._resume_pipe(source, identity, record)
                    expected = (record.position, record.digest)
            start = min(frames.count, max(0, skip - seen))
            seen += frames.count
            if source.mark_digest not in (None, expected[1]):
                raise ValueError(_PIPE_DIFFERS.format(expected[0]))
            if start < frames.count:
                self._take(frames, start, source, record)
                record.frames, record.position, record.digest = seen, source.position, source.digest()
                self._unsaved[identity] = record
                self._involved[identity] = record
            report.resumed += start
            self._ingest.progress(Progress(record.name, source.octets_read, source.file_octets, pipeline.packets))
            self._save_if_due(live)
            if self._ingest.stop.is_set():
                break
        else:
            record.finished = True
        if seen < skip and source.file_octets is None:
            raise ValueError(_PIPE_SHORTER.format(expected[0]))
        report.warnings += [f"{record.name}: {warning}" for warning in source.warnings]
        report.damaged |= not source.complete
        report.frames_lost += source.frames_lost
        if source.frames_lost:
            report.warnings.append(f"{record.name}: {source.frames_lost:,} frames were lost when it was captured")
        report.bytes_in += source.position - before
        record.frames_lost = source.frames_lost
        if record.frames:
            self._unsaved[identity] = record
            self._involved[identity] = record
        if self._ingest.stop.is_set() and not live:
            record.finished = False
        elif live:
            record.finished = True

    def _resume_pipe(self, source: Source, identity: str, record: CaptureRecord) -> tuple[str, CaptureRecord, int]:
        """A pipe can't be read ahead: take the capture that began alike and was read farthest, skip what it
        had, and make sure on the way that it was the same octets."""
        for known, old in same_beginning(self._writer.captures, record.first_digest).items():
            source.mark(old.position)
            return known, old, old.frames
        return identity, record, 0

    def _take(self, frames: Frames, start: int, source: Source, record: CaptureRecord) -> None:
        times = frames.time[start : frames.count]
        record.saw(int(times.min()) // 1000, int(times.max()) // 1000 + 1)
        self._pipeline.add(frames, start, record.payloads_lost)

    def _save_if_due(self, live: bool) -> None:
        due = time.monotonic() - self._saved_at >= (LIVE_SECONDS if live else CHECKPOINT_SECONDS)
        if self._unsaved and (due or self._pipeline.packets - self._saved_packets >= CHECKPOINT_PACKETS):
            self.save(live)

    def idle(self) -> None:
        """Nothing has come: let what waits be seen."""
        self._save_if_due(live=True)

    def save(self, live: bool = False) -> None:
        """Make everything read so far durable and visible."""
        self._pipeline.flush()
        finished_before = None
        if live:
            finished_before = self._pipeline.finished_before_us()
        self._writer.checkpoint(
            {name: record.as_json() for name, record in self._unsaved.items()},
            {
                name: self._pipeline.coverage(record)
                for name, record in self._unsaved.items()
                if record.since_us is not None
            },
            publish_before_us=finished_before,
        )
        self._unsaved.clear()
        self._saved_at, self._saved_packets = time.monotonic(), self._pipeline.packets

    def end(self, settle: bool) -> Report:
        """Store what waits, finish all hours, and report."""
        settings = self._ingest.settings
        self.save()
        now_us = time.time_ns() // 1000
        self.report.retained = self._writer.finish(
            now_us, settings.keep_age_us, settings.keep_bytes, settings.keep_until_shipped
        )
        if settle:
            # Last of all: killed before this, the same command goes on; after it, there is nothing left to do.
            for record in self._involved.values():
                record.settled = True
            self._writer.remember({name: record.as_json() for name, record in self._involved.items()})
        self._pipeline.report(self.report)
        self.report.bytes_stored = self._writer.bytes_stored() - self.report.bytes_before
        self.report.interrupted = not settle
        nothing = self.report.nothing_stored()
        if nothing is not None:
            self.report.warnings.append(nothing)
        self.report.seconds = time.perf_counter() - self.report.began
        return self.report


_PIPE_DIFFERS = (
    "standard input begins like a capture that was read before, but differs from it within its first {:,} bytes; "
    "nothing of it was stored: write it to a file and ingest that, or use --again"
)
_PIPE_SHORTER = (
    "standard input begins like a capture that was read before ({:,} bytes of it), but ends sooner; nothing of it "
    "was stored: write it to a file and ingest that, or use --again"
)


def _refuse_doubles(captures: Iterable[str]) -> None:
    seen: set[Any] = set()
    for capture in captures:
        name = capture if capture == "-" else str(Path(capture).absolute())
        if name in seen:
            raise ValueError(f"{capture} is given twice")
        seen.add(name)


class _closing:  # noqa: N801  (as contextlib.closing, but typed for what has no protocol)
    def __init__(self, thing: Any) -> None:
        self._thing = thing

    def __enter__(self) -> Any:
        return self._thing

    def __exit__(self, *_error: object) -> None:
        self._thing.close()
