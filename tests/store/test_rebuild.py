"""Rebuilt packets equal packets made by hand, byte for byte; tcpdump and tshark find nothing wrong with them."""

import shutil
import struct
import subprocess

import numba
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ims.capture.open import open_source
from ims.darknet import Block, Darknet
from ims.decode.frames import decode_frames
from ims.decode.options import collect_options, options_table
from ims.decode.verdict import COUNTERS
from ims.records import UDP_ABSENT, arrow_schema, packet_batch
from ims.sign.gather import gather_frames, gather_payloads
from ims.store.columns import Distinct, kept_order, packets_table
from ims.store.pcap import pcap_header
from ims.store.rebuild import RawPackets, pcap_records

from ..effort import examples
from ..stores import CAPTURES, needs_captures

EXAMPLES = 20 if numba.config.DISABLE_JIT else examples(200, 40)


def internet_checksum(octets):
    """RFC 1071 by the book."""
    octets += b"\0" * (len(octets) & 1)
    total = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def packet_of(row):
    """The IPv4 packet that a row (a dict of columns) describes."""
    payload = row["payload_bytes"] or b""
    if row["tcp_flags"] is not None:
        options = row["tcp_options"] or b""
        above = struct.pack(
            ">HHIIHHHH", row["source_port"], row["destination_port"], row["tcp_sequence"], row["tcp_acknowledgment"],
            (5 + len(options) // 4) << 12 | row["tcp_flags"], row["tcp_window"], 0, row["tcp_urgent"],
        ) + options  # fmt: skip
        at = 16
    elif row["icmp_type"] is not None:
        above = struct.pack(">BBHI", row["icmp_type"], row["icmp_code"], 0, row["icmp_rest"])
        at = 2
    elif row["source_port"] is not None:
        above = struct.pack(">HHHH", row["source_port"], row["destination_port"], 8 + len(payload), 0)
        at = 6
    else:
        above, at = b"", None
    above += payload
    addresses = struct.pack(">II", row["source"], row["destination"])
    if at is not None and not row["checksum"] & UDP_ABSENT:
        pseudo = b"" if row["protocol"] == 1 else addresses + struct.pack(">HH", row["protocol"], len(above))
        checksum = internet_checksum(pseudo + above)
        if checksum in (
            0,
            0xFFFF,
        ):  # ones' complement has two zeros; the other one is kept raw (decode/transport.py)
            checksum = 0xFFFF if row["protocol"] == 17 or not any(pseudo + above) else 0
        above = above[:at] + struct.pack(">H", checksum) + above[at + 2 :]
    head = struct.pack(
        ">BBHHHBBH", 0x45, row["tos"], 20 + len(above), row["ip_id"], row["ip_fragment"], row["ttl"], row["protocol"], 0
    ) + addresses  # fmt: skip
    return head[:10] + struct.pack(">H", internet_checksum(head)) + head[12:] + above


U8, U16, U32 = st.integers(0, 0xFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)


@st.composite
def rows(draw):
    """Any packet that columns express, as a dict of columns and its payload."""
    kind = draw(st.sampled_from(["tcp", "udp", "icmp", "other", "fragment"]))
    row = dict.fromkeys(arrow_schema("packets").names)
    payload = draw(st.binary(max_size=draw(st.sampled_from([0, 3, 40, 1400]))))
    row |= {
        "time": draw(st.integers(0, 2**32 * 10**6 - 1)), "time_ns": draw(st.integers(0, 999)),
        "source": draw(U32), "destination": draw(U32), "tos": draw(U8), "ttl": draw(U8), "ip_id": draw(U16),
        "ip_fragment": draw(st.sampled_from([0, 0x4000, 0x8000])), "checksum": 0, "new_payload": False,
        "category": "other", "block": "C/24", "truncated": False, "payload_length": len(payload),
        "payload_bytes": payload or None, "signature": b"s" * 16 if payload else None,
    }  # fmt: skip
    header = 20
    if kind == "fragment":
        row["protocol"] = draw(U8)
        row["ip_fragment"] = draw(st.integers(1, 0x1FFF)) | draw(st.sampled_from([0, 0x2000]))
    elif kind == "other":
        row["protocol"] = draw(U8.filter(lambda p: p not in (1, 6, 17)))
    elif kind == "icmp":
        row |= {"protocol": 1, "icmp_type": draw(U8), "icmp_code": draw(U8), "icmp_rest": draw(U32)}
        header = 28
    else:
        row |= {"source_port": draw(U16), "destination_port": draw(U16)}
        if kind == "udp":
            row |= {"protocol": 17, "checksum": draw(st.sampled_from([0, UDP_ABSENT]))}
            header = 28
        else:
            options = draw(st.binary(max_size=40).map(lambda o: o[: len(o) // 4 * 4]))
            row |= {
                "protocol": 6, "tcp_flags": draw(st.integers(0, 0x1FF)), "tcp_sequence": draw(U32),
                "tcp_acknowledgment": draw(U32), "tcp_window": draw(U16), "tcp_urgent": draw(U16),
                "tcp_options": options,
            }  # fmt: skip
            header = 40 + len(options)
    row["total_length"] = header + len(payload)
    return row


def table_of(packets, with_payloads=True):
    schema = arrow_schema("packets")
    columns = {
        f.name: pa.array([p[f.name] for p in packets]).cast(f.type)
        if not pa.types.is_dictionary(f.type)
        else pa.array([p[f.name] for p in packets], f.type.value_type).dictionary_encode()
        for f in schema
    }
    if with_payloads:
        columns["payload_bytes"] = pa.array([p["payload_bytes"] for p in packets], pa.binary())
    return pa.table(columns)


def read_records(octets):
    """(seconds, nanoseconds, octets on the wire, packet) of each record."""
    octets, found = octets.tobytes(), []
    while octets:
        seconds, nanoseconds, captured, length = struct.unpack_from("<IIII", octets)
        assert len(octets) >= 16 + captured
        found.append((seconds, nanoseconds, length, octets[16 : 16 + captured]))
        octets = octets[16 + captured :]
    return found


@settings(max_examples=EXAMPLES)
@given(st.lists(rows(), max_size=8))
def test_packets_come_back_byte_for_byte(packets):
    records = pcap_records(table_of(packets))
    expected = []
    for row in packets:
        packet = packet_of(row)
        moment = (row["time"] // 10**6, row["time"] % 10**6 * 1000 + row["time_ns"])
        expected.append((*moment, len(packet), packet))
    assert read_records(records.octets) == expected
    assert records.payloads_lost == records.checksums_unknown == 0
    assert records.offsets.tolist() == np.cumsum([0, *(16 + len(e[3]) for e in expected)]).tolist()


@settings(max_examples=EXAMPLES)
@given(rows().filter(lambda row: row["payload_length"]), st.sampled_from(["absent", "null", "shorter", "longer"]))
def test_a_lost_payload_leaves_an_honest_cut(row, how):
    packet = packet_of(row)
    header = len(packet) - row["payload_length"]
    wrong = {"null": None, "shorter": row["payload_bytes"][1:], "longer": row["payload_bytes"] + b"x"}
    table = table_of([row | {"payload_bytes": wrong.get(how)}], with_payloads=how != "absent")
    records = pcap_records(table)
    ((_, _, length, found),) = read_records(records.octets)
    assert length == len(packet)
    fields = {6: 36, 17: 26, 1: 22}
    transport = header > 20
    wanted = bytearray(packet[:header])
    if transport:
        at = fields[row["protocol"]]
        wanted[at : at + 2] = b"\0\0"
    assert found == bytes(wanted)
    assert records.payloads_lost == 1
    assert records.checksums_unknown == transport


def one(**changes):
    row = dict.fromkeys(arrow_schema("packets").names)
    row |= {
        "time": 5, "time_ns": 6, "source": 0x0A000001, "destination": 0xC6336401, "protocol": 6, "source_port": 1,
        "destination_port": 2, "checksum": 0, "tcp_flags": 2, "tcp_sequence": 3, "tcp_acknowledgment": 0,
        "tcp_window": 4, "tcp_urgent": 0, "tcp_options": b"", "tos": 0, "ttl": 9, "ip_id": 7, "ip_fragment": 0,
        "total_length": 40, "payload_length": 0, "new_payload": False, "category": "scan", "block": "x",
        "truncated": False, "payload_bytes": None,
    }  # fmt: skip
    return row | changes


def raw(packets, table_rows, lengths=None):
    offsets = np.cumsum([0, *map(len, packets)])
    return RawPackets(
        np.array(table_rows, np.int64),
        np.frombuffer(b"".join(packets), np.uint8),
        offsets,
        np.array(lengths if lengths is not None else [len(p) for p in packets], np.uint32),
    )


def test_raw_packets_replace_what_would_be_rebuilt():
    table = table_of([one(ip_id=i) for i in range(4)])
    records = pcap_records(table, raw([b"E-odd", b"E", b""], [0, 2, 3], [5, 1500, 40]))
    found = read_records(records.octets)
    assert [(f[2], f[3]) for f in found] == [
        (5, b"E-odd"),
        (40, packet_of(one(ip_id=1))),
        (1500, b"E"),
        (40, b""),
    ]
    assert {f[:2] for f in found} == {(0, 5006)}
    assert records.checksums_unknown == 0


@pytest.mark.parametrize("wrong", [[1, 0], [0, 0], [0, 4], [-1, 0]])
def test_raw_packets_of_other_rows_are_refused(wrong):
    with pytest.raises(ValueError, match="rows must ascend within the table's 4"):
        pcap_records(table_of([one()] * 4), raw([b"a", b"b"], wrong))


@pytest.mark.parametrize("wrong", [[0, 2, 1], [-1, 1, 2], [0, 1, 3]])
def test_raw_packets_outside_their_column_are_refused(wrong):
    good = raw([b"a", b"b"], [0, 1])
    with pytest.raises(ValueError, match="offsets within 2 octets"):
        pcap_records(table_of([one()] * 4), good._replace(offsets=np.array(wrong)))
    with pytest.raises(ValueError, match="expected as many, with one offset more"):
        pcap_records(table_of([one()] * 4), good._replace(offsets=np.array([0, 1])))


@pytest.mark.parametrize("options", [b"\0" * 41, b"\0" * 44, b"\0", b"\0" * 6])
def test_options_that_no_header_holds_are_refused(options):
    with pytest.raises(ValueError, match="row 1 of the packets has TCP options of a length other than"):
        pcap_records(table_of([one(), one(tcp_options=options)]))


@pytest.mark.parametrize("change", [{"time": -1}, {"time": 2**32 * 10**6}])
def test_times_that_pcap_cannot_hold_are_refused_with_what_would_do(change):
    with pytest.raises(
        ValueError, match=r"^1 packet is of a time before 1970 or after 2106-02-07T06:28:15Z"
    ) as refused:
        pcap_records(table_of([one(), one(**change)]))
    assert "export pcapng, or narrow the range" in str(refused.value)


def test_nanoseconds_that_none_are_show_a_damaged_store():
    with pytest.raises(ValueError, match="row 0 of the packets has more than 999 nanoseconds"):
        pcap_records(table_of([one(time_ns=1000)]))


def test_parts_of_a_packet_have_no_transport_checksum():
    first_fragment = one(ip_fragment=0x2000)
    cut = one(truncated=True, total_length=100)
    records = pcap_records(table_of([first_fragment, cut, one()]))
    found = read_records(records.octets)
    assert records.checksums_unknown == 2
    assert [f[3][36:38] == b"\0\0" for f in found] == [True, True, False]
    assert [f[2] for f in found] == [40, 100, 40]


def test_a_total_length_of_zero_is_given_back():
    payload = b"y" * 65_000
    records = pcap_records(table_of([one(total_length=0, payload_length=65_000, payload_bytes=payload)]))
    ((_, _, length, found),) = read_records(records.octets)
    assert length == len(found) == 65_040
    assert found[2:4] == b"\0\0" and found[40:] == payload


def test_an_icmp_message_of_zeros_has_a_checksum_of_ones():
    row = one(protocol=1, tcp_flags=None, tcp_options=None, source_port=None, destination_port=None, icmp_type=0,
              icmp_code=0, icmp_rest=0, total_length=28)  # fmt: skip
    assert read_records(pcap_records(table_of([row])).octets)[0][3][20:] == b"\0\0\xff\xff\0\0\0\0"


def test_no_rows_give_no_records():
    assert pcap_records(table_of([one()]).slice(0, 0)).octets.size == 0


def sample(count):
    packets = []
    for i in range(count):
        text = bytes([65 + i % 26]) * (i % 50)
        body = {"payload_length": len(text), "payload_bytes": text or None, "time": i * 1_000_001, "ip_id": i}
        kinds = (
            one(**body, total_length=44 + len(text), tcp_options=b"\x02\x04\x05\xb4", tcp_flags=0x18),
            one(**body, total_length=28 + len(text), protocol=17, tcp_flags=None, tcp_options=None,
                checksum=UDP_ABSENT if i % 2 else 0),
            one(**body, total_length=28 + len(text), protocol=1, tcp_flags=None, tcp_options=None,
                source_port=None, destination_port=None, icmp_type=8, icmp_code=0, icmp_rest=i << 16 | 1),
        )  # fmt: skip
        packets.append(kinds[i % 3])
    return packets


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    packets = sample(300)
    path = tmp_path_factory.mktemp("rebuilt") / "rebuilt.pcap"
    path.write_bytes(pcap_header() + pcap_records(table_of(packets)).octets.tobytes())
    return path


def test_tcpdump_reads_the_file_and_finds_checksums_right(written):
    assert shutil.which("tcpdump"), "tcpdump judges this; install it (apt-get install tcpdump)"
    command = ["tcpdump", "--nano", "-tt", "-nvvr", str(written)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "link-type RAW" in run.stderr
    assert run.stdout.count("udp sum ok") == 50
    assert run.stdout.count("[no cksum]") == 50
    assert run.stdout.count("cksum 0x") == run.stdout.count("(correct)") == 100
    assert run.stdout.count("ICMP echo request") == 100
    for complaint in ("bad", "wrong", "incorrect", "truncated"):
        assert complaint not in run.stdout
    assert run.stdout.startswith("0.000000006 IP ")


def test_tshark_reads_the_file_and_finds_checksums_right(written):
    if shutil.which("tshark") is None:
        pytest.skip("tshark isn't installed; it is a second judge of what tcpdump judges above")
    command = ["tshark", "-r", str(written), "-T", "fields"]
    for field in ("ip.checksum.status", "tcp.checksum.status", "udp.checksum.status", "icmp.checksum.status"):
        command += ["-e", field]
    checks = [f"{p}.check_checksum:TRUE" for p in ("ip", "tcp", "udp")]
    for check in checks:
        command += ["-o", check]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    found = [line.split("\t") for line in run.stdout.splitlines()]
    assert len(found) == 300
    assert {row[0] for row in found} == {"1"}
    assert {row[1] for row in found} == {"1", ""}
    assert {row[2] for row in found} == {"1", "3", ""}  # 3: there is none
    assert {row[3] for row in found} == {"1", ""}


def captures():
    return sorted(p for p in CAPTURES.glob("*") if p.suffix in (".pcap", ".pcapng", ".cap"))


@needs_captures
def test_every_packet_of_the_real_captures_comes_back_byte_for_byte():
    ranges = Darknet([Block.parse("all=0.0.0.0/0")]).ranges()
    capacity = 1 << 16
    rebuilt = kept_raw = 0
    for path in captures():
        try:
            source = open_source(path)
        except ValueError:
            continue  # not every file there is a capture
        batch = packet_batch(capacity)
        for frames in source:
            if frames.count == 0:
                continue
            counters = np.zeros(len(COUNTERS), np.int64)
            options = options_table(capacity)
            filled = decode_frames(frames, 0, ranges, 0, batch, 0, counters)
            collect_options(frames.octets, batch, 0, filled, options)
            batch.signature_entry[:filled] = 0
            distinct = Distinct(options.octets, options.offsets[: int(options.count[0]) + 1])
            batch.new_payload[:filled] = 0
            table = packets_table(batch, filled, ["all"], np.zeros((1, 16), np.uint8), distinct)
            table = table.take(np.argsort(kept_order(batch, filled)))  # as they arrived
            data, offsets = gather_payloads(frames.octets, batch, np.arange(filled))
            payloads = pa.LargeBinaryArray.from_buffers(
                pa.large_binary(), filled, [None, pa.py_buffer(offsets), pa.py_buffer(data)]
            )
            kept, octets, bounds = gather_frames(frames.octets, batch, 0, filled)
            raw_packets = RawPackets(kept, octets, bounds, batch.ip_length[kept])
            records = pcap_records(table.append_column("payload_bytes", payloads), raw_packets)
            assert records.payloads_lost == records.checksums_unknown == 0
            for row, (_, _, length, packet) in enumerate(read_records(records.octets)):
                at = batch.ip_offset[row]
                assert packet == frames.octets[at : at + batch.ip_captured[row]].tobytes(), (path.name, row)
                assert length == batch.ip_length[row], (path.name, row)
            rebuilt += filled - len(kept)
            kept_raw += len(kept)
        source.close()
    assert rebuilt > 10 * kept_raw > 0, (rebuilt, kept_raw)
