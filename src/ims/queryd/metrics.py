"""A query daemon's metrics: questions, their outcomes, and the state of its store's sensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from prometheus_client import Counter, Histogram, Metric
from prometheus_client.core import GaugeMetricFamily

from ims.exposition import SECONDS, new_registry
from ims.link.contract import Ask, Hello
from ims.queryd.news import LEFT_OUT
from ims.queryd.thread_queue import ThreadQueue

REASONS = ("handshake", "identity", "role", "revoked", "list", "request")
"""Why callers are refused before their turn."""
OUTCOMES = ("answered", "left", "busy", "late", "gone", "memory", "store", "refused", "ending", "failed")
_gauges = partial(GaugeMetricFamily, labels=["sensor"])
"""Of each sensor."""


class QuerydMetrics:
    """Counters, and gauges that are read at each scrape, once `watch` was called. Thread-safe."""

    def __init__(self) -> None:
        self.registry = new_registry()
        counter = partial(Counter, registry=self.registry)
        self._questions = counter("ims_queryd_questions", "Questions, by verb and how they ended.", ["verb", "outcome"])
        seconds = "Seconds from a question to its end, waiting included."
        self._seconds = Histogram("ims_queryd_question_seconds", seconds, buckets=SECONDS, registry=self.registry)
        self._refused = counter("ims_queryd_refused", "Callers and requests turned away, by why.", ["reason"])
        self._cut = counter("ims_queryd_cut_off", "Connections ended, of callers who took nothing.")
        self._sent = counter("ims_queryd_sent_bytes", "Bytes of answers sent.")
        looks = "Looks for those who follow live that had no room for some ports, new payloads, or their octets."
        self._left_out = counter("ims_queryd_live_left_out", looks, ["what"])
        for reason in REASONS:
            self._refused.labels(reason)
        for part in LEFT_OUT:
            self._left_out.labels(part)

    def asked(self, ask: Ask, outcome: str, seconds: float, octets: int) -> None:
        """Count a question that has ended, together with those in the same message, such as coverage."""
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
        """Set what is read at each scrape. `places`: questions that may run at once."""
        self._turns, self._places, self._listeners, self._hello = turns, places, listeners, hello
        self.registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """The gauges' families."""
        yield GaugeMetricFamily("ims_queryd_slots", "Questions that may run at once.", self._places)
        yield GaugeMetricFamily("ims_queryd_running", "Questions that run.", self._turns.running)
        yield GaugeMetricFamily("ims_queryd_waiting", "Questions that wait for their turn.", self._turns.waiting)
        yield GaugeMetricFamily("ims_queryd_listeners", "Portals that follow live.", self._listeners())
        hello = self._hello()
        problem = "1 while its store or its list of revoked certificates can't be read."
        yield GaugeMetricFamily("ims_queryd_problem", problem, bool(hello.problem))
        name = "ims_queryd_certificate_expiry_timestamp_seconds"
        yield GaugeMetricFamily(name, "When its certificate expires; none without one.", hello.expires)
        watching = _gauges("ims_queryd_sensor_watching", "1 while this sensor of the store watches.")
        storing = _gauges("ims_queryd_sensor_storing", "1 while this sensor of the store stores what it takes.")
        last = _gauges("ims_queryd_sensor_last_packet_timestamp_seconds", "When the sensor's last packet came.")
        watched = any(live.watches for live in hello.live.values())
        for name, live in hello.live.items():
            if watched and live.state in ("stopped", "none"):
                continue  # an earlier name of the sensor, or captures that were read beside it
            watching.add_metric([name], live.watches)
            storing.add_metric([name], live.stores)
            if live.last_packet is not None:
                last.add_metric([name], live.last_packet)
        yield from (watching, storing, last)
