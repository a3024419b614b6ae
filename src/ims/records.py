"""Every record, column by column: NumPy batches, Arrow schemas and docs/records.md are derived from here.

`PACKETS`, `PAYLOADS`, `FRAMES_RAW` and `COVERAGE` are the tables of a store. `PacketBatch` is a batch of packets as
kernels fill it: a struct of arrays with the columns of `PACKETS` that a packet itself determines, and working columns,
which later stages need and nobody stores.
"""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

# Present parts of a packet, as bits of the working column `layers`. A column is null where its layer is absent. Each
# part of a transport header counts by itself, as a capture may cut it anywhere: TCP is its flags, ICMP its type.
PORTS, TCP, ICMP, PAYLOAD, RESPONDER, SEQUENCE, ACKNOWLEDGMENT, WINDOW, URGENT = (1 << bit for bit in range(9))
TCP_OPTIONS, ICMP_CODE, ICMP_REST, IP_HEADER, TCP_OFFSET, UDP_LENGTH, PRESUMED = (1 << bit for bit in range(9, 16))
WHOLE_TCP = PORTS | TCP | SEQUENCE | ACKNOWLEDGMENT | WINDOW | URGENT | TCP_OPTIONS
WHOLE_ICMP = ICMP | ICMP_CODE | ICMP_REST

# Bits of the column `checksum`.
IP_WRONG, TRANSPORT_WRONG, TRANSPORT_UNVERIFIED, UDP_ABSENT = 1, 2, 4, 8

# The categories of decode/category.py; the working column `category` indexes this.
CATEGORIES = ("other", "scan", "backscatter", "session", "udp")


@dataclass(frozen=True)
class Column:
    """One column: its name, its Arrow type, its NumPy type in a batch (None: made later), what it means."""

    name: str
    arrow: str
    numpy: str | None
    meaning: str
    layer: int = 0
    """layer without which it is null; 0: never null, -1: nullable for another reason"""
    later: int = 0
    """1, 2, ...: it came with this addition to `packets`; files from before lack it, and are read with nulls there"""


PACKETS = (
    Column("time", "timestamp[us, UTC]", "i8", "arrival"),
    Column("time_ns", "uint16", "u2", "0 to 999: the nanoseconds below `time`"),
    Column("source", "uint32", "u4", "source address as a number; shown dotted"),
    Column("destination", "uint32", "u4", "monitored address as a number; shown dotted"),
    Column("protocol", "uint8", "u1", "IANA protocol number"),
    Column("source_port", "uint16", "u2", "TCP, UDP or SCTP source port; null where there is none", PORTS),
    Column("destination_port", "uint16", "u2", "TCP, UDP or SCTP destination port; null where there is none", PORTS),
    Column("icmp_type", "uint8", "u1", "ICMP type; null unless ICMP", ICMP),
    Column("icmp_code", "uint8", "u1", "ICMP code; null unless ICMP", ICMP_CODE),
    Column("icmp_rest", "uint32", "u4", "bytes 4 to 7 of the ICMP header; null unless ICMP", ICMP_REST),
    Column("checksum", "uint8", "u1", "flags: 1 IP checksum wrong, 2 transport checksum wrong, 4 transport checksum "
           "not verifiable (fragment, cut, offloaded), 8 UDP checksum absent"),
    Column("tcp_flags", "uint16", "u2", "the nine flag bits, FIN lowest, NS highest; null unless TCP", TCP),
    Column("tcp_sequence", "uint32", "u4", "sequence number; null unless TCP", SEQUENCE),
    Column("tcp_acknowledgment", "uint32", "u4", "acknowledgment number; null unless TCP", ACKNOWLEDGMENT),
    Column("tcp_window", "uint16", "u2", "window as on the wire; null unless TCP", WINDOW),
    Column("tcp_urgent", "uint16", "u2", "urgent pointer; null unless TCP", URGENT),
    Column("tcp_options", "binary", None,
           "raw option bytes, in their order; null unless TCP, and where they are cut or the data offset lies",
           TCP_OPTIONS),
    Column("tos", "uint8", "u1", "type of service byte (DSCP and ECN)"),
    Column("ttl", "uint8", "u1", "time to live"),
    Column("ip_id", "uint16", "u2", "IP identification"),
    Column("ip_fragment", "uint16", "u2", "flags and fragment offset, as on the wire"),
    Column("total_length", "uint16", "u2", "IP total length, as on the wire"),
    Column("payload_length", "uint16", "u2", "captured payload bytes: after the TCP or UDP header, after ICMP's first "
           "8 bytes, after the IP header for other protocols and later fragments; 0 after a TCP, UDP or ICMP header "
           "that is cut or lies about its length"),
    Column("signature", "fixed_size_binary[16]", None, "MD5 of the payload; null without payload", PAYLOAD),
    Column("new_payload", "bool", "u1", "the payload was new this UTC day at this sensor"),
    Column("category", "dictionary[string]", "u1", "scan, backscatter, session, udp or other"),
    Column("verified", "bool", "u1", "the acknowledgment number is our cookie's; null where no responder ran",
           RESPONDER),
    Column("block", "dictionary[string]", "u2", "name of the monitored block"),
    Column("truncated", "bool", "u1", "the capture cut the packet"),
    # Null where the columns above give the value. Later additions stand last, in order: query/engines/parquet_files.py
    # tells by the end of a file which of them it has.
    Column("ip_header_length", "uint8", "u1",
           "octets of the IP header, as it says; null where they are 20 and `total_length` was sent", IP_HEADER,
           later=1),
    Column("tcp_offset", "uint8", "u1", "octet 12 of the TCP header (data offset, reserved bits); null where it is "
           "what the length of `tcp_options` and the flag NS give, and where it wasn't captured", TCP_OFFSET, later=1),
    Column("udp_length", "uint16", "u2", "length in the UDP header; null where it is 8 + `payload_length` of a packet "
           "that isn't cut and ends there by `total_length`, and where it wasn't captured", UDP_LENGTH, later=1),
    Column("presumed_length", "uint32", "u4", "octets of the IP packet on the wire where `total_length` is 0 "
           "(segmentation left to hardware) or claims more, else null", PRESUMED, later=1),
)  # fmt: skip

LATER = {column.name: column.later for column in PACKETS if column.later}
"""Columns of `packets` that stores written before they came lack, and with which addition each came."""
assert [column.later for column in PACKETS] == sorted(column.later for column in PACKETS)
LENGTHS = tuple(name for name, addition in LATER.items() if addition == 1)

WORKING = (
    # Where a row's bytes lie in the buffer it was decoded from, valid until the next buffer comes.
    Column("layers", "", "u2", "which of the parts named above the packet has, and RESPONDER where one ran"),
    Column("raw", "", "u1", "1: the columns can't express this packet, keep its bytes in frames_raw"),
    Column("ip_offset", "", "i8", "offset of the IP header"),
    Column("ip_captured", "", "i8", "captured bytes from the IP header to the end of the IP packet"),
    Column("ip_length", "", "i8", "bytes on the wire from the IP header to the end of the IP packet"),
    Column("options_offset", "", "i8", "offset of the TCP options"),
    Column("options_length", "", "u1", "length of the TCP options, 0 to 40; 0 where they are null"),
    Column("payload_offset", "", "i8", "offset of the payload; its length is payload_length"),
    Column("frame", "", "i4", "number of the frame that the packet came in"),
    Column("signature_entry", "", "i4", "index into the batch's distinct signatures; -1 without payload"),
    Column("options_entry", "", "i4", "index into the batch's distinct TCP options; -1 where they are null"),
)

PAYLOADS = (
    Column("signature", "fixed_size_binary[16]", None, "MD5 of the payload"),
    Column("day", "date32", None, "UTC day for which the payload was new"),
    Column("first_seen", "timestamp[us, UTC]", None, "arrival of its first packet that day"),
    Column("length", "uint16", None, "bytes of the payload"),
    Column("payload", "binary", None, "the payload itself"),
    Column("protocol", "uint8", None, "protocol of its first packet"),
    Column("destination_port", "uint16", None, "destination port of its first packet; null if it had none", -1),
    Column("source", "uint32", None, "source address of its first packet"),
    Column("ever_first_seen", "timestamp[us, UTC]", None, "first arrival at this sensor, earlier days included"),
    Column("truncated", "bool", None, "the capture cut the packet, so the payload may be longer"),
)

FRAMES_RAW = (
    Column("time", "timestamp[us, UTC]", None, "arrival, as in packets"),
    Column("time_ns", "uint16", None, "nanoseconds below `time`, as in packets"),
    Column("row_key", "uint64", None, "SipHash-2-4 with a zero key over the packet's columns: finds its row"),
    Column("length", "uint32", None, "bytes on the wire from the IP header on"),
    Column("frame", "binary", None, "captured bytes from the IP header on"),
)

COVERAGE = (
    Column("block", "string", None, "name of the block"),
    Column("prefix", "string", None, "its prefix, as CIDR"),
    Column(
        "policy",
        "string",
        None,
        "what answered: `passive` for a capture, else a policy; `ports` with a policy by port; where it "
        "isn't usual, `, echo` or `, limit N` follow",
    ),
    Column("since", "timestamp[us, UTC]", None, "begin of the period"),
    Column("until", "timestamp[us, UTC]", None, "end of the period, not inside it"),
    Column("frames_lost", "uint64", None, "frames the capture is known to have lost"),
    Column("payloads_lost", "uint64", None, "new payloads not kept: the cache was full and the budget spent"),
)

TABLES: dict[str, tuple[Column, ...]] = {
    "packets": PACKETS, "payloads": PAYLOADS, "frames_raw": FRAMES_RAW, "coverage": COVERAGE,
}  # fmt: skip

BATCH_COLUMNS = tuple(c for c in PACKETS if c.numpy) + WORKING
PacketBatch = namedtuple("PacketBatch", [c.name for c in BATCH_COLUMNS])  # type: ignore[misc]
"""A struct of arrays, one NumPy array a column, all of the same length (the capacity)."""


def packet_batch(capacity: int) -> Any:
    """A PacketBatch of uninitialised columns. `time` is in microseconds since the epoch, `time_ns` what is below."""
    return PacketBatch(*[np.empty(capacity, c.numpy) for c in BATCH_COLUMNS])


def arrow_type(text: str) -> pa.DataType:
    """The Arrow type that a Column names."""
    import pyarrow as pa

    special = {
        "timestamp[us, UTC]": pa.timestamp("us", "UTC"),
        "fixed_size_binary[16]": pa.binary(16),
        "dictionary[string]": pa.dictionary(pa.int32(), pa.string()),
        "bool": pa.bool_(),
        "date32": pa.date32(),
    }
    return special.get(text) or pa.type_for_alias(text)


class StoredFile(NamedTuple):
    """A file of packets, payloads or raw frames, as a manifest has it: its table, begin of its hour (microseconds),
    rows, octets, sensor."""

    of: str
    begin: int
    rows: int
    octets: int
    sensor: str


def arrow_schema(table: str) -> pa.Schema:
    """Arrow schema of one of `TABLES`, in column order. `sensor` comes from the partition's folder name."""
    import pyarrow as pa

    return pa.schema([pa.field(c.name, arrow_type(c.arrow), nullable=c.layer != 0) for c in TABLES[table]])
