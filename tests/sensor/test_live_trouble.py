"""A live sensor under load and in trouble: nothing is stored twice, and what is lost is counted."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ims.simulate.namespaces import may_make_namespaces
from ims.telescope import Telescope

from ..stores import IMS
from .lab import DEADLINE, Lab, Sensor

pytestmark = pytest.mark.skipif(
    not may_make_namespaces(), reason="network namespaces want root and iproute2; CI has both"
)


def until(sensor: Sensor, words: str) -> str:
    return sensor.wait_for(words, DEADLINE)


def memory(sensor: Sensor) -> int:
    """The most memory it has had, in bytes."""
    status = Path(f"/proc/{sensor.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024


def test_what_finds_no_room_in_the_ring_is_counted_as_lost(lab: Lab) -> None:
    sensor = lab.sensor(settings='ring = "4M"')
    sensor.process.send_signal(signal.SIGSTOP)
    lab.flood("syn", 100_000)
    sensor.process.send_signal(signal.SIGCONT)
    _, lost = sensor.wait_for_books(100_000)
    assert lost > 0
    said = subprocess.run([IMS, "query", "count", "--store", sensor.store], capture_output=True, text=True, check=True)
    assert f"{lost:,} packets" in said.stdout + said.stderr
    lab.flood("syn", 10_000, rate=20_000, seed=2)
    sensor.wait_for_books(110_000)
    rows = sensor.answer("coverage")
    assert {row["frames_lost"] > 0 for row in rows} == {True, False}  # the gap is a period of its own
    assert sensor.stop() == 0


def test_kill_9_under_load_loses_a_second_and_doubles_nothing(lab: Lab) -> None:
    """What is stored is what came first, without a gap, and ends within a second of the kill; where checkpoints, of
    which there is one each half a second, take long because the machine is busy, within two of them more."""
    sensor = lab.sensor(settings='metrics = "127.0.0.1:9477"')
    flood = lab.start(*lab.flood_words("syn", 6_000_000, rate=20_000))
    sensor.wait_for_packets(20_000)
    checkpoint = max(lab.metric("ims_write_lag_seconds") for _ in range(10))
    killed = time.time()
    sensor.kill()
    assert flood.poll() is None  # it was under load to the end
    flood.kill()
    flood.communicate(timeout=DEADLINE)
    with Telescope(sensor.store) as telescope:
        before = telescope.packets(limit=6_000_000).table
    newest = before["time"].cast(pa.int64())[-1].as_py() / 1e9
    assert killed - newest < 1 + 2 * checkpoint
    numbers = before["ip_id"].to_numpy()  # the flood counts in them
    first = np.arange(1, len(numbers) + 1) & 0xFFFF
    assert (np.bincount(numbers, minlength=1 << 16) == np.bincount(first, minlength=1 << 16)).all()
    assert sensor.lost == 0
    again = lab.sensor()
    lab.flood("syn", 1000, rate=20_000, seed=2)
    again.wait_for_packets(before.num_rows + 1000)
    assert again.stop() == 0
    with Telescope(sensor.store) as telescope:
        columns = ["source", "destination", "source_port", "destination_port", "tcp_sequence"]
        rows = telescope.packets(limit=6_000_000).table
    assert rows.num_rows == before.num_rows + 1000
    assert rows.group_by(columns).aggregate([]).num_rows == rows.num_rows


def test_a_second_sensor_on_the_store_is_refused(lab: Lab) -> None:
    first = lab.sensor()
    second = lab.sensor(wait=False)
    assert second.process.wait(DEADLINE) == 2
    assert "is being written" in "".join(second.said)
    lab.flood("syn", 1000, rate=20_000)
    assert first.wait_for_packets(1000) == 1000
    assert first.stop() == 0


@pytest.fixture
def small_disk(lab: Lab) -> Iterator[Path]:
    folder = lab.folder / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48M,mode=755", "none", folder], check=True)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_is_survived_and_what_it_cost_is_counted(lab: Lab, small_disk: Path) -> None:
    sensor = lab.sensor(store="small/STORE", settings='keep_free = "8M"')
    lab.flood("payload", 20_000, rate=20_000)
    sensor.wait_for_packets(20_000)
    filler = small_disk / "filler"
    with filler.open("wb") as file:
        file.write(bytes(shutil.disk_usage(small_disk).free - (1 << 20)))
    until(sensor, "can't be written")
    lab.flood("payload", 20_000, rate=20_000, seed=2)
    filler.unlink()
    until(sensor, "is written again")
    lab.flood("payload", 20_000, rate=20_000, seed=3)
    stored, lost = sensor.wait_for_books(60_000)
    assert lost >= 19_000
    assert stored >= 39_000
    assert sensor.stop() == 0
    assert sensor.count() == stored


def test_payloads_that_are_all_different_fill_no_memory(lab: Lab) -> None:
    sensor = lab.sensor(settings='cache_signatures = 10000\npayload_budget = "8M"')
    lab.flood("payload", 300_000)
    stored, _ = sensor.wait_for_books(300_000)
    assert sensor.count("payload") == stored
    assert sum(row["payloads_lost"] for row in sensor.answer("coverage")) > 0  # 8 MiB of them were to be kept
    assert memory(sensor) < 700 << 20
    assert sensor.stop() == 0


def test_fragments_are_stored_and_not_answered(lab: Lab) -> None:
    sensor = lab.sensor()
    before = lab.received()
    lab.flood("fragment", 50_000)
    stored, _ = sensor.wait_for_books(50_000)
    assert sensor.count("ip[6:2] & 0x2000 != 0") == stored
    assert lab.received() - before < 100  # neighbour discovery, no answers
    assert sensor.stop() == 0


def test_a_flood_of_syns_is_answered_only_up_to_the_limits(lab: Lab) -> None:
    sensor = lab.sensor(limits="reply_limit = 1\nglobal_limit = 1000")
    before = lab.received()
    begun = time.monotonic()
    lab.flood("syn", 100_000, rate=50_000)
    sensor.wait_for_books(100_000)
    answered = lab.received() - before
    assert answered <= 1000 * (time.monotonic() - begun + 2)
    assert answered > 500
    assert sensor.stop() == 0
