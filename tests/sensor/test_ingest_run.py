"""One run of an ingest: killed for real it goes on; when it watched, what it keeps of payloads, and for how long."""

from __future__ import annotations

import gzip
import os
import random
import signal
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import ims
from ims.darknet import Block, Darknet
from ims.sensor.ingest import Ingest

from ..effort import pick, sampled
from ..stores import IMS
from .captures import ALL, ingest, payload_rows, rows, udp_payloads, write_udp
from .conftest import BLOCK


@pytest.mark.parametrize("source", sampled(["file", "gzip", "pipe"], ["file", "pipe"]))
def test_a_killed_ingest_goes_on_where_it_was(tmp_path: Path, sample: Path, source: str) -> None:
    """kill -9 at random moments, many times over (in a commit six); in the end every row is there exactly once."""
    many = pick(15, 6)
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
            lines_to_live = dice.randrange(1, 30 if killed <= many // 2 else 500) if killed < many else -1
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
    assert any("700 packets cut" in line for line in out.warnings)


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
