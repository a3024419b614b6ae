"""A portal's metrics: questions, refusals and their reasons, and the state of its sensors."""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Callable, Iterator, Sequence, Sized
from functools import partial
from typing import Protocol

from prometheus_client import Counter, Histogram, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from ims.exposition import SECONDS, new_registry
from ims.portal.audit import Audit
from ims.portal.federation.health import live_of
from ims.portal.federation.sensors import Health
from ims.query import verbs

VERBS = (*verbs.VERBS, "export", "payload")
REASONS = {
    400: "wrong", 401: "unknown_caller", 403: "forbidden", 404: "not_found", 405: "not_found", 406: "wrong",
    408: "slow", 413: "too_large", 415: "wrong", 429: "too_often", 431: "too_large", 500: "failed", 503: "unavailable",
}  # fmt: skip
"""The API's statuses as values of the label `outcome`."""
STATES = ("answers", "silent", "unknown")
_gauges = partial(GaugeMetricFamily, labels=["sensor"])
"""Of each sensor."""


class Places(Protocol):
    """Where questions have their turns (portal/api/task_queue.py)."""

    @property
    def places(self) -> int: ...  # noqa: D102
    @property
    def running(self) -> int: ...  # noqa: D102
    @property
    def waiting(self) -> int: ...  # noqa: D102


class PortalMetrics:
    """Counters, and gauges that are read at each scrape, once `watch` was called. Thread-safe."""

    def __init__(self) -> None:
        self.registry = new_registry()
        counter = partial(Counter, registry=self.registry)
        questions = "Questions, by verb and how they were answered."
        self._questions = counter("ims_portal_questions", questions, ["verb", "outcome"])
        seconds = "Seconds from a question to the begin of its answer."
        self._seconds = Histogram("ims_portal_question_seconds", seconds, buckets=SECONDS, registry=self.registry)
        self._refused = counter("ims_portal_refused", "Requests of all kinds that were refused, by why.", ["reason"])
        failures = "Failures of the live view: sensors followed anew, payloads not searched."
        self._live = counter("ims_portal_live_failures", failures, ["what"])
        self._sent = counter("ims_portal_sent_bytes", "Bytes of bodies sent.")
        searches = "Searches for monitored addresses that failed: all payloads were withheld."
        self._searches = counter("ims_portal_failed_searches", searches)
        for what in ("followed", "searched"):
            self._live.labels(what)
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
        self,
        turns: Places,
        listeners: Sized,
        health: Callable[[], Sequence[Health]],
        expires: float | None,
        audit: Audit,
    ) -> None:
        """Set what is read at each scrape. `expires`: when the portal's certificate does."""
        self._turns, self._listeners, self._health, self._expires = turns, listeners, health, expires
        self._audit = audit
        self.registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """The gauges' families, and that of the audit log's counts."""
        yield GaugeMetricFamily("ims_portal_slots", "Questions that may run at once.", self._turns.places)
        yield GaugeMetricFamily("ims_portal_running", "Questions that run.", self._turns.running)
        yield GaugeMetricFamily("ims_portal_waiting", "Questions that wait for their turn.", self._turns.waiting)
        yield GaugeMetricFamily("ims_portal_listeners", "Callers that follow live.", len(self._listeners))
        name = "ims_portal_certificate_expiry_timestamp_seconds"
        yield GaugeMetricFamily(name, "When its certificate towards sensors expires; none without one.", self._expires)
        outcomes = "Lines for the audit log: written; held back, of callers that aren't known; lost, of anybody."
        lines = CounterMetricFamily("ims_portal_audit_lines", outcomes, labels=["outcome"])
        for outcome in ("written", "held_back", "lost"):
            lines.add_metric([outcome], getattr(self._audit, outcome))
        yield lines
        found = self._health()
        states = Count(health.state for health in found)
        answers = "Registered sensors, by whether they answer."
        sensors = GaugeMetricFamily("ims_portal_sensors", answers, labels=["state"])
        for state in STATES:
            sensors.add_metric([state], states[state])
        answering = _gauges("ims_portal_sensor_answering", "1 while this sensor's query daemon answers.")
        watching = _gauges("ims_portal_sensor_watching", "1 while it watches; none while that isn't known.")
        storing = _gauges("ims_portal_sensor_storing", "1 while it stores what it takes; none while that isn't known.")
        last = _gauges("ims_portal_sensor_last_packet_timestamp_seconds", "When its last packet came, by its clock.")
        expiry = _gauges("ims_portal_sensor_certificate_expiry_timestamp_seconds", "When its certificate expires.")
        offset = _gauges("ims_portal_sensor_clock_offset_seconds", "Its clock less the portal's.")
        for health in found:
            labels, hello = [health.sensor.name], health.hello
            answering.add_metric(labels, health.state == "answers")
            live = live_of(hello, health.sensor.name)
            if live is not None and health.state == "answers":
                watching.add_metric(labels, live.watches)
                storing.add_metric(labels, live.stores)
            if live is not None and live.last_packet is not None:
                last.add_metric(labels, live.last_packet)
            if hello is not None and hello.expires is not None:
                expiry.add_metric(labels, hello.expires)
            if health.clock_offset is not None:
                offset.add_metric(labels, health.clock_offset)
        yield from (sensors, answering, watching, storing, last, expiry, offset)


def verb_of(path: str) -> str | None:
    """The verb of a path below the API's, of a few known ones; None where it asks nothing of sensors."""
    kind, _, rest = path.strip("/").partition("/")
    verb = {"query": rest, "export": "export", "payloads": "payload"}.get(kind)
    return verb if verb in VERBS else None
