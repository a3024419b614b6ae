import io

import numpy as np
import pytest

from ..simulate.pcap_by_hand import packet, read
from .wire import (
    OPTION_SETS,
    Payloads,
    ip_headers,
    joined,
    packet_columns,
    pcap_records,
    write_pcap_header,
)


def write(path, packets, payloads, nanosecond=False):
    with path.open("wb") as file:
        write_pcap_header(file, nanosecond=nanosecond)
        file.write(pcap_records(packets, payloads, nanosecond=nanosecond).data)
    return list(read(path))


def test_every_field_is_read_back(tmp_path):
    count = 3000
    dice = np.random.default_rng(5)
    contents = [bytes(dice.integers(0, 256, n, np.uint8)) for n in (1, 2, 3, 99, 100, 1400)]
    given = packet_columns(
        count, time_ns=np.arange(count) * 1_234_567_891, source=dice.integers(0, 1 << 32, count),
        destination=dice.integers(0, 1 << 32, count), protocol=dice.choice([1, 6, 17], count), ttl=64,
        ip_id=dice.integers(0, 1 << 16, count), source_port=dice.integers(0, 1 << 16, count),
        destination_port=dice.integers(0, 1 << 16, count), sequence=dice.integers(0, 1 << 32, count),
        flags=dice.integers(0, 256, count), options=dice.integers(0, len(OPTION_SETS), count),
        timestamp=dice.integers(0, 1 << 32, count), payload=dice.integers(0, 7, count), icmp_type=8,
    )  # fmt: skip
    for nanosecond in (False, True):
        found = write(tmp_path / "a.pcap", given, Payloads.of(contents), nanosecond)
        unit = 1 if nanosecond else 1000
        assert [p.time_ns for p in found] == [t // unit * unit for t in given.time_ns.tolist()]
        for name in ("source", "destination", "protocol", "ip_id"):
            assert [getattr(p, name) for p in found] == getattr(given, name).tolist()
        assert [p.payload for p in found] == [[b"", *contents][i] for i in given.payload]
        for i, p in enumerate(found):
            assert p.checksums_right
            if p.protocol != 1:
                assert (p.source_port, p.destination_port) == (
                    given.source_port[i],
                    given.destination_port[i],
                )
            if p.protocol == 6:
                assert (p.sequence, p.flags) == (given.sequence[i], given.flags[i])


def test_a_udp_checksum_of_zero_is_sent_as_ones(tmp_path):
    # Some of 65,536 source ports makes the sum come out as zero (RFC 768: zero would mean `none`).
    ports = np.arange(1 << 16)
    found = write(
        tmp_path / "a.pcap",
        packet_columns(1 << 16, protocol=17, source_port=ports, source=1),
        Payloads.of([]),
    )
    assert all(p.checksums_right for p in found)


def test_options_stand_in_the_header_with_their_timestamp():
    for index, options in enumerate(OPTION_SETS):
        one = packet_columns(1, protocol=6, options=index, timestamp=0x01020304)
        tail = pcap_records(one, Payloads.of([]), nanosecond=False).tobytes()[16 + 14 + 20 + 20 :]
        assert len(tail) == len(options)
        assert (b"\x08\x0a\x01\x02\x03\x04" in tail) == (b"\x08\x0a" in options)


def test_quoted_headers_are_those_of_the_packet():
    one = packet_columns(1, protocol=6, source=7, destination=9, ttl=3, sequence=5)
    quote = ip_headers(one, Payloads.of([]), 8)[0].tobytes()
    whole = pcap_records(one, Payloads.of([]), nanosecond=False).tobytes()[30:]
    assert quote == whole[:28]
    assert packet(whole, 0).checksums_right


def test_joined_packets_are_sorted_by_time():
    a, b = packet_columns(2, time_ns=np.array([5, 1]), ttl=1), packet_columns(1, time_ns=3, ttl=2)
    whole = joined([a, b])
    assert whole.time_ns.tolist() == [1, 3, 5]
    assert whole.ttl.tolist() == [1, 2, 1]


def test_an_unknown_column_is_refused():
    with pytest.raises(TypeError, match=r"no such columns: \['tll'\]"):
        packet_columns(1, tll=64)


def test_file_header_says_ethernet_and_its_resolution():
    for nanosecond, magic in ((True, "4d3cb2a1"), (False, "d4c3b2a1")):
        file = io.BytesIO()
        write_pcap_header(file, nanosecond=nanosecond)
        assert file.getvalue().hex() == magic + "02000400" + "00000000" * 2 + "00000400" + "01000000"
