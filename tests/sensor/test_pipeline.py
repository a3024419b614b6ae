"""What the stages owe each other across batches, captures and commands."""

from __future__ import annotations

import struct
import sys
import threading
from contextlib import closing
from pathlib import Path

from ims.darknet import Block, Darknet
from ims.sensor.ingest import Ingest, IngestSettings
from ims.sensor.pipeline import Pipeline
from ims.store.writer import SensorWriter

from ..decode.makers import summed
from ..stores import BLOCK, exported, ipv4, write_pcap

SOURCE, DARK, NOON = 0xC0000201, 0xC6336407, 1_772_625_600_000_000_000
SYN, RST = 2, 4


def tcp(flags: int, port: int, sequence: int) -> bytes:
    head = struct.pack(">HHIIBBHHH", port, 80, sequence, 0, 0x50, flags, 1024, 0, 0)
    return ipv4(SOURCE, DARK, 6, summed(6, head, 16))


def categories(store: Path) -> dict[tuple[int, int], str]:
    return {(row["source_port"], row["tcp_flags"]): row["category"] for row in exported(store.parent, store)}


def test_a_scanner_s_resets_are_sessions_across_captures_of_one_command(tmp_path: Path) -> None:
    ports = range(1000, 1100)
    syns = write_pcap(tmp_path / "1.pcap", [(NOON, tcp(SYN, port, port * 40_000)) for port in ports])
    answers = [(NOON + 10**9, tcp(RST, port, port * 40_000 + 1)) for port in ports]
    foreign = [(NOON + 10**9, tcp(RST, port, port * 40_000 + 2)) for port in range(3000, 3010)]
    resets = write_pcap(tmp_path / "2.pcap", answers + foreign)
    run = Ingest(tmp_path / "STORE", "a", Darknet([Block.parse(BLOCK)]), IngestSettings())
    report = run.run([str(syns), str(resets)]).as_json()
    found = categories(tmp_path / "STORE")
    assert {found[port, RST] for port in ports} == {"session"}
    assert {found[port, RST] for port in range(3000, 3010)} == {"backscatter"}
    assert {found[port, SYN] for port in ports} == {"scan"}
    assert report["resets_undecided"] == 10  # the capture began less than 10 s before


def test_a_reset_whose_syn_came_in_an_earlier_command_is_undecided(tmp_path: Path) -> None:
    for number, (moment, packet) in enumerate([(NOON, tcp(SYN, 5, 9)), (NOON + 10**9, tcp(RST, 5, 10))]):
        capture = write_pcap(tmp_path / f"{number}.pcap", [(moment, packet)])
        run = Ingest(tmp_path / "STORE", "a", Darknet([Block.parse(BLOCK)]), IngestSettings())
        undecided = run.run([str(capture)]).as_json()["resets_undecided"]
        assert undecided == number
    assert categories(tmp_path / "STORE") == {(5, SYN): "scan", (5, RST): "backscatter"}


def test_packets_by_block_can_be_asked_while_blocks_change(tmp_path: Path) -> None:
    one, two = (Darknet(Block.parse(f"{name}=198.51.{name}.0/24") for name in names) for names in (["1"], ["2", "3"]))
    stopping, failures = threading.Event(), list[BaseException]()
    interval = sys.getswitchinterval()
    with closing(SensorWriter(tmp_path / "S", "a")) as writer:
        pipeline = Pipeline(writer, one, 0, 16, 1 << 20, lambda: None)

        def ask() -> None:
            try:
                while not stopping.is_set():
                    pipeline.by_block  # noqa: B018
            except BaseException as error:
                failures.append(error)

        asking = threading.Thread(target=ask)
        sys.setswitchinterval(1e-6)
        try:
            asking.start()
            for _ in range(2_000):
                pipeline.watch(two)
                pipeline.watch(one)
        finally:
            sys.setswitchinterval(interval)
            stopping.set()
            asking.join()
    assert failures == []
    assert set(pipeline.by_block) == {"1", "2", "3"}
