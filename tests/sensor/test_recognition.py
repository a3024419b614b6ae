"""A capture is known again by its content: compressed, grown, cut, linked, or from a pipe; and what only looks alike isn't."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
import zstandard

import ims
from ims.darknet import Block, Darknet
from ims.sensor.ingest import Ingest, IngestSettings
from ims.unwrap import parse_unwrap

from ..stores import IMS, MIDNIGHT, ipv4, udp, write_pcap
from .captures import OTHER, ingest, payload_rows, rows
from .conftest import BLOCK


def test_compressed_and_plain_are_the_same_capture(tmp_path: Path, sample: Path) -> None:
    packed = tmp_path / "a.pcap.gz"
    packed.write_bytes(gzip.compress(sample.read_bytes(), 1))
    other = tmp_path / "a.zst"
    other.write_bytes(zstandard.compress(sample.read_bytes(), 1))
    assert ingest(tmp_path / "S", packed)["stored"] == 20_000
    for again in (sample, packed, other):
        with pytest.raises(ValueError, match="was ingested before"):
            ingest(tmp_path / "S", again)
    assert ingest(tmp_path / "S", sample, again=True)["stored"] == 20_000
    assert ims.open(tmp_path / "S").count().rows()[0]["packets"] == 40_000


def test_a_capture_that_has_grown_gives_what_is_new(tmp_path: Path, sample: Path) -> None:
    octets = sample.read_bytes()
    grown = tmp_path / "grown.pcap"
    grown.write_bytes(octets[: len(octets) // 3])  # cut within a record
    first = ingest(tmp_path / "S", grown)
    assert 0 < first["stored"] < 20_000
    grown.write_bytes(octets)
    second = ingest(tmp_path / "S", grown)
    assert second["frames_resumed"] == first["stored"]
    assert first["stored"] + second["stored"] == 20_000
    ingest(tmp_path / "W", sample)
    assert rows(tmp_path / "S") == rows(tmp_path / "W")
    assert payload_rows(tmp_path / "S") == payload_rows(tmp_path / "W")
    (row,) = ims.open(tmp_path / "S").coverage().rows()
    (whole,) = ims.open(tmp_path / "W").coverage().rows()
    assert row == whole


def test_within_one_command_a_capture_is_taken_once_however_it_is_given(tmp_path: Path, sample: Path) -> None:
    """By hard and soft link, copy, compressed copy, one whose compressing isn't over, and pipe."""
    octets = sample.read_bytes()
    packed, part, linked, hard = (tmp_path / name for name in ("b.gz", "c.gz", "d.pcap", "e.pcap"))
    packed.write_bytes(gzip.compress(octets, 1))
    part.write_bytes(packed.read_bytes()[: packed.stat().st_size // 2])
    linked.symlink_to(sample)
    shutil.copy(sample, tmp_path / "f.pcap")
    hard.hardlink_to(tmp_path / "f.pcap")
    reader, writer = os.pipe()
    feeder = threading.Thread(target=lambda: Path(f"/dev/fd/{writer}").write_bytes(octets) and os.close(writer))
    feeder.start()
    report = ingest(tmp_path / "S", sample, packed, part, linked, hard, f"/dev/fd/{reader}")
    feeder.join()
    os.close(reader)
    assert (report["stored"], report["complete"]) == (20_000, True)
    assert report["warnings"] == [
        f"{name} is the same capture as {sample}; it was not taken twice"
        for name in (packed, part, linked, hard, f"/dev/fd/{reader}")
    ]
    with pytest.raises(ValueError, match=r"c\.gz was ingested before"):
        ingest(tmp_path / "S", part)


def test_within_one_command_a_longer_capture_gives_what_is_new(tmp_path: Path, sample: Path) -> None:
    begin = tmp_path / "begin.pcap"
    begin.write_bytes(sample.read_bytes()[:100_001])
    report = ingest(tmp_path / "S", begin, sample)
    assert report["stored"] == 20_000
    assert report["frames_resumed"] > 0
    ingest(tmp_path / "W", sample)
    assert rows(tmp_path / "S") == rows(tmp_path / "W")


def test_a_pipe_that_only_begins_like_a_known_capture_is_refused(tmp_path: Path, sample: Path) -> None:
    octets = bytearray(sample.read_bytes())
    store = tmp_path / "S"
    words = ["ingest", "-", "--store", str(store), "--sensor", "a", "--block", BLOCK]
    first = subprocess.run([IMS, *words], input=bytes(octets), capture_output=True, check=False)
    assert first.returncode == 0, first.stderr
    octets[200_000] ^= 1
    other = subprocess.run([IMS, *words], input=bytes(octets), capture_output=True, check=False)
    assert other.returncode == 2
    assert b"begins like a capture that was read before" in other.stderr
    assert ims.open(store).count().rows()[0]["packets"] == 20_000


def test_a_short_pipe_that_only_begins_like_a_known_capture_is_another(tmp_path: Path) -> None:
    """Each fits into the first octets read, so what differs is known before anything is skipped."""
    begin = [(MIDNIGHT, udp(1, 0xC6336407, 53, b"same"))]
    rest = {"a": b"aaa", "b": b"bbbbb", "c": b"ccccccc"}
    for name, octets in rest.items():
        each = [(MIDNIGHT + at, udp(1, 0xC6336407, 53, name.encode())) for at in octets]
        capture, pipe = write_pcap(tmp_path / name, begin + each), tmp_path / f"{name}.pipe"
        for stored in (1 + len(octets), 0):
            os.mkfifo(pipe)
            feeder = threading.Thread(target=pipe.write_bytes, args=(capture.read_bytes(),))
            feeder.start()
            assert ingest(tmp_path / "S", pipe)["stored"] == stored
            feeder.join()
            pipe.unlink()


def test_a_pipe_of_which_nothing_was_stored_may_be_ingested_with_another_block(tmp_path: Path) -> None:
    capture, pipe = write_pcap(tmp_path / "c.pcap", [(MIDNIGHT, udp(1, 0xC6336407, 53, b"x"))]), tmp_path / "pipe"
    for block, stored in ((OTHER, 0), (BLOCK, 1), (BLOCK, 0)):
        os.mkfifo(pipe)
        feeder = threading.Thread(target=pipe.write_bytes, args=(capture.read_bytes(),))
        feeder.start()
        assert ingest(tmp_path / "S", pipe, block=block)["stored"] == stored
        feeder.join()
        pipe.unlink()


def test_what_an_interrupted_ingest_passed_over_is_read_with_another_block(tmp_path: Path) -> None:
    capture = write_pcap(tmp_path / "c.pcap", [(MIDNIGHT + n, udp(1, 0xC6336407, 53, b"x")) for n in range(9)])
    stop = threading.Event()
    stopped = Ingest(
        tmp_path / "S", "a", Darknet([Block.parse(OTHER)]), progress=lambda progress: stop.set(), stop=stop
    ).run([str(capture)])
    assert stopped.interrupted
    assert ingest(tmp_path / "S", capture)["stored"] == 9


def test_a_capture_of_which_nothing_was_stored_may_be_ingested_with_another_unwrap(tmp_path: Path) -> None:
    inner = udp(1, 0xC6336407, 53, b"in a tunnel")
    capture = write_pcap(tmp_path / "tunnel.pcap", [(MIDNIGHT, ipv4(2, 3, 47, b"\0\0\x08\0" + inner))])
    darknet = Darknet([Block.parse("C/24=198.51.100.0/24")])

    def ingested(unwrap: int) -> dict[str, Any]:
        return Ingest(tmp_path / "store", "a", darknet, IngestSettings(unwrap=unwrap)).run([str(capture)]).as_json()

    assert ingested(0)["stored"] == ingested(0)["stored"] == 0
    assert ingested(parse_unwrap("gre"))["stored"] == 1
    with pytest.raises(ValueError, match="ingested before"):
        ingested(parse_unwrap("gre"))
