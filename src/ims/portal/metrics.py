"""A portal's metrics: who asked what and was refused why, and how its sensors are."""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Callable, Iterator, Sequence, Sized
from typing import Any, Protocol

from prometheus_client import Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from ims.exposition import SECONDS, new_registry
from ims.portal.federation.health import live_of
from ims.portal.federation.sensors import Health
from ims.query import verbs

VERBS = (*verbs.VERBS, "export", "payload")
REASONS = {
    400: "wrong", 401: "unknown_caller", 403: "forbidden", 404: "not_found", 405: "not_found", 406: "wrong",
    408: "slow", 413: "too_large", 415: "wrong", 429: "too_often", 431: "too_large", 500: "failed", 503: "unavailable",
}  # fmt: skip
"""What the API's statuses are called here."""
STATES = ("answers", "silent", "unknown")


class Places(Protocol):
    """Where questions have their turns (portal/api/task_queue.py)."""

    @property
    def places(self) -> int: ...  # noqa: D102
    @property
    def running(self) -> int: ...  # noqa: D102
    @property
    def waiting(self) -> int: ...  # noqa: D102


class Lines(Protocol):
    """What became of lines for the audit log (portal/audit.py)."""

    written: int
    held_back: int
    lost: int


class PortalMetrics:
    """Counts; `watch` has it look at the rest when it is scraped. For several threads."""

    def __init__(self) -> None:
        self.registry = registry = new_registry()
        self._questions = Counter(
            "ims_portal_questions", "Questions, by verb and how they were answered.", ["verb", "outcome"],
            registry=registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "ims_portal_question_seconds", "Seconds from a question to the begin of its answer.", buckets=SECONDS,
            registry=registry,
        )  # fmt: skip
        self._refused = Counter(
            "ims_portal_refused", "Requests of all kinds that were refused, by why.", ["reason"], registry=registry
        )
        self._live = Counter(
            "ims_portal_live_failures", "Failures of the live view: sensors followed anew, payloads not searched.",
            ["what"], registry=registry,
        )  # fmt: skip
        for what in ("followed", "searched"):
            self._live.labels(what)
        self._sent = Counter("ims_portal_sent_bytes", "Bytes of bodies sent.", registry=registry)
        self._searches = Counter(
            "ims_portal_failed_searches", "Searches for monitored addresses that failed: all payloads were withheld.",
            registry=registry,
        )  # fmt: skip
        for reason in sorted(set(REASONS.values())):
            self._refused.labels(reason)

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count a request whose answer begins. `path`: below the API's."""
        outcome = "answered" if status < 400 else REASONS.get(status, "failed")
        if outcome != "answered":
            self._refused.labels(outcome).inc()
        verb = verb_of(path)
        if verb is not None:
            self._questions.labels(verb, outcome).inc()
            self._seconds.observe(seconds)

    def live_failed(self, what: str) -> None:
        """Count a failure of the live view: `followed` or `searched`."""
        self._live.labels(what).inc()

    def search_failed(self) -> None:
        """Count a search of payloads that failed (privacy/address_scan.py)."""
        self._searches.inc()

    def sent(self, octets: int) -> None:
        """Count what was sent of a body."""
        self._sent.inc(octets)

    def watch(
        self, turns: Places, listeners: Sized, health: Callable[[], Sequence[Health]], expires: float | None
    ) -> None:
        """What is looked at when it is scraped. `expires`: when the portal's certificate does."""
        self.registry.register(_Now(turns, listeners, health, expires))

    def watch_audit(self, audit: Lines) -> None:
        """Whose counts are looked at, too."""
        self.registry.register(_Lines(audit))


class _Lines:
    def __init__(self, audit: Lines) -> None:
        self._audit = audit

    def describe(self) -> list[Any]:
        """Nothing: registering needn't look."""
        return []

    def collect(self) -> Iterator[Any]:
        """The families, by their names."""
        lines = CounterMetricFamily(
            "ims_portal_audit_lines",
            "Lines for the audit log: written; held back, of callers that aren't known; lost, of anybody.",
            labels=["outcome"],
        )
        for outcome in ("written", "held_back", "lost"):
            lines.add_metric([outcome], getattr(self._audit, outcome))
        yield lines


def verb_of(path: str) -> str | None:
    """The verb that a path below the API's asks, of few known ones; None where it asks nothing of sensors."""
    kind, _, rest = path.strip("/").partition("/")
    verb = {"query": rest, "export": "export", "payloads": "payload"}.get(kind)
    return verb if verb in VERBS else None


class _Now:
    def __init__(
        self, turns: Places, listeners: Sized, health: Callable[[], Sequence[Health]], expires: float | None
    ) -> None:
        self._turns, self._listeners, self._health, self._expires = turns, listeners, health, expires

    def describe(self) -> list[Any]:
        """Nothing: registering needn't look."""
        return []

    def collect(self) -> Iterator[Any]:
        """The families, by their names."""
        yield _gauge("ims_portal_slots", "Questions that may run at once.", self._turns.places)
        yield _gauge("ims_portal_running", "Questions that run.", self._turns.running)
        yield _gauge("ims_portal_waiting", "Questions that wait for their turn.", self._turns.waiting)
        yield _gauge("ims_portal_listeners", "Callers that follow live.", len(self._listeners))
        expiry = GaugeMetricFamily(
            "ims_portal_certificate_expiry_timestamp_seconds",
            "When its certificate towards sensors expires; none without one.",
        )
        if self._expires is not None:
            expiry.add_metric([], self._expires)
        yield expiry
        yield from self._sensors()

    def _sensors(self) -> Iterator[Any]:
        found = self._health()
        states = Count(health.state for health in found)
        sensors = _family("ims_portal_sensors", "Registered sensors, by whether they answer.", "state")
        for state in STATES:
            sensors.add_metric([state], states[state])
        answering = _family("ims_portal_sensor_answering", "1 while this sensor's query daemon answers.")
        watching = _family("ims_portal_sensor_watching", "1 while it watches; none while that isn't known.")
        storing = _family("ims_portal_sensor_storing", "1 while it stores what it takes; none while that isn't known.")
        last = _family("ims_portal_sensor_last_packet_timestamp_seconds", "When its last packet came, by its clock.")
        expiry = _family("ims_portal_sensor_certificate_expiry_timestamp_seconds", "When its certificate expires.")
        offset = _family("ims_portal_sensor_clock_offset_seconds", "Its clock less the portal's.")
        for health in found:
            name, hello = [health.sensor.name], health.hello
            answering.add_metric(name, health.state == "answers")
            live = live_of(hello, health.sensor.name) if hello is not None else None
            if live is not None and health.state == "answers":
                watching.add_metric(name, live.watches)
                storing.add_metric(name, live.stores)
            if live is not None and live.last_packet is not None:
                last.add_metric(name, live.last_packet)
            if hello is not None and hello.expires is not None:
                expiry.add_metric(name, hello.expires)
            if health.clock_offset is not None:
                offset.add_metric(name, health.clock_offset)
        yield from (sensors, answering, watching, storing, last, expiry, offset)


def _gauge(name: str, help: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help, value)


def _family(name: str, help: str, label: str = "sensor") -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help, labels=[label])
