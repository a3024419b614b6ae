"""A query daemon's metrics: who asked what, how it ended, and how the sensors of its store are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client import Counter, Histogram
from prometheus_client.core import GaugeMetricFamily

from ims.exposition import SECONDS, new_registry
from ims.link.contract import Ask, Hello
from ims.queryd.news import LEFT_OUT
from ims.queryd.thread_queue import ThreadQueue

REASONS = ("handshake", "identity", "role", "revoked", "list", "request")
"""Why callers are turned away before it is their turn."""
OUTCOMES = ("answered", "left", "busy", "late", "gone", "memory", "store", "refused", "ending", "failed")


class QuerydMetrics:
    """Counts; `watch` has it look at the rest when it is scraped. For several threads."""

    def __init__(self) -> None:
        self.registry = registry = new_registry()
        self._questions = Counter(
            "ims_queryd_questions", "Questions, by verb and how they ended.", ["verb", "outcome"], registry=registry
        )
        self._seconds = Histogram(
            "ims_queryd_question_seconds", "Seconds from a question to its end, waiting included.", buckets=SECONDS,
            registry=registry,
        )  # fmt: skip
        self._refused = Counter(
            "ims_queryd_refused", "Callers and requests turned away, by why.", ["reason"], registry=registry
        )
        self._cut = Counter("ims_queryd_cut_off", "Connections ended, of callers who took nothing.", registry=registry)
        self._sent = Counter("ims_queryd_sent_bytes", "Bytes of answers sent.", registry=registry)
        self._left_out = Counter(
            "ims_queryd_live_left_out",
            "Looks for those who follow live that had no room for some ports, new payloads, or their octets.", ["what"],
            registry=registry,
        )  # fmt: skip
        for reason in REASONS:
            self._refused.labels(reason)
        for part in LEFT_OUT:
            self._left_out.labels(part)

    def asked(self, ask: Ask, outcome: str, seconds: float, octets: int) -> None:
        """Count a question that has ended. What goes along with it, as coverage does, counts as one with it."""
        known = outcome if outcome in OUTCOMES else "failed"
        self._questions.labels(ask.questions[0].request.verb, known).inc()
        self._seconds.observe(seconds)
        self._sent.inc(octets)

    def refused(self, reason: str) -> None:
        """Count a caller or request that was turned away."""
        self._refused.labels(reason).inc()

    def cut(self) -> None:
        """Count a connection that was ended because its caller took nothing."""
        self._cut.inc()

    def left_out(self, part: str) -> None:
        """Count a part of what is new that there was no room for."""
        self._left_out.labels(part).inc()

    def watch(self, turns: ThreadQueue, places: int, listeners: Callable[[], int], hello: Callable[[], Hello]) -> None:
        """What is looked at when it is scraped. `places`: questions that may run at once."""
        self.registry.register(_Now(turns, places, listeners, hello))


class _Now:
    def __init__(
        self, turns: ThreadQueue, places: int, listeners: Callable[[], int], hello: Callable[[], Hello]
    ) -> None:
        self._turns, self._places, self._listeners, self._hello = turns, places, listeners, hello

    def describe(self) -> list[Any]:
        """Nothing: registering needn't look."""
        return []

    def collect(self) -> Iterator[Any]:
        """The families, by their names."""
        yield _gauge("ims_queryd_slots", "Questions that may run at once.", self._places)
        yield _gauge("ims_queryd_running", "Questions that run.", self._turns.running)
        yield _gauge("ims_queryd_waiting", "Questions that wait for their turn.", self._turns.waiting)
        yield _gauge("ims_queryd_listeners", "Portals that follow live.", self._listeners())
        hello = self._hello()
        yield _gauge("ims_queryd_problem", "1 while its store or its list of revoked certificates can't be read.",
                     bool(hello.problem))  # fmt: skip
        expiry = GaugeMetricFamily(
            "ims_queryd_certificate_expiry_timestamp_seconds", "When its certificate expires; none without one."
        )
        if hello.expires is not None:
            expiry.add_metric([], hello.expires)
        yield expiry
        watching = _family("ims_queryd_sensor_watching", "1 while this sensor of the store watches.")
        storing = _family("ims_queryd_sensor_storing", "1 while this sensor of the store stores what it takes.")
        last = _family("ims_queryd_sensor_last_packet_timestamp_seconds", "When the sensor's last packet came.")
        watched = any(live.watches for live in hello.live.values())
        for name, live in hello.live.items():
            if watched and live.state in ("stopped", "none"):
                continue  # a name that the sensor has had, or captures that were read beside it
            watching.add_metric([name], live.watches)
            storing.add_metric([name], live.stores)
            if live.last_packet is not None:
                last.add_metric([name], live.last_packet)
        yield from (watching, storing, last)


def _gauge(name: str, help: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help, value)


def _family(name: str, help: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help, labels=["sensor"])
