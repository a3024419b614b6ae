"""The judge agrees where all is right, finds what is made wrong, and holds ours and others' against each other."""

import struct
from dataclasses import replace

import pytest
from benchmarks.judge import envelopes, formats, product
from benchmarks.judge.__main__ import asked_of, captures, lines, missing_programs
from benchmarks.judge.generated import covering, write_capture, write_captures
from benchmarks.judge.judged import Asked
from benchmarks.judge.verdict import judge

from ..decode.makers import ethernet, icmp, tcp, udp
from ..stores import ipv4, needs_programs

pytestmark = needs_programs("tshark", "tcpdump", "gzip", "zstd", "xz", "lz4")
FEW = Asked(expressions=("tcp", "ip[0] & 0xf = 5", "not udp", "udp[8] = 0"))


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    """One of each transport, one that carries ARP, one whose IP header is cut."""
    frames = [ethernet(one) for one in (tcp(options=b"\2\4\5\xb4"), udp(), icmp())]
    frames += [ethernet(bytes(28), 0x0806), ethernet(ipv4(1, 2, 6, b"")[:19])]
    body = b"".join(struct.pack("<IIII", 5 + at, at, len(one), len(one)) + one for at, one in enumerate(frames))
    path = tmp_path_factory.mktemp("judged") / "few.pcap"
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1) + body)
    return path


def test_a_right_capture_agrees(capture):
    judged = judge(capture, FEW)
    assert (judged.found, judged.frames, judged.stored) == ([], 5, 3)
    assert judged.filters == 3 and sum(judged.excused.values()) == 1
    assert [line.split()[0] for line in lines(judged)] == ["agrees"]


def test_a_packet_that_was_not_stored_is_missing(capture, monkeypatch):
    kept = product.rows
    monkeypatch.setattr(product, "rows", lambda store: [row for row in kept(store) if row["protocol"] != 6])
    kinds = {one.kind: one.what for one in judge(capture, FEW).found}
    assert set(kinds) == {"books", "missing"}
    assert "frame 1 eth:ethertype:ip:tcp to 198.51.100.7" in kinds["missing"]


def test_a_column_that_differs_is_told_with_its_frame(capture, monkeypatch):
    kept = product.rows
    monkeypatch.setattr(product, "rows", lambda store: [row | {"ttl": row["ttl"] + 1} for row in kept(store)])
    [found] = judge(capture, FEW).found
    assert found.kind == "column ttl" and found.what.startswith("3: frame 1: ours 65, tshark's 64")


def test_a_wrong_count_and_a_wrong_status_are_told(capture, monkeypatch):
    ingest = product.ingest
    monkeypatch.setattr(product, "counts", lambda store, expressions: {"tcp": 2})
    monkeypatch.setattr(product, "ingest", lambda *given: replace(ingest(*given), status=3))
    kinds = {one.kind for one in judge(capture, FEW).found}
    assert "damage told" in kinds and "filter on the export" in kinds


def test_a_header_that_is_cut_and_taken_for_text_is_refused_by_both(tmp_path):
    path = tmp_path / "begun.pcapng"
    path.write_bytes(bytes.fromhex("0a0d0d0a0000001c1a2b3c"))  # tshark 4.0 shows it as JSON
    judged = judge(path, FEW)
    assert judged.found == []
    assert judged.note.startswith("refused exit 2")


def test_programs_that_are_missing_are_named(tmp_path, monkeypatch):
    found = [tmp_path / "a.pcap", tmp_path / "b.lz4", tmp_path / "c.erf"]
    assert missing_programs(found) == []
    monkeypatch.setenv("PATH", str(tmp_path))
    assert missing_programs(found) == ["lz4", "tcpdump", "tshark"]


def test_what_is_no_capture_is_refused_by_both(tmp_path):
    path = tmp_path / "text.pcap"
    path.write_text("no capture at all, but long enough to be looked at")
    assert judge(path, FEW).found == []
    assert captures(tmp_path) == [path]


@pytest.mark.parametrize("number", covering())
def test_of_captures_that_hold_every_choice_ours_and_others_agree(number, tmp_path):
    judged = judge(path := write_capture(tmp_path, number, seed=1), asked_of(path, number))
    assert [*lines(judged)][1:] == []


def test_made_captures_hold_every_choice_and_are_the_same_each_time(tmp_path):
    made = write_captures(tmp_path, 400)
    names = [path.name for path in made]
    for choices in (formats.FORMATS, formats.DAMAGES, envelopes.LINKS):
        assert all(any(f"-{choice}" in name for name in names) for choice in choices if choice)
    assert {path.suffix for path in made} >= {*formats.COMPRESSIONS} - {""}
    again = write_captures(tmp_path / "again", 5)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in made[:5]]
