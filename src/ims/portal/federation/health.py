"""The state of sensors as the portal shows it: whether each answers, watches and stores, and the state of all."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ims.link.contract import Hello, Live
from ims.portal.federation.sensors import CLOCKS_APART_SECONDS, Health
from ims.text import first_line

LAST_MOMENT = 253_402_300_799
"""The last second of the year 9999."""


class Whole(NamedTuple):
    """The state of all sensors: `ok`, `degraded` or `failing`, and why, without sensors' names."""

    status: str
    why: str | None


def live_of(hello: Hello | None, name: str) -> Live | None:
    """The state of a registered sensor: of its name in the store, else of the one that was heard last; None where its
    daemon hasn't answered, or is of a version that doesn't say."""
    lives = hello.live if hello is not None else {}
    return lives.get(name) or max(lives.values(), key=lambda live: (live.watches, live.heard or 0.0), default=None)


def shown_sensor(health: Health) -> dict[str, Any]:
    """One sensor for operators; the API leaves out what others don't see. What a silent one does isn't known."""
    sensor, hello = health.sensor, health.hello
    live = live_of(hello, sensor.name)
    now = live if health.state == "answers" else None
    last = live.last_packet if live is not None else None
    expires = hello.expires if hello is not None else None
    return {
        "name": sensor.name, "organisation": sensor.organisation, "time_zone": sensor.time_zone,
        "blocks": sorted({block.name for block in sensor.block}), "state": health.state,
        "since": moment(health.since), "why": _why(health, now),
        "watches": now.watches if now else None, "watches_since": moment(now.since) if now else None,
        "stores": now.stores if now else None, "stores_since": moment(now.stores_since) if now else None,
        "last_packet": moment(last if last is not None or hello is None else hello.last_packet),
        "live": now.state if now else None, "heard": moment(live.heard) if live else None,
        "lost_in_ring": now.lost_in_ring if now else None, "lost_in_store": now.lost_in_store if now else None,
        "losing": [first_line(loss.text) for loss in now.losing] if now else None,
        "detail": health.fault.detail if health.fault is not None else None, "address": sensor.address,
        "version": hello.program if hello is not None else None, "clock_offset": health.clock_offset,
        "certificate_days": None if expires is None else int((expires - time.time()) // 86_400),
        "problem": hello.problem if hello is not None else None,
    }  # fmt: skip


def whole(sensors: Sequence[Mapping[str, Any]]) -> Whole:
    """The state of all of them, as `shown_sensor` shows each."""
    states = Counter(sensor["state"] for sensor in sensors)
    if not states["answers"]:
        counts = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        return Whole("failing", f"no sensor answers ({counts or 'none is registered'})")
    lines = [
        (len(sensors) - states["answers"], "silent"),
        (sum(sensor.get("watches") is False for sensor in sensors), "watching nothing"),
        (sum(bool(sensor.get("watches")) and sensor.get("stores") is False for sensor in sensors), "storing nothing"),
    ]
    counts = ", ".join(f"{count} {what}" for count, what in lines if count)
    return Whole("degraded", f"sensors: {counts}, of {len(sensors)}") if counts else Whole("ok", None)


def moment(seconds: float | None) -> str | None:
    """A moment for JSON; None for none, and for a peer's number that is no moment until the year 9999."""
    if seconds is None or not 0 <= seconds <= LAST_MOMENT:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _why(health: Health, live: Live | None) -> str | None:
    if health.fault is not None:
        return health.fault.text
    offset = health.clock_offset
    if offset is not None and abs(offset) > CLOCKS_APART_SECONDS:
        return f"its clock is {abs(offset):,.0f} s {'ahead of' if offset > 0 else 'behind'} the portal's"
    return first_line(live.why) or None if live is not None else None
