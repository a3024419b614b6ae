"""What a reader makes of a sensor's heartbeat: whether it watches, whether it stores, and what is being lost now."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from ims.store.heartbeat import Beat, boot_id, read_heartbeat, refuse_spoiled, uptime
from ims.store.schema import is_retired, state_folders
from ims.text import quantity

State = Literal["watching", "replaying", "down", "stuck", "stopped", "died", "none"]
"""`down`: no interface is up; `stuck`: the process lives and does nothing; `stopped`: in order; `died`: without notice;
`none`: no live sensor has ever written here, only captures were read."""
STATES: tuple[str, ...] = get_args(State)
WATCHES = ("watching", "replaying")
STALE_SECONDS = 10.0
"""A sensor writes a heartbeat once a second; a busy machine may be late."""
APART_SECONDS = 60.0
"""Tolerance where only clocks that may be set can be compared."""


class Loss(NamedTuple):
    """What is being lost now. `since`: seconds since the epoch; `what`: `watch`, `store`, `payloads` or `packets`."""

    since: float
    what: str
    text: str


@dataclass(frozen=True)
class Liveness:
    """One sensor of a store."""

    sensor: str
    state: State
    beat: Beat | None = None

    @property
    def watches(self) -> bool:
        """Whether it takes packets now."""
        return self.state in WATCHES

    @property
    def since(self) -> float | None:
        """Since when it watches, or doesn't."""
        if self.beat is None:
            return None
        return self.beat.began if self.watches or self.state == "down" else self.beat.ended or self.beat.time

    @property
    def stores(self) -> bool:
        """Whether what it takes is stored now."""
        return self.watches and self.beat is not None and self.beat.storing

    @property
    def why(self) -> str:
        """Why it doesn't watch, or doesn't store; empty where it does both."""
        beat = self.beat
        if beat is None:
            return "no live sensor has written here: its store was read from captures"
        match self.state:
            case "down":
                return f"its interfaces are down: {', '.join(beat.down)}"
            case "stuck":
                return f"its process says nothing since {moment(beat.time)} (halted, or its disk hangs)"
            case "stopped":
                return f"it was stopped at {moment(beat.ended or beat.time)}"
            case "died":
                return f"its process ended without a word after {moment(beat.time)}"
        return "" if beat.storing else f"it stores nothing since {moment(beat.storing_since)} ({beat.why})"

    def losses(self, since_us: int | None, until_us: int | None) -> list[Loss]:
        """What is being lost now, where [since, until), in microseconds, touches it: coverage has it only later."""
        beat, found = self.beat, list[Loss]()
        in_future = since_us is not None and since_us > time.time() * 1e6
        if beat is None or beat.replay or self.state == "stopped" or in_future:
            return []
        if self.state in ("stuck", "died", "down"):
            found.append(Loss(beat.time, "watch", f"watches nothing now: {self.why}"))
        elif not beat.storing:
            lost = quantity(beat.lost_now, "packet")
            text = f"stores nothing since {moment(beat.storing_since)} ({beat.why}), {lost} lost so far"
            found.append(Loss(beat.storing_since, "store", text))
        elif beat.losing_since is not None:
            text = f"loses packets now, since {moment(beat.losing_since)} {beat.lost_now:,} of them"
            found.append(Loss(beat.losing_since, "packets", text))
        if beat.payloads_since is not None and self.watches and beat.storing:
            text = f"stores no new payloads since {moment(beat.payloads_since)} (too little disk)"
            found.append(Loss(beat.payloads_since, "payloads", text))
        return [loss for loss in found if until_us is None or until_us > loss.since * 1e6]


def liveness(store: Path, sensor: str) -> Liveness:
    """How a sensor of a store is now. Raises OSError where its heartbeat can't be read."""
    heard = read_heartbeat(store, sensor)
    if heard is None:
        return Liveness(sensor, "none")
    beat, lives = heard
    age = age_seconds(beat)
    if lives is None:
        lives = beat.ended is None and age < STALE_SECONDS
    if not lives:
        return Liveness(sensor, "stopped" if beat.ended is not None else "died", beat)
    if age >= STALE_SECONDS:
        return Liveness(sensor, "stuck", beat)
    return Liveness(sensor, "down" if beat.down else "replaying" if beat.replay else "watching", beat)


def refuse_other_name(store: Path, sensor: str) -> None:
    """Raises ValueError where the store is that of a live sensor of another name, which wasn't retired, and has nothing
    of this one. Sensors that were read from captures, or replayed, may be in it too. Raises OSError."""
    known = state_folders(store)
    if sensor in known:
        return
    live = [name for name in known if (heard := read_heartbeat(store, name)) is not None and not heard.beat.replay]
    others = [name for name in live if not is_retired(store, name)]
    if others:
        command = shlex.join(["ims", "sensor", "rename", others[0], sensor, "--store", str(store)])
        remedy = f"go on under the old name, or type `{command}`, or give this one a store of its own"
        names = f"sensor {others[0]!r}, and this sensor's name is {sensor!r}"
        raise ValueError(f"{store} is the store of {names}; {remedy}")


def age_seconds(beat: Beat) -> float:
    """How long ago it was written: by a clock that can't be set, if it was written in this boot; else, as on another
    machine, by clocks whose difference must not be taken for silence."""
    if beat.boot and beat.boot == boot_id():
        age = uptime() - beat.uptime
        if age > -1.0:  # else a container with a clock of its own
            return max(0.0, age)
    age = abs(time.time() - beat.time)
    return age if age >= APART_SECONDS else 0.0


def losses_of(store: Path, sensors: Iterable[str], since_us: int | None, until_us: int | None) -> dict[str, list[Loss]]:
    """What sensors are losing now within a range, by sensor; those that lose nothing are left out.

    Raises OSError where a heartbeat can't be read, DamageError where it is damaged.
    """
    found = {}
    for sensor in sensors:
        now = liveness(store, sensor)
        if now.state == "none":
            refuse_spoiled(store, sensor)
        if losses := now.losses(since_us, until_us):
            found[sensor] = losses
    return found


def moment(seconds: float) -> str:
    """A time in a sentence, to the minute. (With seconds, privacy filters would take it for an address.)"""
    return datetime.fromtimestamp(min(seconds, 253_402_300_799), UTC).strftime("%Y-%m-%dT%H:%MZ")
