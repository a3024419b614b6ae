"""Ingest: real captures against counts that tshark made, and processes killed for real."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import struct
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from structlog.testing import capture_logs

import ims
from ims.darknet import Block, Darknet
from ims.decode.verdict import EXCLUSIVE
from ims.sensor.ingest import Ingest

from ..stores import CAPTURES, IMS, cli, needs_captures
from .captures import ALL, ingest, payload_rows, rows, write_udp
from .conftest import BLOCK

# What differs from tshark's counts, and why, from the bytes.
DIFFERENCES: dict[str, tuple[str, dict[str, int]]] = {
    "zeek-linux_dlt_sll2.pcap": (
        "frames 5 and 6 are ARP (0x0806) and RARP (0x8035), whose IPv4 addresses the reference counted",
        {"ipv4_outer": 2, "uniq_ipv4_src": 1, "uniq_ipv4_dst": 1},
    ),
    "zeek-radiotap.pcap": (
        "of its three wireless frames the last holds IPv6, which the reference counts too",
        {"ipv4_outer": 2, "uniq_ipv4_src": 2, "uniq_ipv4_dst": 2},
    ),
    "tcpdump-ipv4_invalid_hdr_length.pcap": (
        "the header length says 16 bytes (first byte 0x44), less than an IPv4 header has: malformed",
        {"ipv4_outer": 0, "uniq_ipv4_src": 0, "uniq_ipv4_dst": 0},
    ),
    "zeek-trunc-ip4-trunc.pcap": (
        "20 bytes were captured: 14 of Ethernet and 6 of IPv4, which has no address yet: malformed",
        {"ipv4_outer": 0, "uniq_ipv4_src": 0, "uniq_ipv4_dst": 0},
    ),
    "ndpi-fuzz-2006-06-26-2594.pcap": (
        "7 frames have a broken IPv4 header (version or header length), tshark counts their layer; one TCP header "
        "whose flags hold a SYN has a total length beyond the frame, which tshark calls malformed before its flags",
        {"ipv4_outer": 606, "tcp_syn_only": 9, "uniq_ipv4_src": 58, "uniq_ipv4_dst": 55},
    ),
}


@needs_captures
def test_every_real_capture_counts_as_tshark_counts_it(tmp_path: Path) -> None:
    counts = {
        "ipv4_outer": "count(*)",
        "proto6_outer": "count(*) FILTER (protocol = 6)",
        "proto17_outer": "count(*) FILTER (protocol = 17)",
        "proto1_outer": "count(*) FILTER (protocol = 1)",
        "tcp_syn_only": "count(*) FILTER (tcp_flags & 18 = 2)",
        "tcp_syn_ack": "count(*) FILTER (tcp_flags & 18 = 18)",
        "tcp_rst": "count(*) FILTER (tcp_flags & 4 = 4)",
        "icmp_type3": "count(*) FILTER (icmp_type = 3)",
        "uniq_ipv4_src": "count(DISTINCT source)",
        "uniq_ipv4_dst": "count(DISTINCT destination)",
    }
    with (CAPTURES / "REFERENCE_tshark.tsv").open() as file:
        references = list(csv.DictReader(file, delimiter="\t"))
    assert len(references) > 50
    for number, reference in enumerate(references):
        store = tmp_path / str(number)
        report = ingest(store, CAPTURES / reference["name"], block=ALL)
        assert report["frames"] == sum(report[name] for name in EXCLUSIVE), reference["name"]
        expected = {name: int(reference[name]) for name in counts} | DIFFERENCES.get(reference["name"], ("", {}))[1]
        found = dict.fromkeys(counts, 0)
        if report["stored"]:
            glob = f"{store}/packets/**/*.parquet"
            (values,) = duckdb.sql(f"SELECT {', '.join(counts.values())} FROM '{glob}'").fetchall()
            found = dict(zip(counts, values, strict=True))
        assert found == expected, reference["name"]
        shutil.rmtree(store)


@needs_captures
def test_the_slammer_packet_has_its_published_signature(tmp_path: Path) -> None:
    ingest(tmp_path / "S", CAPTURES / "worm-slammer-1pkt.pcap", block=ALL)
    (row,) = ims.open(tmp_path / "S").payloads().rows()
    assert row["signature"] == "a0aa4a74b70cbca5a03960df1a3dc878"
    assert row["length"] == 376


def test_a_file_cut_in_the_middle_gives_its_whole_packets_and_says_where(tmp_path: Path, sample: Path) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(sample.read_bytes()[:100_001])
    done = cli("ingest", cut, "--store", tmp_path / "S", "--sensor", "a", "--block", BLOCK, "--format", "json")
    assert done.returncode == 3
    assert "cut off at byte 100,001" in done.stderr
    report = json.loads(done.stdout)
    assert report["stored"] > 500
    assert (report["complete"], report["interrupted"]) == (False, False)
    assert report["warnings"] == [line.removeprefix("ims: ") for line in done.stderr.splitlines() if "cut off" in line]
    words = ("--store", tmp_path / "T", "--sensor", "a", "--block", BLOCK, "--tolerate-damage", "--format", "csv")
    tolerant = cli("ingest", cut, *words)
    assert tolerant.returncode == 0
    (row,) = csv.DictReader(tolerant.stdout.splitlines())
    assert row["complete"] == "False"
    assert "cut off at byte 100,001" in row["warnings"]


def test_several_pipes_and_a_file_are_read_in_order(tmp_path: Path, sample: Path) -> None:
    captures = [tmp_path / name for name in ("1", "2", "3")]
    for number, capture in enumerate(captures):
        write_udp(capture, [b"%d" % number] * 10, 1_000_000_000 + number)
    pipes = [tmp_path / "p1", tmp_path / "p2"]
    feeders = []
    for pipe, capture in zip(pipes, captures, strict=False):
        os.mkfifo(pipe)
        feeders.append(threading.Thread(target=pipe.write_bytes, args=(capture.read_bytes(),)))
        feeders[-1].start()
    report = ingest(tmp_path / "S", pipes[0], captures[2], pipes[1], block=ALL)
    assert (report["stored"], report["complete"]) == (30, True)
    for feeder in feeders:
        feeder.join()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_wait_for_a_pipe(tmp_path: Path, number: int) -> None:
    os.mkfifo(tmp_path / "pipe")
    words = ["ingest", tmp_path / "pipe", "--store", tmp_path / "S", "--sensor", "a", "--block", BLOCK]
    with subprocess.Popen([IMS, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        writer = os.open(tmp_path / "pipe", os.O_WRONLY)  # returns once it is opened for reading
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        os.close(writer)
    assert process.returncode == 130
    assert "stopped; the same command goes on" in said
    assert not (tmp_path / "S").exists()


def test_a_pipe_given_twice_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    with pytest.raises(ValueError, match=r"link and .*pipe are one"):
        ingest(tmp_path / "S", tmp_path / "pipe", tmp_path / "link")
    with pytest.raises(ValueError, match=r"^- is given twice$"):
        ingest(tmp_path / "S", "-", "/dev/stdin")


def test_an_ingest_of_which_nothing_was_stored_says_why(tmp_path: Path, sample: Path) -> None:
    report = ingest(tmp_path / "S", sample, block="B=203.0.113.0/24")
    assert report["complete"]
    assert report["warnings"] == [
        "nothing was stored of 20,000 frames: 20,000 IPv4 packets to other addresses",
    ]


def test_a_capture_without_frames_is_said_to_be_one(tmp_path: Path, sample: Path) -> None:
    empty = tmp_path / "empty.pcap"
    empty.write_bytes(sample.read_bytes()[:24])
    report = ingest(tmp_path / "S", empty)
    assert (report["frames"], report["complete"], report["warnings"]) == (0, True, [f"{empty} holds no frames"])
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(sample.read_bytes()[:30])
    (warning,) = ingest(tmp_path / "S", cut)["warnings"]
    assert "cut off at byte 30" in warning


def test_several_files_are_one_story(tmp_path: Path, sample: Path) -> None:
    octets = sample.read_bytes()
    header, at = octets[:24], 24
    files = []
    for number, share in enumerate((5_000, 5_000, 10_000)):
        begin = at
        for _ in range(share):
            at += 16 + struct.unpack("<I", octets[at + 8 : at + 12])[0]
        files.append(tmp_path / f"{number}.pcap")
        files[-1].write_bytes(header + octets[begin:at])
    report = ingest(tmp_path / "S", *files)
    ingest(tmp_path / "W", sample)
    assert report["stored"] == 20_000
    assert rows(tmp_path / "S") == rows(tmp_path / "W")
    # Payloads of one UTC day are new once, whichever file or run they come in.
    for file in files:
        ingest(tmp_path / "T", file)
    assert payload_rows(tmp_path / "T") == payload_rows(tmp_path / "W")
    assert rows(tmp_path / "T") == rows(tmp_path / "W")


def test_tcpdump_writes_into_the_pipe(tmp_path: Path, sample: Path) -> None:
    if shutil.which("tcpdump") is None:
        pytest.skip("tcpdump is not installed")
    writer = subprocess.Popen(
        ["tcpdump", "-Z", "root", "-r", str(sample), "-U", "-w", "-"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    done = subprocess.run(
        [IMS, "ingest", "-", "--store", tmp_path / "S", "--sensor", "a", "--block", BLOCK, "--format", "json"],
        stdin=writer.stdout,
        capture_output=True,
        check=False,
    )
    assert writer.stdout is not None
    writer.stdout.close()
    assert writer.wait() == 0
    assert json.loads(done.stdout)["stored"] == 20_000


def test_a_sensor_that_is_being_written_is_locked_and_readers_are_not(tmp_path: Path, sample: Path) -> None:
    store = tmp_path / "S"
    with subprocess.Popen(
        [IMS, "ingest", "-", "--store", store, "--sensor", "a", "--block", BLOCK],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(sample.read_bytes()[:100_000])
        process.stdin.flush()
        ready = threading.Event()
        while not list(store.glob("_state/sensor=a/manifest-*")) and process.poll() is None:
            ready.wait(0.05)
        other = cli("ingest", sample, "--store", store, "--sensor", "a", "--block", BLOCK)
        assert other.returncode == 2
        assert f"is being written by process {process.pid}" in other.stderr
        assert cli("query", "count", "--store", store).returncode == 0
        assert cli("ingest", sample, "--store", store, "--sensor", "b", "--block", BLOCK).returncode == 0
        process.stdin.close()
        assert process.wait(60) == 3  # the capture was cut off


def test_an_ingest_that_stored_nothing_names_what_it_met(tmp_path: Path) -> None:
    capture = tmp_path / "usb.pcap"
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 189)
    capture.write_bytes(header + struct.pack("<IIII", 1_700_000_000, 0, 4, 4) + b"usb!")
    report = Ingest(tmp_path / "store", "a", Darknet([Block.parse("C/24=198.51.100.0/24")])).run([str(capture)])
    assert any("1 frame of link type 189 (USB_LINUX)" in warning for warning in report.warnings)
    assert report.as_json()["not_read"] == [
        {
            "counter": "unsupported_link",
            "link_type": 189,
            "link_name": "USB_LINUX",
            "ethernet_type": None,
            "ethernet_name": None,
            "frames": 1,
        }
    ]


def test_what_is_wrong_with_a_file_of_a_watched_folder_is_logged_when_it_was_read(tmp_path: Path) -> None:
    """Not only when watching ends, which may be years ahead."""
    write_udp(tmp_path / "whole.pcap", [b"one", b"two"])
    (tmp_path / "cut.pcap").write_bytes((tmp_path / "whole.pcap").read_bytes()[:-1])
    said_before: list[list[str]] = []

    def folder() -> Iterator[Path | None]:
        for name in ("cut.pcap", "whole.pcap"):
            yield tmp_path / name
            said_before.append([str(each.get("warning")) for each in said])
            yield None

    with capture_logs() as said:
        report = Ingest(tmp_path / "S", "a", Darknet([Block.parse(BLOCK)])).watch(folder())
    cut = f"{tmp_path}/cut.pcap: cut off at byte "
    assert [[warning.startswith(cut) for warning in some] for some in said_before] == [[True], [True]]
    assert report.warnings[0] == said[0]["warning"]
    assert not report.complete
