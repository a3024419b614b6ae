"""A sensor's counters for Prometheus, read for each request."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from ims.decode.verdict import EXCLUSIVE, SUB_COUNTERS
from ims.exposition import new_registry
from ims.respond.reply import COUNTERS, REPLIES
from ims.sensor.state import State

Values = float | Mapping[str, float] | Mapping[tuple[str, ...], float]
WITHHELD = tuple(name for name in COUNTERS if name not in (*REPLIES, "verified"))


class Metrics:
    """A Prometheus collector."""

    def __init__(self, state: Callable[[], State]) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        """The families, in the order in which they are written."""
        now = self._state()
        yield _counter("ims_frames", "Frames taken from the rings.", now.frames)
        yield _counter("ims_verdicts", "Frames by what became of them; each has one verdict.",
                       {name: now.books.get(name, 0) for name in EXCLUSIVE}, "verdict")  # fmt: skip
        yield _counter("ims_frame_marks", "Frames of which something more is to be said; some have several.",
                       {name: now.books.get(name, 0) for name in SUB_COUNTERS}, "mark")  # fmt: skip
        yield _counter("ims_packets", "Packets taken, by block.", now.packets, "block")
        yield _counter("ims_packets_stored", "Packets that are safe on disk.", now.stored)
        yield _counter("ims_packets_lost", "Packets lost: no room in the ring, or none in the store.",
                       {"ring": now.lost_in_ring, "store": now.not_stored}, "where")  # fmt: skip
        yield _counter("ims_replies", "Replies handed to the kernel.", _by_block(now, REPLIES), "block", "kind")
        yield _counter("ims_replies_withheld", "Replies withheld.", _by_block(now, WITHHELD), "block", "reason")
        yield _counter("ims_verified", "Packets that acknowledged one of our cookies.",
                       {block: counted["verified"] for block, counted in now.replied.items()}, "block")  # fmt: skip
        yield _counter("ims_payloads", "Packets with a payload.", now.payloads)
        yield _counter("ims_payloads_new", "Payloads that were new that day.", now.new_payloads)
        yield _counter("ims_payloads_lost", "New payloads that were not kept: no budget, or too little disk.",
                       now.payloads_lost)  # fmt: skip
        yield _gauge("ims_ring_fill_ratio", "Share of a ring that waits to be read.", now.ring_fill, "worker")
        yield _gauge("ims_write_lag_seconds", "How long the last checkpoint took.", now.lag_seconds)
        yield _counter("ims_checkpoints", "Checkpoints made.", now.checkpoints)
        yield _gauge("ims_store_failing", "1 while the store can't be written.", now.store_failing is not None)
        yield _gauge("ims_store_free_bytes", "Free disk where the store is.", now.free_bytes)
        yield _gauge("ims_store_keep_free_bytes", "Free disk below which nothing is stored: `keep_free`.",
                     now.keep_free_bytes)  # fmt: skip
        yield _gauge("ims_interface_up", "1 while the interface is up.", now.interfaces, "interface")
        yield _gauge("ims_workers_silenced", "Workers whose replies can't leave.", len(now.send_failing))
        yield _gauge("ims_newest_packet_timestamp_seconds", "When the newest packet came.", now.newest_us / 1e6)


def _by_block(now: State, names: tuple[str, ...]) -> dict[tuple[str, ...], int]:
    return {(block, name): counted[name] for block, counted in now.replied.items() for name in names}


def _counter(name: str, help: str, values: Values, *labels: str) -> Metric:
    return _filled(CounterMetricFamily(name, help, labels=labels), values)


def _gauge(name: str, help: str, values: Values, *labels: str) -> Metric:
    return _filled(GaugeMetricFamily(name, help, labels=labels), values)


def _filled(family: CounterMetricFamily | GaugeMetricFamily, values: Values) -> Metric:
    """A family with its values: one, or one for each label's value, or for each tuple of several labels' values."""
    for label, value in values.items() if isinstance(values, Mapping) else [((), values)]:
        family.add_metric([label] if isinstance(label, str) else label, value)
    return family


def registry_of(state: Callable[[], State]) -> CollectorRegistry:
    """A registry with all metrics of a sensor."""
    registry = new_registry()
    registry.register(Metrics(state))
    return registry
