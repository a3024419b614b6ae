"""The judge of filters: the same packets to tcpdump and, through capture and decode, to DuckDB.

Each packet's time is its number in microseconds, so both say not only how many packets match but which.
"""

import random
import struct
import subprocess

import duckdb
import ibis
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ims.capture.open import open_source
from ims.darknet import Block, Darknet
from ims.decode.frames import decode_frames
from ims.decode.options import collect_options, options_table
from ims.decode.verdict import COUNTERS, STORED
from ims.query.language.filter import parse
from ims.query.plans.predicate import predicate
from ims.records import packet_batch
from ims.store.columns import Distinct, packets_table

from ..stores import CAPTURES

ETHERNET = bytes(12) + b"\x08\x00"
FIRST = 1500
"""Packets taken of one capture: enough to hold each kind that is in it."""


def whole(packet):
    """Whether an IPv4 packet (from its header on, link padding behind it) is whole and valid."""
    if len(packet) < 20 or packet[0] >> 4 != 4:
        return False
    header, total = (packet[0] & 15) * 4, struct.unpack_from(">H", packet, 2)[0]
    if not 20 <= header <= total <= len(packet):
        return False
    above, fragment, protocol = packet[header:total], struct.unpack_from(">H", packet, 6)[0], packet[9]
    if fragment & 0x1FFF:
        return True
    if protocol == 6:
        return len(above) >= 20 and 20 <= (above[12] >> 4) * 4 <= len(above)
    if protocol == 17:
        return len(above) >= 8 and (fragment & 0x2000 or struct.unpack_from(">H", above, 4)[0] == len(above))
    return protocol not in (1, 132) or len(above) >= 8


def packets_of(path):
    """The untagged, whole, valid IPv4 packets of an Ethernet pcap: a reader of its own, in plain Python."""
    octets = path.read_bytes()
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\x4d\x3c\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">"}.get(octets[:4])
    if order is None or struct.unpack_from(f"{order}I", octets, 20)[0] != 1:
        return []
    found, at = [], 24
    while at + 16 <= len(octets) and len(found) < FIRST:
        captured, length = struct.unpack_from(f"{order}II", octets, at + 8)
        frame, at = octets[at + 16 : at + 16 + captured], at + 16 + captured
        if captured == length == len(frame) and frame[12:14] == b"\x08\x00" and whole(frame[14:]):
            found.append(frame[14:])
    return found


def captured():
    """Packets of every capture in ../shared/captures that has such."""
    return [packet for path in sorted(CAPTURES.glob("*")) if path.is_file() for packet in packets_of(path)]


def made(count, seed=1):
    """Whole, valid packets of every shape, with the values near which filters go wrong."""
    dice = random.Random(seed)
    addresses = [0, 0x01020304, 0x05060708, 0x0A000001, 0x0A010203, 0x0AFFFFFF, 0x0B000000, 0xC0A80101, 0xC0A8FFFF,
                 0x7F000001, 0x80000000, 0xC6336407, 0xDFFFFFFF, 0xE0000001, 0xEFFFFFFA, 0xFFFFFFFF]  # fmt: skip
    ports = [0, 1, 21, 22, 25, 53, 79, 80, 81, 443, 1023, 1024, 1025, 1434, 8080, 0x8000, 0xFFFF]

    def number(bits, *edges):
        return dice.choice([dice.getrandbits(bits), *edges])

    found = []
    for _ in range(count):
        protocol = dice.choice(
            [1, 1, 6, 6, 6, 17, 17, 2, 47, 50, 51, 103, 112, 132, dice.choice([0, 4, 9, 58, 89, 255])]
        )
        fragment = dice.choice([0, 0, 0, 0x4000, 0x4000, 0x8000, 0x2000, 0x2001, 0x0001, 0x3FFF, 0x1FFF, 0x00B9])
        data = dice.randbytes(dice.choice([0, 0, 1, 3, 18, 100]))
        if protocol == 6:
            options = dice.randbytes(4 * dice.choice([0, 0, 1, 3, 5, 10]))
            flags = dice.choice([2, 16, 18, 4, 20, 1, 0x1FF, 0, dice.getrandbits(9)])
            above = struct.pack(
                ">HHIIHHHH", dice.choice(ports), dice.choice(ports), number(32, 0, 1, 0xFFFFFFFF), number(32, 0),
                (5 + len(options) // 4) << 12 | dice.choice([0, 0, 0xE00]) | flags, number(16, 0, 0xFFFF), number(16), number(16, 0),
            ) + options  # fmt: skip
        elif protocol == 17:
            more = 1480 if fragment & 0x2000 else 0
            above = struct.pack(">HHHH", dice.choice(ports), dice.choice(ports), 8 + len(data) + more, number(16, 0))
        elif protocol == 1:
            kind = dice.choice([0, 3, 5, 8, 11, 13, 14, dice.getrandbits(8)])
            above = struct.pack(">BBHI", kind, dice.choice([0, 1, 3, 13]), number(16), number(32, 0))
        elif protocol == 132:
            above = struct.pack(">HHII", dice.choice(ports), dice.choice(ports), number(32), number(32))
        else:
            above = dice.randbytes(dice.choice([0, 8, 20]))
        options = dice.randbytes(4 * dice.choice([0, 0, 0, 0, 1, 10]))
        head = struct.pack(
            ">BBHHHBBHII", 0x45 + len(options) // 4, number(8, 0), 20 + len(options) + len(above) + len(data),
            number(16, 0, 54321), fragment, number(8, 0, 1, 64, 255), protocol, number(16),
            number(32, *addresses * 3), number(32, *addresses * 3),
        )  # fmt: skip
        packet = head + options + above + data
        assert whole(packet)
        found.append(packet + bytes(max(0, 46 - len(packet))) if dice.random() < 0.5 else packet)
    return found


def write(path, packets, lengths=None):
    """A pcap of Ethernet frames; the n-th came n microseconds after the epoch. `lengths`: on the wire, of cut ones."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, 1))
        for number, packet in enumerate(packets):
            captured = len(ETHERNET) + len(packet)
            length = captured if lengths is None else len(ETHERNET) + lengths[number]
            file.write(struct.pack("<IIII", number // 10**6, number % 10**6, captured, length) + ETHERNET + packet)


def rows_of(path):
    """The `packets` of a capture as an Arrow table; strings plain, with a sensor, signatures left out."""
    ranges = Darknet([Block.parse("all=0.0.0.0/0")]).ranges()
    tables, source = [], open_source(path)
    for frames in source:
        batch, options = packet_batch(max(frames.count, 1)), options_table(max(frames.count, 1))
        counters = np.zeros(len(COUNTERS), np.int64)
        filled = decode_frames(frames, 0, ranges, 0, batch, 0, counters)
        assert filled == counters[STORED]
        collect_options(frames.octets, batch, 0, filled, options)
        batch.signature_entry[:filled] = 0
        batch.new_payload[:filled] = 0
        distinct = Distinct(options.octets, options.offsets[: int(options.count[0]) + 1])
        table = packets_table(batch, filled, ["all"], np.zeros((1, 16), np.uint8), distinct)
        tables.append(pa.table([plain(column) for column in table.columns], table.schema.names))
    source.close()
    found = pa.concat_tables(tables)
    return found.append_column("sensor", pa.array(["a"] * len(found)))


def plain(column):
    """A column as Ibis takes it: a dictionary's values themselves, in memory of their own."""
    if pa.types.is_dictionary(column.type):
        return column.cast(column.type.value_type)
    if pa.types.is_fixed_size_binary(column.type):
        return column.cast(pa.binary())
    return pa.concat_arrays([chunk.take(pa.array(range(len(chunk)))) for chunk in column.chunks])


class RefusedError(Exception):
    """What tcpdump says of a filter that it doesn't take."""


class Judge:
    """One capture, for both. `flags`: of tcpdump."""

    def __init__(self, path, packets, lengths=None, flags=()):
        self.flags = flags
        write(path, packets, lengths)
        self.path, self.packets = path, packets
        self.connection = duckdb.connect()
        rows = rows_of(path)
        assert len(rows) == len(packets)
        pq.write_table(rows, path.with_suffix(".parquet"))
        self.connection.execute(f"CREATE VIEW packets AS FROM read_parquet('{path.with_suffix('.parquet')}')")
        self.table = ibis.table(ibis.Schema.from_pyarrow(rows.schema), name="packets")

    def tcpdump(self, text):
        """Numbers of the packets that tcpdump prints."""
        done = subprocess.run(
            ["tcpdump", *self.flags, "-r", self.path, "-w", "-", "--", text], capture_output=True, check=False
        )
        if b"expression rejects all packets" in done.stderr:
            return set()
        if done.returncode != 0:
            raise RefusedError(done.stderr.decode().strip().rpartition("tcpdump: ")[2])
        found, octets, at = set(), done.stdout, 24
        while at < len(octets):
            seconds, microseconds, captured = struct.unpack_from("<III", octets, at)
            found.add(seconds * 10**6 + microseconds)
            at += 16 + captured
        return found

    def ours(self, text):
        """Numbers of the packets that the filter matches."""
        table = self.table
        sql = ibis.to_sql(table.filter(predicate(parse(text), table)).select(table.time), dialect="duckdb")
        found = self.connection.sql(str(sql)).to_arrow_table()
        return set(found.column("time").cast(pa.int64()).to_pylist())

    def ours_of_each(self, texts):
        """The same for several filters, compiled together."""
        table = self.table
        columns = {f"f{n}": predicate(parse(text), table) for n, text in enumerate(texts)}
        found = self.connection.sql(
            str(ibis.to_sql(table.select(table.time, **columns), dialect="duckdb"))
        ).to_arrow_table()
        times = np.array(found.column("time").cast(pa.int64()).to_pylist())
        assert all(found.column(name).null_count == 0 for name in columns)
        return [set(times[found.column(name).to_numpy()].tolist()) for name in columns]

    def differ(self, text, theirs=None):
        """A sentence about the packets on which they disagree; None where they agree. `theirs` says the same to tcpdump."""
        tcpdump, ours = self.tcpdump(theirs or text), self.ours(text)
        if tcpdump == ours:
            return None
        example = min(tcpdump ^ ours)
        return (
            f"{text!r}: tcpdump {len(tcpdump)}, ours {len(ours)}; packet {example} is in "
            f"{'tcpdump' if example in tcpdump else 'ours'} only: {self.packets[example][:60].hex()}"
        )
