"""One run of an ingest: captures read through the pipeline, and remembered with every checkpoint.

An ingest that is killed goes on where its last checkpoint was.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from ims.capture.file import Stop
from ims.capture.source import Source
from ims.darknet import Darknet
from ims.sensor.counters import Report
from ims.sensor.pipeline import Pipeline
from ims.sensor.recognition import Captures, Known, begins, open_capture, recognise, something_stored
from ims.sensor.spans import Spans, holes_in_words
from ims.store.captures import CaptureRecord, same_beginning
from ims.store.writer import SensorWriter
from ims.text import quantity

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


class Run:
    """The state of one run: the pipeline, the report, and which captures the next checkpoint must remember. `live`:
    packets are to be seen soon; `stop`: asked after each chunk."""

    def __init__(
        self,
        writer: SensorWriter,
        darknet: Darknet,
        settings: IngestSettings,
        stop: Stop,
        progress: Callable[[Progress], None],
        live: bool = False,
    ) -> None:
        self._writer, self._settings, self._stop, self._progress, self._live = writer, settings, stop, progress, live
        self._pipeline = Pipeline(
            writer,
            darknet,
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

    def read_file(self, capture: str, known: Known | None) -> None:
        """Read a regular file, of which `known` was read by an earlier command, unless it is one of this run's once
        more: then what is new of it, and if that is nothing, a warning says so."""
        if self._involved and not self._settings.again:
            own = recognise(capture, self._known_now(store=False), found_there=self._live)
            if own is not None and not own.more:
                self._twice(capture, own.record)
                return
            if own is not None or (known is not None and known.id in self._involved):
                known = own
        if known is not None and known.record.finished and not known.more:
            self.report.resumed += known.record.frames
            self._involved[known.id] = known.record
            return
        with closing(open_capture(capture, found=self._live)) as source:
            if known is None:
                self._follow(source, uuid.uuid4().hex, CaptureRecord(capture), skip=0, once=False)
            else:
                self._follow(source, known.id, known.record, skip=known.record.frames, once=False)

    def read_once(self, source: Source) -> None:
        """Read what can't be read ahead, to its end; it is recognised on the way."""
        self._follow(source, uuid.uuid4().hex, CaptureRecord(source.name), skip=0, once=True)

    def _known_now(self, store: bool) -> Captures:
        """Captures of this run, and those of the store of which something was stored. (No copies: of those who watch a
        folder there are many.)"""
        own = {name: vars(record) for name, record in self._involved.items()}
        return {**something_stored(self._writer.captures), **own} if store else own

    def _twice(self, capture: str, record: CaptureRecord) -> None:
        self.report.warnings.append(f"{capture} is the same capture as {record.name}; it was not taken twice")

    def _follow(self, source: Source, identity: str, record: CaptureRecord, skip: int, once: bool) -> None:
        live = self._live or source.file_octets is None
        report, pipeline = self.report, self._pipeline
        name = source.name
        record.finished = record.settled = False
        before = source.position
        expected = (0, "")
        seen = taken = 0
        spans = Spans(record.spans)
        for frames in source:
            if record.first_digest == "" and frames.count:
                record.first_digest = source.first_digest or ""
                if once and not self._settings.again:
                    identity, record, skip = self._resume_pipe(source, identity, record)
                    expected = (record.position, record.digest)
                    spans = Spans(record.spans)
            start = min(frames.count, max(0, skip - seen))
            seen += frames.count
            if source.mark_digest not in (None, expected[1]):
                raise ValueError(_PIPE_DIFFERS.format(name, expected[0]))
            if start < frames.count:
                spans.add(pipeline.add(frames, start, record.payloads_lost))
                record.watched(spans.rows)
                record.frames, record.position, record.digest = seen, source.position, source.digest()
                self._unsaved[identity] = self._involved[identity] = record
                taken += frames.count - start
            report.resumed += start
            self._progress(Progress(record.name, source.octets_read, source.file_octets, pipeline.packets))
            self._save_if_due(live)
            if self._stop():
                break
        else:
            record.finished = True
        if once and skip and record.finished and not taken:
            self._only_known(source, record, seen < skip, expected)
        report.warnings += [f"{name}: {warning}" for warning in source.warnings]
        if record.finished and not (seen or source.warnings or self._live):
            report.warnings.append(f"{name} holds no frames")
        report.damaged |= not source.complete
        report.frames_lost += source.frames_lost
        if source.frames_lost:
            report.warnings.append(f"{name}: {quantity(source.frames_lost, 'frame')} lost when it was captured")
        holes = holes_in_words(spans.rows, spans.beyond)
        if holes is not None:
            report.warnings.append(f"{name}: {holes}")
        report.bytes_in += source.position - before
        record.frames_lost = max(record.frames_lost, source.frames_lost)
        if record.frames:
            self._unsaved[identity] = self._involved[identity] = record
        if self._stop() and not live:
            record.finished = False
        elif live:
            record.finished = True

    def _resume_pipe(self, source: Source, identity: str, record: CaptureRecord) -> tuple[str, CaptureRecord, int]:
        """A pipe can't be read ahead: take the capture that began alike and was read farthest, skip what it
        had, and make sure on the way that it was the same octets."""
        for known, old in same_beginning(self._known_now(store=True), record.first_digest).items():
            source.mark(old.position)
            if source.mark_digest in (None, old.digest):
                return known, old, old.frames
        source.mark(-1)
        return identity, record, 0

    def _only_known(self, source: Source, record: CaptureRecord, shorter: bool, expected: tuple[int, str]) -> None:
        """A pipe gave nothing new. Raises ValueError where it isn't known to be the same capture."""
        if shorter and not begins(record, source.position, source.digest()):
            raise ValueError(_PIPE_SHORTER.format(source.name, expected[0]))
        self._twice(source.name, record)

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
            {name: self._pipeline.coverage(record) for name, record in self._unsaved.items() if record.spans},
            publish_before_us=finished_before,
        )
        self._unsaved.clear()
        self._saved_at, self._saved_packets = time.monotonic(), self._pipeline.packets

    def end(self, settle: bool) -> Report:
        """Store what waits, finish all hours, and report."""
        settings = self._settings
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
        self.report.warnings += self.report.unread()
        nothing = self.report.nothing_stored()
        if nothing is not None:
            self.report.warnings.append(nothing)
        self.report.seconds = time.perf_counter() - self.report.began
        return self.report


_PIPE_DIFFERS = (
    "{} begins like a capture that was read before, but differs from it within its first {:,} bytes; "
    "nothing of it was stored: write it to a file and ingest that, or use --again"
)
_PIPE_SHORTER = (
    "{} begins like a capture that was read before ({:,} bytes of it), but ends sooner; nothing of it "
    "was stored: write it to a file and ingest that, or use --again"
)
