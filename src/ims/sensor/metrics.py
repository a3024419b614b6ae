"""A sensor's counters for Prometheus, read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from ims.decode.verdict import EXCLUSIVE, SUB_COUNTERS
from ims.exposition import new_registry
from ims.respond.reply import COUNTERS, REPLIES
from ims.sensor.state import State

WITHHELD = tuple(name for name in COUNTERS if name not in (*REPLIES, "verified"))


class Metrics:
    """A Prometheus collector."""

    def __init__(self, state: Callable[[], State]) -> None:
        self._state = state

    def collect(self) -> Iterator[Any]:
        """The families, by their names."""
        now = self._state()
        yield _counter("ims_frames", "Frames taken from the rings.", now.frames)
        verdicts = _family("ims_verdicts", "Frames by what became of them; each has one verdict.", "verdict")
        marks = _family("ims_frame_marks", "Frames of which something more is to be said; some have several.", "mark")
        for name in EXCLUSIVE:
            verdicts.add_metric([name], now.books.get(name, 0))
        for name in SUB_COUNTERS:
            marks.add_metric([name], now.books.get(name, 0))
        yield from (verdicts, marks)
        packets = _family("ims_packets", "Packets taken, by block.", "block")
        for block, count in now.packets.items():
            packets.add_metric([block], count)
        yield packets
        yield _counter("ims_packets_stored", "Packets that are safe on disk.", now.stored)
        lost = _family("ims_packets_lost", "Packets lost: no room in the ring, or none in the store.", "where")
        lost.add_metric(["ring"], now.lost_in_ring)
        lost.add_metric(["store"], now.not_stored)
        yield lost
        yield from self._replies(now)
        yield _counter("ims_payloads", "Packets with a payload.", now.payloads)
        yield _counter("ims_payloads_new", "Payloads that were new that day.", now.new_payloads)
        yield _counter("ims_payloads_lost", "New payloads that were not kept: no budget, or too little disk.",
                       now.payloads_lost)  # fmt: skip
        fill = GaugeMetricFamily("ims_ring_fill_ratio", "Share of a ring that waits to be read.", labels=["worker"])
        for worker, share in now.ring_fill.items():
            fill.add_metric([worker], share)
        yield fill
        yield GaugeMetricFamily("ims_write_lag_seconds", "How long the last checkpoint took.", now.lag_seconds)
        yield _counter("ims_checkpoints", "Checkpoints made.", now.checkpoints)
        yield GaugeMetricFamily(
            "ims_store_failing", "1 while the store can't be written.", now.store_failing is not None
        )
        yield GaugeMetricFamily("ims_store_free_bytes", "Free disk where the store is.", now.free_bytes)
        yield GaugeMetricFamily(
            "ims_store_keep_free_bytes", "Free disk below which nothing is stored: `keep_free`.", now.keep_free_bytes
        )
        up = GaugeMetricFamily("ims_interface_up", "1 while the interface is up.", labels=["interface"])
        for name, is_up in now.interfaces.items():
            up.add_metric([name], is_up)
        yield up
        failing = len(now.send_failing)
        yield GaugeMetricFamily("ims_workers_silenced", "Workers whose replies can't leave.", failing)
        newest = now.newest_us / 1e6
        yield GaugeMetricFamily("ims_newest_packet_timestamp_seconds", "When the newest packet came.", newest)

    @staticmethod
    def _replies(now: State) -> Iterator[Any]:
        labels = ["block", "kind"]
        replies = CounterMetricFamily("ims_replies", "Replies handed to the kernel.", labels=labels)
        withheld = CounterMetricFamily("ims_replies_withheld", "Replies withheld.", labels=["block", "reason"])
        verified = _family("ims_verified", "Packets that acknowledged one of our cookies.", "block")
        for block, counted in now.replied.items():
            for name in REPLIES:
                replies.add_metric([block, name], counted[name])
            for name in WITHHELD:
                withheld.add_metric([block, name], counted[name])
            verified.add_metric([block], counted["verified"])
        yield from (replies, withheld, verified)


def _counter(name: str, help: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(name, help, value)


def _family(name: str, help: str, label: str) -> CounterMetricFamily:
    return CounterMetricFamily(name, help, labels=[label])


def registry_of(state: Callable[[], State]) -> CollectorRegistry:
    """All that a sensor tells."""
    registry = new_registry()
    registry.register(Metrics(state))
    return registry
