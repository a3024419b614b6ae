import struct

import pytest
from benchmarks.compare import compare
from benchmarks.traffic import write_traffic


@pytest.fixture
def capture(tmp_path):
    path = tmp_path / "capture.pcap"
    write_traffic(path, 2000)
    return path


def records(path):
    data, at = path.read_bytes(), 24
    while at < len(data):
        seconds, fraction, captured = struct.unpack_from("<III", data, at)
        yield seconds, fraction, data[at + 16 : at + 16 + captured]
        at += 16 + captured


def write_export(path, given, *, link=101):
    """Nanoseconds and raw IP, as `ims export pcap` writes."""
    body = b"".join(
        struct.pack("<IIII", seconds, micros * 1000, len(frame) - 14, len(frame) - 14) + frame[14:]
        for seconds, micros, frame in given
    )
    path.write_bytes(struct.pack("<IIIIII", 0xA1B23C4D, 2 | 4 << 16, 0, 0, 262_144, link) + body)
    return path


def test_an_export_of_all_packets_is_the_same(capture, tmp_path):
    export = write_export(tmp_path / "e.pcap", records(capture))
    assert compare(capture, export) == {"packets": 2000, "exported": 2000, "differing": 0}


def test_packets_of_equal_time_may_change_places(capture, tmp_path):
    given = [(1, 5, frame) for _, _, frame in records(capture)]
    header = capture.read_bytes()[:24]
    same = tmp_path / "same.pcap"
    same.write_bytes(header + b"".join(struct.pack("<IIII", s, f, len(x), len(x)) + x for s, f, x in given))
    assert compare(same, write_export(tmp_path / "e.pcap", given[::-1]))["differing"] == 0


def test_one_wrong_bit_is_found(capture, tmp_path):
    given = list(records(capture))
    seconds, fraction, frame = given[700]
    given[700] = (seconds, fraction, frame[:-1] + bytes([frame[-1] ^ 1]))
    assert compare(capture, write_export(tmp_path / "e.pcap", given))["differing"] == 1


def test_a_time_off_by_a_microsecond_is_found(capture, tmp_path):
    given = list(records(capture))
    given[-1] = (given[-1][0], given[-1][1] + 1, given[-1][2])
    assert compare(capture, write_export(tmp_path / "e.pcap", given))["differing"] >= 1


def test_a_missing_and_a_doubled_packet_are_found(capture, tmp_path):
    given = list(records(capture))
    assert compare(capture, write_export(tmp_path / "e.pcap", given[:-1]))["differing"] == 1
    assert compare(capture, write_export(tmp_path / "e.pcap", [*given, given[-1]]))["differing"] > 0


def test_a_file_cut_off_is_refused(capture, tmp_path):
    export = write_export(tmp_path / "e.pcap", records(capture))
    export.write_bytes(export.read_bytes()[:-3])
    with pytest.raises(ValueError, match="cut off"):
        compare(capture, export)


def test_another_link_type_is_refused(capture, tmp_path):
    with pytest.raises(ValueError, match="link type 9"):
        compare(capture, write_export(tmp_path / "e.pcap", [], link=9))
