"""A capture through the live code: the same rows as an ingest of it makes, whatever its clock did."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ims.sensor.config import checked
from ims.sensor.daemon import Sensor
from ims.sensor.store_thread import StoreThread
from ims.telescope import Telescope

from ..made.sample import write_sample
from ..stores import IMS, ingest, udp, write_pcap

BLOCK = "C/24=198.51.100.0/24"
MIDNIGHT = 1_772_582_400_000_000
HERE = 0xC6336407


def replay(capture: Path, store: Path, *more: str) -> str:
    words = [IMS, "sensor", "--replay", capture, "--store", store, "--sensor", "a", "--block", BLOCK, *more]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return done.stderr


def rows(store: Path, table: str) -> list[dict[str, Any]]:
    with Telescope(store) as telescope:
        if table == "packets":
            found: pa.Table = telescope.packets(limit=100_000).table.drop_columns(["verified"])
        else:
            found = telescope.payloads(limit=10_000).table
    return sorted(found.to_pylist(), key=repr)


def jumping(folder: Path) -> Path:
    """Packets whose clock goes back and forth over midnight, with payloads that come again on either side."""
    times = [MIDNIGHT + step * 1_000_000 for step in (-3, -2, 1, 2, -1, 3, -4000, 4000, -1, 0, 86_400, -2, 5)]
    packets = [
        (moment * 1000, udp(0xC0000200 + number, HERE, 53, b"same" if number % 3 else b"other%d" % number))
        for number, moment in enumerate(times * 20)
    ]
    return write_pcap(folder / "jumping.pcap", packets)


@pytest.mark.parametrize("kind", ["sample", "jumping"])
def test_a_replay_stores_what_an_ingest_does(tmp_path: Path, kind: str) -> None:
    capture = tmp_path / "dark.pcap"
    if kind == "sample":
        write_sample(capture, packets=20_000, seed=3)
    else:
        capture = jumping(tmp_path)
    ingest(tmp_path / "ingested", capture, blocks=[BLOCK])
    said = replay(capture, tmp_path / "replayed", "--speed", "0")
    for table in ("packets", "payloads"):
        assert rows(tmp_path / "replayed", table) == rows(tmp_path / "ingested", table)
    count = len(rows(tmp_path / "replayed", "packets"))
    assert f"{count:,} packets stored, 0 lost" in said


def test_a_replay_keeps_the_capture_s_pace(tmp_path: Path) -> None:
    capture = write_pcap(
        tmp_path / "slow.pcap", [(MIDNIGHT * 1000 + n * 500_000_000, udp(0xC0000201, HERE, 53, b"x")) for n in range(9)]
    )
    begun = time.monotonic()
    said = replay(capture, tmp_path / "STORE", "--speed", "8")
    assert time.monotonic() - begun >= 0.5  # four seconds of traffic, eight times as fast
    assert "9 packets stored, 0 lost" in said


def test_a_capture_without_a_frame(tmp_path: Path) -> None:
    capture = write_pcap(tmp_path / "empty.pcap", [])
    words = [IMS, "sensor", "--replay", capture, "--store", tmp_path / "S", "--sensor", "a", "--block", BLOCK]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "has no frame to replay" in done.stderr


def test_a_capture_that_is_cut_off_is_replayed_as_far_as_it_goes_and_said(tmp_path: Path) -> None:
    capture = write_pcap(tmp_path / "cut.pcap", [(MIDNIGHT * 1000, udp(0xC0000201, HERE, 53, b"x"))] * 3)
    capture.write_bytes(capture.read_bytes()[:-1])
    words = [IMS, "sensor", "--replay", capture, "--store", tmp_path / "S", "--sensor", "a", "--block", BLOCK]
    done = subprocess.run([*words, "--speed", "0"], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    said = done.stderr.splitlines()[-2:]
    assert said[0].startswith("ims: stopped; 2 packets stored, 0 lost")
    assert said[1].startswith(f"ims: {capture}: cut off at byte ")


@pytest.mark.parametrize("before", ["", "in its header", "after a packet"])
def test_a_signal_ends_the_wait_for_a_pipe_at_any_moment(tmp_path: Path, before: str) -> None:
    pipe, octets = (
        tmp_path / "pipe",
        write_pcap(tmp_path / "a.pcap", [(0, udp(0xC0000201, HERE, 53, b"x"))]).read_bytes(),
    )
    os.mkfifo(pipe)
    words = [IMS, "sensor", "--replay", pipe, "--store", tmp_path / "S", "--sensor", "a", "--block", BLOCK]
    with (
        subprocess.Popen([*words, "--speed", "0"], stderr=subprocess.PIPE, text=True) as running,
        pipe.open("wb", buffering=0) if before else contextlib.nullcontext() as writer,
    ):
        if writer is not None:
            writer.write(octets[:7] if before == "in its header" else octets)
        if before == "after a packet":
            wait_until_stored(tmp_path / "S")
        else:
            wait_until_it_heeds_signals(running.pid)
        running.terminate()
        _, said = running.communicate(timeout=60)
    if before == "after a packet":
        assert (running.returncode, "1 packet stored, 0 lost" in said) == (0, True)
    else:
        assert (running.returncode, said.splitlines()[-1]) == (130, "ims: stopped before the capture began")


def wait_until_stored(store: Path) -> None:
    for _ in range(600):
        time.sleep(0.1)
        if store.is_dir():
            with contextlib.suppress(ValueError, OSError), Telescope(store) as telescope:
                if telescope.count().rows()[0]["packets"]:
                    return
    raise AssertionError("nothing was stored")


def wait_until_it_heeds_signals(process: int) -> None:
    """Until SIGTERM is caught (proc(5), SigCgt)."""
    for _ in range(600):
        time.sleep(0.1)
        caught = next(line for line in Path(f"/proc/{process}/status").read_text().splitlines() if "SigCgt" in line)
        if int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1:
            return
    raise AssertionError("it heeds no signal")


def test_a_replay_waits_for_the_disk_instead_of_losing_packets(tmp_path: Path) -> None:
    capture = tmp_path / "dark.pcap"
    write_sample(capture, packets=600_000, seed=3)
    assert "600,000 packets stored, 0 lost" in replay(capture, tmp_path / "STORE", "--speed", "0")


def test_an_error_of_ours_in_the_keeper_ends_the_sensor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    capture = tmp_path / "dark.pcap"
    write_sample(capture, packets=2000, seed=3)
    config = checked(
        {
            "name": "a",
            "store": tmp_path / "STORE",
            "interfaces": ["replay"],
            "block": [{"name": "C/24", "prefix": "198.51.100.0/24"}],
        }
    )
    sensor = Sensor(config, str(capture), 1.0)
    sensor.open()

    def broken(_keeper: StoreThread) -> None:
        raise ZeroDivisionError("not thought of")

    monkeypatch.setattr(StoreThread, "_look_at_disk", broken)
    with pytest.raises(RuntimeError, match="the store thread ended: ZeroDivisionError"):
        sensor.run()
