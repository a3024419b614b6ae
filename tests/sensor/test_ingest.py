"""Ingest: real captures against counts that tshark made, and processes killed for real."""

from __future__ import annotations

import csv
import gzip
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import duckdb
import pytest
import zstandard

import ims
from ims.darknet import Block, Darknet
from ims.decode.verdict import EXCLUSIVE
from ims.sensor.ingest import Ingest, IngestSettings
from ims.unwrap import parse_unwrap

from ..stores import CAPTURES, IMS, MIDNIGHT, cli, ipv4, needs_captures, udp, write_pcap
from .conftest import BLOCK

ALL = "all=0.0.0.0/0"
OTHER = "other/24=203.0.113.0/24"


def ingest(
    store: Path, *captures: Path | str, block: str = BLOCK, sensor: str = "a", **settings: Any
) -> dict[str, Any]:
    run = Ingest(store, sensor, Darknet([Block.parse(block)]), IngestSettings(**settings))
    return run.run([str(capture) for capture in captures]).as_json()


def rows(store: Path) -> list[tuple[Any, ...]]:
    """All rows of packets as any engine reads the tree, in an order of their own."""
    return all_rows(f"{store}/packets/**/*.parquet")


def payload_rows(store: Path) -> list[tuple[Any, ...]]:
    return all_rows(f"{store}/payloads/**/*.parquet")


def all_rows(glob: str) -> list[tuple[Any, ...]]:
    found = duckdb.sql(f"SELECT * FROM read_parquet('{glob}', hive_partitioning=true) ORDER BY ALL").to_arrow_table()
    return [tuple(row.values()) for row in found.to_pylist()]


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


def test_one_packet_of_another_age_does_not_stretch_what_was_watched(tmp_path: Path) -> None:
    capture = tmp_path / "ages.pcap"
    octets = b""
    for number, seconds in enumerate((1_772_600_400, 1_772_600_401, 1, 4_000_000_000, 1_772_600_402)):
        write_udp(capture, [b"x"], seconds)
        octets += capture.read_bytes()[24 if number else 0 :]
    capture.write_bytes(octets)
    report = ingest(tmp_path / "S", capture, block=ALL)
    assert report["stored"] == 5
    assert report["warnings"] == [
        f"{capture}: its packets lie in 3 periods, which are out of order in the file: 1970-01-01T00:00:01Z to "
        "1970-01-01T00:00:01Z, 2026-03-04T05:00:00Z to 2026-03-04T05:00:02Z, 2096-10-02T07:06:40Z to "
        "2096-10-02T07:06:40Z. Only these count as watched"
    ]
    watched = [row["until"] - row["since"] for row in ims.open(tmp_path / "S").coverage().rows()]
    assert sorted(period.total_seconds() for period in watched) == [1e-6, 1e-6, 2.000001]


def test_frames_that_are_none_of_ours_do_not_count_as_watched(tmp_path: Path) -> None:
    capture, other = tmp_path / "a.pcap", tmp_path / "b.pcap"
    write_udp(capture, [b"x"] * 3)
    write_udp(other, [b"x"], seconds=1)
    octets = bytearray(other.read_bytes())
    octets[24 + 16 + 16] = 10  # the destination, 10.51.100.0
    capture.write_bytes(capture.read_bytes() + octets[24:])
    report = ingest(tmp_path / "S", capture)
    assert (report["stored"], report["outside"], report["warnings"]) == (3, 1, [])
    (row,) = ims.open(tmp_path / "S").coverage().rows()
    assert row["since"].year == 2001


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


@pytest.mark.parametrize("source", ["file", "gzip", "pipe"])
def test_a_killed_ingest_goes_on_where_it_was(tmp_path: Path, sample: Path, source: str) -> None:
    """kill -9 at random moments, many times over; in the end every row is there exactly once."""
    capture = tmp_path / "again.pcap"
    octets = sample.read_bytes()
    capture.write_bytes(octets if source != "gzip" else gzip.compress(octets, 1))
    ingest(tmp_path / "W", sample)
    environment = os.environ | {
        "IMS_TEST_STORE": str(tmp_path / "S"),
        "IMS_TEST_CAPTURE": "-" if source == "pipe" else str(capture),
    }
    dice = random.Random(source)
    killed = 0
    for _ in range(40):
        with (
            subprocess.Popen(["cat", capture if source == "pipe" else "/dev/null"], stdout=subprocess.PIPE) as feeder,
            subprocess.Popen(
                [sys.executable, "-c", SLOW],
                stdin=feeder.stdout,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=environment,
            ) as process,
        ):
            assert feeder.stdout is not None
            feeder.stdout.close()
            assert process.stdout is not None
            # Early ones hit reading, late ones the publishing of 24 hours; the last is left alone.
            lines_to_live = dice.randrange(1, 30 if killed < 8 else 500) if killed < 15 else -1
            for line in process.stdout:
                if line.startswith("done"):
                    break
                lines_to_live -= 1
                if lines_to_live == 0:
                    process.send_signal(signal.SIGKILL)
                    killed += 1
            code = process.wait()
            assert process.stderr is not None
            if "was ingested before" in process.stderr.read():  # killed between its last step and its end
                code = 0
        telescope = ims.open(tmp_path / "S") if (tmp_path / "S" / "store.json").exists() else None
        assert telescope is None or telescope.count().rows()[0]["packets"] <= 20_000
        if code == 0:
            break
    else:
        pytest.fail("never came to its end")
    assert killed > 0
    assert rows(tmp_path / "S") == rows(tmp_path / "W")
    assert payload_rows(tmp_path / "S") == payload_rows(tmp_path / "W")
    hot = [path for path in (tmp_path / "S" / "_hot").rglob("*") if path.is_file()]
    assert hot == []


# Small chunks, a checkpoint after each, and a line at each step, so that the test can kill it anywhere.
SLOW = """
import os, sys
from pathlib import Path
import ims.capture.open, ims.capture.stream, ims.sensor.ingest_run as ingest
import ims.store.compaction as compaction, ims.store.manifest as manifest, ims.store.parts as parts
ims.capture.stream.CHUNK = 1 << 18
ingest.open_source = lambda path: ims.capture.open.open_source(path, 1 << 18)
ingest.CHECKPOINT_PACKETS = 1
def loud(owner, name):
    inner = getattr(owner, name)
    def call(*given, **named):
        print(name, flush=True)
        return inner(*given, **named)
    setattr(owner, name, call)
loud(manifest.Manifest, 'commit'); loud(manifest.Manifest, 'roll'); loud(manifest.Manifest, 'collect')
loud(parts.Part, 'close'); loud(compaction, '_appear'); loud(compaction, '_link')
from ims.darknet import Block, Darknet
from ims.sensor.ingest import Ingest
run = Ingest(Path(os.environ['IMS_TEST_STORE']), 'a', Darknet([Block.parse('C/24=198.51.100.0/24')]))
run.run([os.environ['IMS_TEST_CAPTURE']])
print('done', flush=True)
"""


def test_the_same_command_skips_what_it_had_finished(tmp_path: Path, sample: Path) -> None:
    """Killed in its second file, the command is given again: the first file is no mistake then."""
    second = tmp_path / "second.pcap"
    octets = sample.read_bytes()
    # The same packets a day later: other content.
    moved = bytearray(octets)
    at = 24
    while at < len(moved):
        seconds, _, captured = struct.unpack("<III", moved[at : at + 12])
        moved[at : at + 4] = struct.pack("<I", seconds + 86_400)
        at += 16 + captured
    second.write_bytes(moved)
    stop = threading.Event()
    run = Ingest(tmp_path / "S", "a", Darknet([Block.parse(BLOCK)]), stop=stop)
    run.progress = lambda progress: stop.set() if progress.name == str(second) else None
    report = run.run([str(sample), str(second)])
    assert not report.complete
    done = ingest(tmp_path / "S", sample, second)
    assert done["frames_resumed"] >= 20_000
    assert ims.open(tmp_path / "S").count().rows()[0]["packets"] == 40_000
    with pytest.raises(ValueError, match="was ingested before"):
        ingest(tmp_path / "S", sample, second)


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


def test_packets_from_a_growing_pipe_are_seen_before_it_ends(tmp_path: Path, sample: Path) -> None:
    octets = sample.read_bytes()
    store = tmp_path / "S"
    with subprocess.Popen(
        [IMS, "ingest", "-", "--store", store, "--sensor", "a", "--block", BLOCK],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(octets[:300_000])
        process.stdin.flush()
        seen = 0
        watched = threading.Event()
        for _ in range(600):
            if (store / "store.json").exists() and (seen := ims.open(store).count().rows()[0]["packets"]):
                break
            watched.wait(0.1)
        assert seen > 0
        assert process.poll() is None
        process.stdin.write(octets[300_000:])
        process.stdin.close()
        assert process.wait(60) == 0
    assert ims.open(store).count().rows()[0]["packets"] == 20_000


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


def test_a_full_cache_bounds_what_is_stored_and_says_what_is_lost(tmp_path: Path) -> None:
    """A flood of payloads that never repeat: the cache takes 100, the budget 200 more, the rest is counted."""
    capture = tmp_path / "flood.pcap"
    write_udp(capture, [b"%08d" % number * 4 for number in range(1000)])
    report = ingest(tmp_path / "S", capture, block=ALL, cache_signatures=100, payload_budget=200 * 32)
    assert report["stored"] == 1000
    assert report["new_payloads"] == 1000
    assert (report["payloads_undeduplicated"], report["payloads_lost"]) == (200, 700)
    assert len(payload_rows(tmp_path / "S")) == 300
    answer = ims.open(tmp_path / "S").count()
    assert answer.rows()[0]["signatures"] == 1000
    assert answer.record.payloads_lost == 700
    assert any("700 payloads lost here" in line for line in answer.record.losses)
    out = ims.open(tmp_path / "S").export(tmp_path / "x.pcap")
    assert out.payloads_lost == 700
    assert any("700 packets are cut" in line for line in out.warnings)


def test_a_payload_seen_on_an_earlier_day_is_new_today_and_not_new_ever(tmp_path: Path) -> None:
    first, second = tmp_path / "1.pcap", tmp_path / "2.pcap"
    write_udp(first, [b"hello", b"hello"], seconds=86_400 * 10)
    write_udp(second, [b"hello", b"other"], seconds=86_400 * 11)
    ingest(tmp_path / "S", first, block=ALL)
    report = ingest(tmp_path / "S", second, block=ALL)
    assert report["new_payloads"] == 2
    found = {(row[4], str(row[1])): row for row in payload_rows(tmp_path / "S")}
    assert found[b"hello", "1970-01-12"][8] == found[b"hello", "1970-01-11"][2]
    assert found[b"other", "1970-01-12"][8] == found[b"other", "1970-01-12"][2]


def test_two_payloads_with_one_md5_are_both_kept(tmp_path: Path) -> None:
    one, two = (bytes.fromhex("".join(text.split())) for text in COLLIDING)
    capture = tmp_path / "c.pcap"
    write_udp(capture, [one, two, two, one])
    report = ingest(tmp_path / "S", capture, block=ALL)
    assert report["new_payloads"] == 2
    assert {row[4] for row in payload_rows(tmp_path / "S")} == {one, two}
    ims.open(tmp_path / "S").export(tmp_path / "x.pcap")
    assert sorted(udp_payloads(tmp_path / "x.pcap")) == sorted([one, two, two, one])
    assert udp_payloads(tmp_path / "x.pcap") == [one, two, two, one]


# The first published pair (Wang, Feng, Lai, Yu 2004); both have the MD5 79054025255fb1a26e4bc422aef54eb4.
COLLIDING = (
    """d131dd02c5e6eec4693d9a0698aff95c2fcab58712467eab4004583eb8fb7f8955ad340609f4b30283e488832571415a
    085125e8f7cdc99fd91dbdf280373c5bd8823e3156348f5bae6dacd436c919c6dd53e2b487da03fd02396306d248cda0
    e99f33420f577ee8ce54b67080a80d1ec69821bcb6a8839396f9652b6ff72a70""",
    """d131dd02c5e6eec4693d9a0698aff95c2fcab50712467eab4004583eb8fb7f8955ad340609f4b30283e4888325f1415a
    085125e8f7cdc99fd91dbd7280373c5bd8823e3156348f5bae6dacd436c919c6dd53e23487da03fd02396306d248cda0
    e99f33420f577ee8ce54b67080280d1ec69821bcb6a8839396f965ab6ff72a70""",
)


def test_retention_drops_the_oldest_hours(tmp_path: Path, sample: Path) -> None:
    report = ingest(tmp_path / "S", sample, keep_age_us=1)
    assert report["hours_dropped"] == 24
    assert ims.open(tmp_path / "S").count().rows()[0]["packets"] == 0


def write_udp(path: Path, payloads: list[bytes], seconds: int = 1_000_000_000) -> None:
    """A raw IPv4 capture of UDP packets with right checksums, by hand."""
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    for number, payload in enumerate(payloads):
        source, destination = bytes([192, 0, 2, 1]), bytes([198, 51, 100, number % 250])
        udp = struct.pack(">HHHH", 40_000, 1434, 8 + len(payload), 0) + payload
        pseudo = source + destination + struct.pack(">HH", 17, len(udp))
        udp = udp[:6] + struct.pack(">H", _checksum(pseudo + udp) or 0xFFFF) + udp[8:]
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), number & 0xFFFF, 0, 64, 17, 0) + source + destination
        packet = head[:10] + struct.pack(">H", _checksum(head)) + head[12:] + udp
        out += struct.pack("<IIII", seconds, number, len(packet), len(packet)) + packet
    path.write_bytes(out)


def _checksum(octets: bytes) -> int:
    octets += b"\0" * (len(octets) % 2)
    total = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def udp_payloads(path: Path) -> list[bytes]:
    octets, at, found = path.read_bytes(), 24, []
    while at < len(octets):
        captured = struct.unpack("<I", octets[at + 8 : at + 12])[0]
        found.append(octets[at + 16 + 28 : at + 16 + captured])
        at += 16 + captured
    return found


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


def test_an_ingest_that_stored_nothing_names_what_it_met(tmp_path: Path) -> None:
    capture = tmp_path / "usb.pcap"
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 189)
    capture.write_bytes(header + struct.pack("<IIII", 1_700_000_000, 0, 4, 4) + b"usb!")
    report = Ingest(tmp_path / "store", "a", Darknet([Block.parse("C/24=198.51.100.0/24")])).run([str(capture)])
    assert any("1 frames of link type 189 (USB_LINUX)" in warning for warning in report.warnings)
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
