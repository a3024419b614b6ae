"""A few packets load all kernels that any capture needs on its way into a store."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import dpkt
import pytest

from ims.sensor.warm_up import PACKETS, capture_of

from ..made.sample import write_sample
from ..stores import BLOCK

PROGRAM = """
import gc, sys
from pathlib import Path
from numba.core.dispatcher import Dispatcher
from ims.darknet import Block, Darknet
from ims.sensor.ingest import Ingest
from ims.sensor.warm_up import load_stage_kernels

def loaded():
    found = [each for each in gc.get_objects() if isinstance(each, Dispatcher)]
    return sorted((each.py_func.__module__, each.py_func.__name__, len(each.signatures)) for each in found)

load_stage_kernels()
before = loaded()
Ingest(Path(sys.argv[1]), "a", Darknet([Block.parse(sys.argv[3])])).run([sys.argv[2]])
assert sum(count for *_, count in before) >= 5, before
print(sorted(set(loaded()) - set(before)))
"""


def test_the_packets_are_a_capture_that_others_read() -> None:
    read = [octets for _, octets in dpkt.pcap.Reader(io.BytesIO(capture_of(PACKETS)))]
    packets = [dpkt.ethernet.Ethernet(octets).data for octets in read]
    assert [packet.p for packet in packets] == [protocol for protocol, _ in PACKETS]
    assert {packet.dst for packet in packets} == {bytes([198, 51, 100, 1])}
    for number, octets in enumerate(read):
        words = [int.from_bytes(octets[at : at + 2], "big") for at in range(14, 34, 2)]
        assert (sum(words) % 0xFFFF == 0) == bool(number % 2), "every other header's checksum is right"


def test_a_capture_of_every_kind_needs_no_kernel_that_they_do_not_load(tmp_path: Path) -> None:
    write_sample(tmp_path / "dark.pcap", packets=5000, seed=5)
    words = [sys.executable, "-c", PROGRAM, str(tmp_path / "S"), str(tmp_path / "dark.pcap"), BLOCK]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stdout + done.stderr


@pytest.mark.parametrize("count", [0, 1])
def test_a_capture_of_few_packets_is_one(count: int) -> None:
    assert len(list(dpkt.pcap.Reader(io.BytesIO(capture_of(PACKETS[:count]))))) == count
