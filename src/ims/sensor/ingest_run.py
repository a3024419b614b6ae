"""One run of an ingest: captures read through the pipeline, and remembered with every checkpoint, from which an ingest
that was killed continues."""

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
"""For a pipe or a watched folder, whose packets should be visible soon."""


@dataclass(frozen=True)
class IngestSettings:
    """Limits and options. `payload_budget`: bytes an hour of payloads kept undeduplicated once the cache is full;
    `cache_signatures`: payloads remembered (48 bytes each)."""

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
    packets should be visible soon; `stop` is called after each chunk."""

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
            writer, darknet, settings.unwrap, settings.cache_signatures, settings.payload_budget, self.save
        )
        self.report = Report(bytes_before=writer.bytes_stored())
        self._unsaved: dict[str, CaptureRecord] = {}
        self._involved: dict[str, CaptureRecord] = {}
        self._saved_at, self._saved_packets = time.monotonic(), 0

    def read_file(self, capture: str, known: Known | None) -> None:
        """Read a regular file, of which an earlier command read `known`; of one of this run's once more, only what is
        new, with a warning if that is nothing."""
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
        identity, record = (known.id, known.record) if known is not None else (uuid.uuid4().hex, CaptureRecord(capture))
        with closing(open_capture(capture, found=self._live)) as source:
            self._follow(source, identity, record, skip=record.frames, once=False)

    def read_once(self, source: Source) -> None:
        """Read what can't be read ahead to its end, recognising it on the way."""
        self._follow(source, uuid.uuid4().hex, CaptureRecord(source.name), skip=0, once=True)

    def _known_now(self, store: bool) -> Captures:
        """Captures of this run, and those of the store of which something was stored. (No copies: a watched folder may
        have many.)"""
        own = {name: vars(record) for name, record in self._involved.items()}
        return {**something_stored(self._writer.captures), **own} if store else own

    def _twice(self, capture: str, record: CaptureRecord) -> None:
        self.report.warnings.append(f"{capture} is the same capture as {record.name}; it was not taken twice")

    def _follow(self, source: Source, identity: str, record: CaptureRecord, skip: int, once: bool) -> None:
        live = self._live or source.file_octets is None
        report, pipeline, name = self.report, self._pipeline, source.name
        record.finished = record.settled = False
        before, expected = source.position, (0, "")
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
            self.save_if_due(live)
            if self._stop():
                break
        else:
            record.finished = True
        if once and skip and record.finished and not taken:  # a pipe gave nothing new
            if seen < skip and not begins(record, source.position, source.digest()):
                raise ValueError(_PIPE_SHORTER.format(name, expected[0]))
            self._twice(name, record)
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
        """A pipe can't be read ahead: of the captures with the same beginning, take the one read farthest, skip what it
        had, and check on the way that the octets are the same."""
        for known, old in same_beginning(self._known_now(store=True), record.first_digest).items():
            source.mark(old.position)
            if source.mark_digest in (None, old.digest):
                return known, old, old.frames
        source.mark(-1)
        return identity, record, 0

    def save_if_due(self, live: bool) -> None:
        """Save at intervals, short ones if `live`."""
        due = time.monotonic() - self._saved_at >= (LIVE_SECONDS if live else CHECKPOINT_SECONDS)
        if self._unsaved and (due or self._pipeline.packets - self._saved_packets >= CHECKPOINT_PACKETS):
            self.save(live)

    def save(self, live: bool = False) -> None:
        """Make everything read so far durable and visible."""
        self._pipeline.flush()
        self._writer.checkpoint(
            {name: record.as_json() for name, record in self._unsaved.items()},
            {name: self._pipeline.coverage(record) for name, record in self._unsaved.items() if record.spans},
            publish_before_us=self._pipeline.finished_before_us() if live else None,
        )
        self._unsaved.clear()
        self._saved_at, self._saved_packets = time.monotonic(), self._pipeline.packets

    def end(self, settle: bool) -> Report:
        """Store what waits, finish all hours, and report."""
        self.save()
        settings, report, now_us = self._settings, self.report, time.time_ns() // 1000
        limits = settings.keep_age_us, settings.keep_bytes, settings.keep_until_shipped
        report.retained = self._writer.finish(now_us, *limits)
        if settle:
            # Last: if it is killed before this, the same command continues; after it, there is nothing left to do.
            for record in self._involved.values():
                record.settled = True
            self._writer.remember({name: record.as_json() for name, record in self._involved.items()})
        self._pipeline.report(report)
        report.bytes_stored = self._writer.bytes_stored() - report.bytes_before
        report.interrupted = not settle
        nothing = report.nothing_stored()
        report.warnings += [*report.unread(), *([nothing] if nothing is not None else [])]
        report.seconds = time.perf_counter() - report.began
        return report


_PIPE_DIFFERS = (
    "{} begins like a capture that was read before, but differs from it within its first {:,} bytes; "
    "nothing of it was stored: write it to a file and ingest that, or use --again"
)
_PIPE_SHORTER = (
    "{} begins like a capture that was read before ({:,} bytes of it), but ends sooner; nothing of it "
    "was stored: write it to a file and ingest that, or use --again"
)
