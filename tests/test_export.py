"""Export gives back what came in: each real capture, byte for byte from the IP header on; columns in three formats."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import shutil
import struct
import subprocess
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import ims
from ims import export
from ims.capture.open import open_source
from ims.query.question import Question
from ims.query.request import make_request
from ims.settings.durations import HOUR_US
from ims.store.heartbeat import Beat, Heartbeat, boot_id, uptime
from ims.store.rowkey import row_keys_of_arrow

from .effort import pick
from .store.made import of_an_earlier_version
from .stores import BLOCK, CAPTURES, IMS, MIDNIGHT, cli, exported, ingest, ipv4, needs_captures, udp, write_pcap

Packet = tuple[int, int, bytes]
"""time (ns), length on the wire, octets captured; both from the IP header on"""
DARK = 0xC633_6409
TAGS = (0x8100, 0x88A8, 0x9100, 0x9200, 0x9300)


def ip_offset(frame: bytes, link: int) -> int | None:
    """Where the IPv4 header begins; written after the link types' descriptions, in plain Python."""
    if link in (12, 14, 101, 228):
        return 0
    if link in (0, 108):
        return 4 if len(frame) >= 4 and frame[:4] in (b"\2\0\0\0", b"\0\0\0\2") else None
    if link == 127:  # Radiotap, then a data frame of 802.11, with or without quality of service, and SNAP
        at = int.from_bytes(frame[2:4], "little")
        at += 26 if frame[at : at + 1] and frame[at] & 0x80 else 24
        return at + 8 if frame[at : at + 8] == b"\xaa\xaa\3\0\0\0\x08\0" else None
    if link == 9:
        kind = 2 if frame[:2] == b"\xff\x03" else 0
        at = kind + 2
    else:
        kind, at = {1: (12, 14), 113: (14, 16), 276: (0, 20)}.get(link, (0, 1 << 20))
    if len(frame) < at:
        return None
    protocol = struct.unpack_from(">H", frame, kind)[0]
    if link == 9:
        protocol = {0x0021: 0x0800, 0x0281: 0x8847}.get(protocol, 0)
    while protocol in TAGS and len(frame) >= at + 4:
        protocol, at = struct.unpack_from(">H", frame, at + 2)[0], at + 4
    if protocol in (0x8847, 0x8848):
        while len(frame) >= at + 4:
            at += 4
            if frame[at - 2] & 1:
                break
        protocol = 0x0800 if frame[at : at + 1] and frame[at] >> 4 == 4 else 0
    return at if protocol == 0x0800 else None


def packets_of(path: Path) -> Iterator[Packet]:
    """The IPv4 packets of a capture whose header makes sense, and is whole but for its options."""
    source = open_source(path)
    for frames in source:
        for row in range(frames.count):
            begin = int(frames.offset[row])
            frame = frames.octets[begin : begin + int(frames.captured[row])].tobytes()
            at = ip_offset(frame, int(frames.link[row]))
            if at is None or len(frame) < at + 20 or frame[at] >> 4 != 4:
                continue
            packet, header, total = frame[at:], (frame[at] & 15) * 4, struct.unpack_from(">H", frame, at + 2)[0]
            wire = int(frames.length[row]) - at
            if header >= 20 and (total == 0 or total >= header):
                length = min(total or wire, wire)
                yield int(frames.time[row]), length, packet[: total or None]
    source.close()


def read_pcap(octets: bytes, link: str = "raw") -> list[Packet]:
    """A pcap with nanoseconds, by hand."""
    number = {"raw": 101, "ethernet": 1}[link]
    assert struct.unpack_from("<IHHiIII", octets) == (0xA1B23C4D, 2, 4, 0, 0, 262_144, number)
    found, at = [], 24
    while at < len(octets):
        seconds, nanos, captured, length = struct.unpack_from("<IIII", octets, at)
        found.append((seconds * 10**9 + nanos, length, octets[at + 16 : at + 16 + captured]))
        at += 16 + captured
    assert at == len(octets)
    return found


@needs_captures
def test_each_real_capture_comes_back_byte_for_byte(tmp_path: Path) -> None:
    """In a commit each second capture."""
    compared, files = 0, 0
    captures = [path for path in sorted(CAPTURES.iterdir()) if path.suffix in (".pcap", ".cap", ".pcapng")]
    for path in captures[:: pick(1, 2)]:
        try:
            wanted = list(packets_of(path))
        except ValueError:
            continue  # a capture that even says itself that it is none: refused by ingest, too
        store, out = tmp_path / path.name, tmp_path / f"{path.name}.out"
        report = ims.open(ingest(store, path, blocks=["all=0.0.0.0/0"])).export(out)
        found = read_pcap(out.read_bytes())
        assert report.packets == len(wanted), path.name
        assert report.payloads_lost == report.checksums_unknown == 0, path.name
        assert Counter(found) == Counter(wanted), path.name
        assert [time for time, _, _ in found] == sorted(time for time, _, _ in wanted)
        compared, files = compared + len(wanted), files + bool(wanted)
    assert files >= pick(50, 25)
    assert compared > 40_000


def test_tcpdump_reads_the_export(tmp_path: Path, one_store: Path) -> None:
    ims.open(one_store).export(tmp_path / "x.pcap", "pcap", "tcp dst port 23")
    done = subprocess.run(
        ["tcpdump", "-r", tmp_path / "x.pcap", "--count", "tcp dst port 23"], capture_output=True, text=True, check=True
    )
    assert int(done.stdout.split()[0]) == ims.open(one_store).count("tcp dst port 23").rows()[0]["packets"] > 0


HTTP = b"GET / HTTP/1.1\r\n\r\n"
READERS = {
    "argus, ra": ("argus -r raw.pcap -w - | ra -nr - -s proto - ip | grep -cE 'tcp|udp'", 6),
    "nfpcapd, nfdump": ("nfpcapd -r raw.pcap -w . && cat nfcapd.* > nf && nfdump -r nf -q | wc -l", 6),
    "softflowd": ("softflowd -r raw.pcap -n 127.0.0.1:9 -d 2>&1 | grep -c 'Packets processed: 6$'", 1),
    "ngrep": ("ngrep -I raw.pcap GET | grep -c '^  GET'", 6),
    "tracestats": ("tracestats -f udp pcapfile:raw.pcap | tr -s '\\t ' ' ' | grep -c 'udp: 3 '", 1),
    "tcpflow": ("tcpflow -r raw.pcap -o flows && cat flows/*.00080 | grep -c GET", 3),
    "tshark": ("tshark -r raw.pcap -Y 'ip.dst == 198.51.100.9' | wc -l", 6),
    "p0f": ("p0f -r raw.pcap | grep -c '^All done. Processed 3 packets'", 1),
    "tcpdump": ("tcpdump -r ipv4.pcap 2>&1 | grep -c 'link-type IPV4'", 1),
    "tcpreplay": (
        "unshare -rn sh -c 'ip link set lo up && tcpreplay -t -i lo ethernet.pcap' | grep -c 'Successful packets: *6'", 1,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three TCP and three UDP packets, exported with each link."""
    folder = tmp_path_factory.mktemp("exports")
    tcp = struct.pack(">HHIIHHHH", 1024, 80, 1, 1, 0x5018, 1024, 0, 0) + HTTP
    packets = [
        udp(DARK - 256 * n, DARK, 53, HTTP) if n < 4 else ipv4(DARK - 256 * n, DARK, 6, tcp) for n in range(1, 7)
    ]
    telescope = ims.open(ingest(folder / "store", write_pcap(folder / "in.pcap", ((MIDNIGHT, p) for p in packets))))
    for link in ("raw", "ethernet", "ipv4"):
        assert telescope.export(folder / f"{link}.pcap", link=link).packets == 6
    return folder


@pytest.mark.parametrize("reader", READERS)
def test_what_reads_captures_reads_the_export(exports: Path, tmp_path: Path, reader: str) -> None:
    command, count = READERS[reader]
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"  # daemons' folders, which not every user looks into
    for program in reader.split(", "):
        if shutil.which(program, path=path) is None:
            pytest.skip(f"{program} is missing; .ci/run installs it")
    if "unshare" in command and subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no network namespace can be made here")
    for name in ("raw.pcap", "ethernet.pcap", "ipv4.pcap"):
        (tmp_path / name).symlink_to(exports / name)
    done = subprocess.run(
        command, shell=True, cwd=tmp_path, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.stdout.split()[-1:] == [str(count)], (done.stdout, done.stderr)


def test_an_ethernet_header_is_made_up_and_the_rest_stays(exports: Path) -> None:
    raw, framed = (read_pcap((exports / f"{link}.pcap").read_bytes(), link) for link in ("raw", "ethernet"))
    made_up = bytes.fromhex("020000000001 020000000002 0800")
    assert framed == [(time, length + 14, made_up + octets) for time, length, octets in raw]


@pytest.mark.parametrize(("format", "link"), [("pcap", "fddi"), ("csv", "ethernet")])
def test_a_link_that_no_file_can_have_is_refused_before_anything_is_written(
    tmp_path: Path, one_store: Path, format: str, link: str
) -> None:
    with pytest.raises(ValueError, match="link"):
        ims.open(one_store).export(tmp_path / "x", format, link=link)
    assert not (tmp_path / "x").exists()


def test_slices_of_any_size_give_the_same_file(
    tmp_path: Path, three_sensors: Path, three_stores: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    ims.open(three_sensors).export(tmp_path / "whole.pcap")
    whole = read_pcap((tmp_path / "whole.pcap").read_bytes())
    for packets, octets in ((700, 64 << 20), (1 << 18, 50_000)):
        monkeypatch.setattr(export, "SLICE_PACKETS", packets)
        monkeypatch.setattr(export, "SLICE_BYTES", octets)
        ims.open(*three_stores).export(tmp_path / "x.pcap")
        found = read_pcap((tmp_path / "x.pcap").read_bytes())
        assert Counter(found) == Counter(whole)
        assert [packet[0] for packet in found] == [packet[0] for packet in whole]


def test_hours_with_little_in_them_are_taken_together(one_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ims.open(one_store).backend.begin(make_request("packets", None)) as asked:
        hours = asked.hours()
        assert len(list(export.slices(asked))) == 1 < len(hours)
        most = max(packets for _, packets in hours)
        monkeypatch.setattr(export, "SLICE_BYTES", (most + min(packets for _, packets in hours)) * export.MOST_OCTETS)
        found = list(export.slices(asked))
        assert 1 < len(found) < len(hours)
        assert all(until <= since for (_, until), (since, _) in pairwise(found))
        for begin, _ in hours:
            assert sum(since <= begin and begin + HOUR_US <= until for since, until in found) == 1


@pytest.mark.parametrize("format", export.FORMATS)
def test_one_slice_is_held_at_a_time(one_store: Path, format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "SLICE_PACKETS", 700)
    monkeypatch.setattr(export, "SLICE_BYTES", 50_000)
    held: list[weakref.ref[pa.Table]] = []
    sizes: list[int] = []
    with ims.open(one_store).backend.begin(make_request("packets", None)) as query:

        def watched(ask: Callable[..., list[pa.Table]]) -> Callable[..., list[pa.Table]]:
            def asked(*questions: Question) -> list[pa.Table]:
                of_slice = questions[0].plan in ("rows", "whole_rows")  # `frames` belongs to the slice of before
                if of_slice:
                    assert [ref for ref in held if ref() is not None] == []
                tables = ask(*questions)
                if of_slice or questions[0].plan == "frames":
                    held.extend(map(weakref.ref, tables))
                    sizes.extend(table.num_rows for table in tables)
                return tables

            return asked

        monkeypatch.setattr(query, "run", watched(query.run))
        monkeypatch.setattr(query, "each", watched(query.each))
        export.export(query, io.BytesIO(), format)
    assert sum(size > 0 for size in sizes) > 2


def test_a_filter_and_a_range_choose_what_is_written(tmp_path: Path, one_store: Path) -> None:
    rows = exported(tmp_path, one_store)
    since = MIDNIGHT + 3 * 3_600_000_000_000 + 123_456_000
    wanted = [row["ns"] for row in rows if row["protocol"] == 17 and row["ns"] >= since]
    report = ims.open(one_store).export(tmp_path / "x.pcap", "pcap", "udp", since="2026-03-04T03:00:00.123456")
    assert report.packets == len(wanted) > 100
    assert [time for time, _, _ in read_pcap((tmp_path / "x.pcap").read_bytes())] == sorted(wanted)
    assert ims.open(one_store).export(tmp_path / "none.pcap", "pcap", "udp and tcp").packets == 0
    assert read_pcap((tmp_path / "none.pcap").read_bytes()) == []


def test_columns_are_the_same_in_parquet_csv_and_json(tmp_path: Path, three_stores: list[Path]) -> None:
    telescope = ims.open(*three_stores)
    for name in ("parquet", "csv", "json"):
        assert telescope.export(tmp_path / name, name, "not icmp").packets > 1000
    table = pq.read_table(tmp_path / "parquet")
    with (tmp_path / "csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    records = [json.loads(line) for line in (tmp_path / "json").read_text().splitlines()]
    assert len(lines) == len(records) == len(table)
    for column in ("source_port", "tcp_sequence", "total_length", "sensor", "block", "category"):
        values = table.column(column).to_pylist()
        assert [record[column] for record in records] == values, column
        assert [line[column] for line in lines] == ["" if value is None else str(value) for value in values], column
    signatures = [None if value is None else value.hex() for value in table.column("signature").to_pylist()]
    assert [record["signature"] for record in records] == signatures
    micros = table.column("time").cast("int64").to_pylist()
    for record, line, us, ns in zip(records, lines, micros, table.column("time_ns").to_pylist(), strict=True):
        assert record["time"] == line["time"]
        fraction = f"{us % 1_000_000:06d}{ns:03d}"
        assert line["time"].endswith(f".{fraction}Z")


@pytest.mark.parametrize("format", export.FORMATS)
def test_nothing_chosen_is_a_file_without_rows(tmp_path: Path, one_store: Path, format: str) -> None:
    out = tmp_path / "x"
    ims.open(one_store).export(out, format, "port 1 and port 2 and port 3")
    if format == "pcap":
        assert read_pcap(out.read_bytes()) == []
    elif format == "pcapng":
        with contextlib.closing(open_source(out)) as source:
            assert list(source) == []
    elif format == "parquet":
        assert pq.read_table(out).num_rows == 0
        assert "sensor" in pq.read_table(out).column_names
    elif format == "csv":
        assert out.read_text().startswith("time,sensor,block,source,") and out.read_text().count("\n") == 1
    else:
        assert out.read_bytes() == b""


def test_what_the_columns_can_t_express_comes_back_too(tmp_path: Path) -> None:
    """Wrong checksums, options, lengths that lie, repeated alike: all kept raw, and found again by their rows."""
    right = udp(7, DARK, 53, b"question")
    wrong = right[:26] + b"\x12\x34" + right[28:]
    packets = [(MIDNIGHT + n // 3, packet) for n, packet in enumerate([right, wrong, right] * 40)]
    options = b"\x46" + ipv4(7, DARK, 17, right[20:])[1:20] + b"\x94\x04\0\0" + right[20:]
    packets += [(MIDNIGHT + 50, options), (MIDNIGHT + 51, ipv4(7, DARK, 6, b"\0\x50"))]
    packets += [(MIDNIGHT + 52, ipv4(7, DARK, 17, right[20:], total_length=9000))]
    capture = write_pcap(tmp_path / "c.pcap", packets)
    ims.open(ingest(tmp_path / "S", capture)).export(tmp_path / "x.pcap")
    assert Counter(read_pcap((tmp_path / "x.pcap").read_bytes())) == Counter(packets_of(capture))


def test_raw_packets_of_a_responder_s_old_store_are_found(tmp_path: Path) -> None:
    """Its row keys had the bit of `truncated` wherever a responder ran."""
    right = udp(7, DARK, 53, b"question")
    packets = [right, right[:26] + b"\x12\x34" + right[28:], ipv4(7, DARK, 6, b"\0\x50"), right]
    capture = write_pcap(tmp_path / "c.pcap", [(MIDNIGHT + n, packet) for n, packet in enumerate(packets)])
    store = ingest(tmp_path / "S", capture)
    for path in store.glob("packets/**/*.parquet"):
        table = pq.read_table(path, partitioning=None)
        verified = table.schema.get_field_index("verified")
        table = table.set_column(verified, table.schema.field(verified), pa.array([False] * table.num_rows))
        pq.write_table(table, path)
        keys = dict(zip(row_keys_of_arrow(table).tolist(), row_keys_of_arrow(table, old=True).tolist(), strict=True))
    for path in store.glob("frames_raw/**/*.parquet"):
        table = pq.read_table(path, partitioning=None)
        old = pa.array([keys[key] for key in table.column("row_key").to_pylist()], pa.uint64())
        assert old.to_pylist() != table.column("row_key").to_pylist()
        column = table.schema.get_field_index("row_key")
        pq.write_table(table.set_column(column, table.schema.field(column), old), path)
    of_an_earlier_version(store)
    ims.open(store).export(tmp_path / "x.pcap")
    assert Counter(read_pcap((tmp_path / "x.pcap").read_bytes())) == Counter(packets_of(capture))


def test_lost_payloads_are_counted_and_their_packets_cut(tmp_path: Path) -> None:
    packets = [(MIDNIGHT + n, udp(7, DARK, 53, n.to_bytes(4) * 100)) for n in range(200)]
    store = ingest(tmp_path / "S", write_pcap(tmp_path / "c.pcap", packets), cache_signatures=16, payload_budget=4000)
    done = cli("export", "pcap", "--store", store, "--out", tmp_path / "x.pcap")
    found = read_pcap((tmp_path / "x.pcap").read_bytes())
    whole = [packet for packet in found if len(packet[2]) == packet[1]]
    assert all(len(octets) in (28, 428) and length == 428 for _, length, octets in found)
    assert len(found) == 200
    assert f"{200 - len(whole)} packets cut after the headers" in done.stderr
    assert [octets for _, _, octets in whole] == [packets[time - MIDNIGHT][1] for time, _, _ in whole]


@pytest.mark.parametrize("what", ["packets", "store"])
def test_what_is_being_lost_is_said_as_a_query_says_it(tmp_path: Path, samples: dict[int, Path], what: str) -> None:
    store, now = ingest(tmp_path / "S", samples[1]), time.time()
    losing = {"losing_since": now - 90, "lost_now": 7} if what == "packets" else {"storing": False, "why": "disk full"}
    heartbeat = Heartbeat(store, "a")
    try:
        here = {"boot": boot_id(), "uptime": uptime(), "time": now, "began": now - 100, "storing_since": now - 90}
        heartbeat.write(Beat(**here | losing))
        asked = cli("query", "count", "--store", store)
        written = cli("export", "csv", "--store", store, "--out", tmp_path / "x.csv")
        of_before = cli("export", "csv", "--store", store, "--out", tmp_path / "y.csv", "--until", "2026-03-04T12:00")
    finally:
        heartbeat.close()
    begin = "ims: a loses packets now, since 2" if what == "packets" else "ims: a stores nothing since 2"
    [said] = [line for line in written.stderr.splitlines() if line.startswith(begin)]
    assert said in asked.stderr.splitlines()
    assert begin not in of_before.stderr


def test_standard_output_and_pipes(tmp_path: Path, one_store: Path) -> None:
    ims.open(one_store).export(tmp_path / "x.pcap")
    done = subprocess.run([IMS, "export", "pcap", "--store", one_store, "--out", "-"], capture_output=True, check=True)
    assert done.stdout == (tmp_path / "x.pcap").read_bytes()
    file = io.BytesIO()
    ims.open(one_store).export(file)
    assert file.getvalue() == done.stdout
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    ims.open(one_store).export(pipe)
    reader.join()
    assert read == [done.stdout]


def test_a_reader_that_leaves_early_is_no_error(one_store: Path) -> None:
    command = f"'{IMS}' export json --store '{one_store}' --out - | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert json.loads(done.stdout)["sensor"] == "a"
    assert "Traceback" not in done.stderr and "rror" not in done.stderr


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path, one_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "x.csv"
    out.write_text("before")
    with pytest.raises(ValueError, match="no format 'xls'"):
        ims.open(one_store).export(out, "xls")

    def fail(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export, "shown_packets", fail)
    with pytest.raises(OSError, match="No space"):
        ims.open(one_store).export(out, "csv")
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.csv"]
    assert out.read_text() == "before"
    with pytest.raises(IsADirectoryError):
        ims.open(one_store).export(tmp_path)


def test_blocks_with_a_name_that_needs_quotes(tmp_path: Path, samples: dict[int, Path]) -> None:
    store = ingest(tmp_path / "S", samples[1], blocks=[BLOCK.replace("C/24", "C-24.x_y")])
    ims.open(store).export(tmp_path / "x.json", "json")
    assert {json.loads(line)["block"] for line in (tmp_path / "x.json").read_text().splitlines()} == {"C-24.x_y"}
