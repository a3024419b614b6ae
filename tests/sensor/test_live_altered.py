"""A live sensor whose clock is set while it runs, or whose transmit side fails (altered.py): it goes on, rightly."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ims.simulate.namespaces import may_make_namespaces
from ims.store.reader import open_store
from ims.telescope import Telescope

from .lab import DEADLINE, Lab, Sensor

pytestmark = pytest.mark.skipif(
    not may_make_namespaces(), reason="network namespaces want root and iproute2; CI has both"
)
ALTERED = Path(__file__).with_name("altered.py")
SECOND, HOUR, DAY = 10**9, 3600 * 10**9, 86_400 * 10**9
METRICS = 'metrics = "127.0.0.1:9477"'
SEND = """
import socket, sys
for payload in sys.argv[1:]:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(payload.encode(), ("198.51.100.7", 53))
"""


def altered(lab: Lab, **settings: Any) -> Sensor:
    return lab.sensor(before=[sys.executable, str(ALTERED), str(lab.folder)], **settings)


def test_replies_that_cannot_leave_stop_by_themselves_and_capture_goes_on(lab: Lab) -> None:
    sensor = altered(lab, settings=METRICS)
    assert lab.metric("ims_workers_silenced") == 0
    (lab.folder / "broken").touch()
    before = lab.received()
    lab.flood("syn", 20_000, rate=20_000)
    lab.flood("payload", 5000, rate=20_000, seed=2)
    assert sensor.wait_for_books(25_000) == (25_000, 0)
    assert sensor.count("payload") == 5000
    line = json.loads(sensor.wait_for("replies can't leave"))
    assert (line["event"], line["level"]) == ("replies can't leave; capture goes on", "error")
    assert line["reason"] == "No buffer space available"
    assert lab.metric("ims_workers_silenced") == 1
    assert lab.metric("ims_packets_stored_total") == 25_000
    assert lab.received() - before < 100  # neighbour discovery, no answers
    assert sum("replies can't leave" in said for said in sensor.said) == 1  # said once, not for every batch
    (lab.folder / "broken").unlink()
    end = time.monotonic() + DEADLINE
    while lab.run("curl", "-s", "-m", "1", "http://198.51.100.7/").returncode != 28:  # connected; no answer to GET
        assert time.monotonic() < end
    assert "warning" in sensor.wait_for("replies leave again")
    assert lab.metric("ims_workers_silenced") == 0
    sensor.wait_for_packets(1, "payload and verified")
    assert sensor.stop() == 0


def in_store(store: Path, table: str) -> list[dict[str, Any]]:
    """All rows of a table that the store holds, as its files have them."""
    with open_store(store) as opened:
        return [row for file in opened.files(table) for row in pq.ParquetFile(file).read().to_pylist()]


def test_a_clock_set_back_and_forth_over_midnight(lab: Lab) -> None:
    """Each step is of hours, over midnight; packets come after each.

    The clock is shifted where the sensor meets it: the times of frames as they come out of the ring, and the clock that
    the process reads. So this doesn't reach the kernel's own stamping of frames that are in the ring while its clock is
    set, nor a step of less than half a second; and CLOCK_MONOTONIC goes on, as it does when a real clock is set.
    """
    midnight = (time.time_ns() // DAY + 1) * DAY

    def set_clock(moment: int) -> None:
        aside = lab.folder / "aside"
        aside.write_text(str(moment - time.time_ns()))
        aside.rename(lab.folder / "clock")

    today, tomorrow, after = (
        datetime.fromtimestamp(midnight // SECOND, UTC).date() + timedelta(days=days) for days in (-1, 0, 1)
    )
    steps: list[tuple[int, date, list[str]]] = [
        (-HOUR, today, ["same", "one"]),
        (HOUR, tomorrow, ["same", "two"]),
        (-2 * HOUR, today, ["same", "one", "three"]),
        (3 * HOUR, tomorrow, ["same", "three", "two"]),
        (DAY + HOUR, after, ["same"]),
        (-HOUR, today, ["same", "four"]),
    ]
    begun = time.monotonic()
    set_clock(midnight + steps[0][0])
    sensor = altered(lab)
    sent = 0
    for offset, _, payloads in steps:
        set_clock(midnight + offset)
        done = lab.run(sys.executable, "-c", SEND, *payloads)
        assert done.returncode == 0, done.stderr
        sent += len(payloads)
        sensor.wait_for_packets(sent)
    assert sensor.stop() == 0
    lived = time.monotonic() - begun

    expected_new = {(day, payload) for _, day, payloads in steps for payload in payloads}
    with Telescope(sensor.store) as telescope:
        rows = telescope.packets(limit=1000).rows()
        text = {row["signature"]: row["payload"].decode() for row in telescope.payloads(limit=100).rows()}
    assert len(rows) == sent
    found = sorted((str(row["time"])[:10], text[row["signature"]]) for row in rows)
    assert found == sorted((str(day), payload) for _, day, payloads in steps for payload in payloads)
    new = [(str(row["time"])[:10], text[row["signature"]]) for row in rows if row["new_payload"]]
    assert sorted(new) == sorted((str(day), payload) for day, payload in expected_new)  # once a day, and each day

    kept = in_store(sensor.store, "payloads")
    assert sorted((str(row["day"]), row["payload"].decode()) for row in kept) == sorted(new)
    assert all(row["day"] == row["first_seen"].date() for row in kept)

    periods = [(row["since"], row["until"]) for row in in_store(sensor.store, "coverage")]
    assert all(since < until for since, until in periods)
    moments = [row["time"] for row in rows]
    assert all(any(since <= moment < until for since, until in periods) for moment in moments)
    watched = sum((until - since).total_seconds() for since, until in periods)
    assert watched <= 2 * lived  # not the hours that the clock left out; a second around each step counts twice
    assert sum(row["frames_lost"] for row in in_store(sensor.store, "coverage")) == 0
