"""What a portal answers to each role: statuses and keys."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ims.portal.api.answers import record_of
from ims.portal.federation.health import shown_sensor
from ims.portal.federation.registry import RegisteredSensor
from ims.portal.federation.sensors import Health
from ims.query.answer import AnswerRecord

from ..portal.api.served import ROLES, Served, world
from .replies import keys

SUMS = ("query/count", "query/series", "query/series?group=block", "query/top?column=protocol", "query/cache",
        "query/darknet")  # fmt: skip
DETAILS = ("query/packets", "query/payloads", "query/sources", "query/coverage", "sensors")
PATHS = {
    "viewer": (*SUMS, *DETAILS, "me", "tokens", "health", "version", "analyses"),
    "analyst": DETAILS,
    "operator": (*SUMS, *DETAILS),
}
"""What is shown alike to all, or to analysts and operators, is asked for once."""
RECORD = AnswerRecord(silent={"b": "gone"}, took={"a": 0.1}, losing={"a": "loses packets"})


@contextlib.contextmanager
def portal(folder: Path, store: Path) -> Iterator[Served]:
    """A portal in front of a store, which shows a sensor as the daemon does."""
    sensor = Health(RegisteredSensor.model_validate({"name": "a", "address": "127.0.0.1:1"}), asked=1.0)
    with world(folder, store, sensors=lambda: [shown_sensor(sensor)]) as served:
        yield served


def portal_replies(served: Served) -> dict[str, Any]:
    """By role and path: the status and the keys, and those of the record of an answer."""
    return {
        role: {"answer": keys(record_of(RECORD, role == "operator"))}
        | {path: _reply(served, role, path) for path in PATHS[role]}
        for role in ROLES
    }


def _reply(served: Served, role: str, path: str) -> dict[str, Any]:
    """Of an answer the rows' keys; where it has none, the columns that it has as CSV."""
    reply = served.as_(role).get(f"/{path}")
    said = reply.json()
    if "rows" not in said:
        return {"status": reply.status_code, "keys": keys(said)}
    columns = keys(said["rows"])
    if not columns:
        text = served.as_(role).get(f"/{path}", headers={"Accept": "text/csv"}).text
        columns = next(csv.reader(text.splitlines()))
    return {"status": reply.status_code, "keys": list(said), "rows": columns}
