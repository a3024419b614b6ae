"""Columns of packets to the bytes of a pcap file: Ethernet, IPv4, TCP, UDP, ICMP, valid checksums (RFC 1071).

Whole columns at a time, no packet by itself. The headers of all packets stand in one matrix, a row a packet;
payloads stand one after the other in one buffer; both are gathered into the file's bytes in one step.
"""

from __future__ import annotations

from typing import Any, BinaryIO, NamedTuple

import numpy as np

Octets = np.ndarray[Any, np.dtype[np.uint8]]
Numbers = np.ndarray[Any, np.dtype[np.int64]]

ICMP, TCP, UDP = 1, 6, 17
DONT_FRAGMENT = 0x4000

# Where a header begins in a row: pcap record, Ethernet, IPv4, transport, TCP options.
_ETHERNET, _IP, _TRANSPORT, _OPTIONS = 16, 30, 50, 70
_WIDTH = _OPTIONS + 40

OPTION_SETS: tuple[bytes, ...] = (
    b"",
    bytes.fromhex("020405b4"),  # MSS alone, as nmap sends
    bytes.fromhex("020405b4 0402 080a 00000000 00000000 01 030307"),  # Linux: MSS, SACK, timestamps, scale
    bytes.fromhex("020405b4 01 030308 0101 0402"),  # Windows: MSS, scale, SACK
    bytes.fromhex("0101 080a 00000000 00000000"),  # timestamps alone, as on established connections
)
_TIMESTAMP_AT = (None, None, 8, None, 4)  # where the timestamp value stands in the set of the same index


class Packets(NamedTuple):
    """Packets as columns of equal length, int64; fields that a protocol lacks are ignored."""

    time_ns: Numbers
    """nanoseconds since the epoch"""
    source: Numbers
    destination: Numbers
    protocol: Numbers
    """1, 6 or 17"""
    ttl: Numbers
    ip_id: Numbers
    ip_fragment: Numbers
    """flags and offset as on the wire"""
    source_port: Numbers
    destination_port: Numbers
    sequence: Numbers
    acknowledgment: Numbers
    flags: Numbers
    window: Numbers
    options: Numbers
    """index into OPTION_SETS"""
    timestamp: Numbers
    """TCP timestamp value, where the option set has one"""
    icmp_type: Numbers
    icmp_code: Numbers
    icmp_rest: Numbers
    """bytes 4 to 7 of the ICMP header"""
    payload: Numbers
    """index into a Payloads; 0 is the empty one"""


def packet_columns(count: int, **columns: Any) -> Packets:
    """`count` packets from columns or single numbers, 0 where not named. Raises TypeError on other names."""
    if unknown := columns.keys() - set(Packets._fields):
        raise TypeError(f"no such columns: {sorted(unknown)}; there are {list(Packets._fields)}")
    values = [np.asarray(columns.get(name, 0), np.int64) for name in Packets._fields]
    return Packets(*[np.broadcast_to(value, count) for value in values])


def joined(parts: list[Packets]) -> Packets:
    """All parts as one, in the order of time; equal times keep the order of the parts."""
    whole = [np.concatenate(column) for column in zip(*parts, strict=True)]
    order = np.argsort(whole[0], kind="stable")
    return Packets(*[column[order] for column in whole])


class Payloads(NamedTuple):
    """Payloads in one buffer, each padded to an even length; entry 0 is the empty payload."""

    octets: Octets
    offset: Numbers
    length: Numbers
    total: Numbers
    """sum of the payload's 16-bit words, in native order as one's complement sums allow (RFC 1071, 2 (B))"""

    @classmethod
    def of(cls, contents: list[bytes]) -> Payloads:
        """Entry 0 and one for each of `contents`, in their order."""
        nothing = cls(np.zeros(2, np.uint8), np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros(1, np.int64))
        length = np.array([len(content) for content in contents], np.int64)
        return nothing.extended(np.frombuffer(b"".join(contents), np.uint8), length)

    def extended(self, octets: Octets, length: Numbers) -> Payloads:
        """These and more: `octets` holds the others back to back, `length` how long each is (1 or more)."""
        if not length.size:
            return self
        room = length + (length & 1)
        begin = np.cumsum(room) - room
        padded = np.zeros(int(room.sum()), np.uint8)
        padded[_ranges(begin, length)] = octets
        total = np.add.reduceat(padded.view(np.uint16), begin // 2, dtype=np.int64)
        return Payloads(
            np.concatenate([self.octets, padded]),
            np.concatenate([self.offset, begin + self.octets.size]),
            np.concatenate([self.length, length]),
            np.concatenate([self.total, total]),
        )


def write_pcap_header(file: BinaryIO, *, nanosecond: bool) -> None:
    """The file header of a little-endian Ethernet pcap, snapshot length 262,144."""
    magic = 0xA1B23C4D if nanosecond else 0xA1B2C3D4
    file.write(np.array([magic, 2 | 4 << 16, 0, 0, 262_144, 1], "<u4").tobytes())


def pcap_records(packets: Packets, payloads: Payloads, *, nanosecond: bool) -> Octets:
    """The pcap records of `packets`, back to back. Needs about 1.5 kB a packet while it runs."""
    rows = _headers(packets, payloads, nanosecond)
    payload_length = payloads.length[packets.payload]
    header_length = _TRANSPORT + _transport_length(packets)
    starts = np.empty((packets.time_ns.size, 2), np.int64)
    lengths = np.empty_like(starts)
    starts[:, 0] = np.arange(packets.time_ns.size) * _WIDTH
    starts[:, 1] = rows.size + payloads.offset[packets.payload]
    lengths[:, 0], lengths[:, 1] = header_length, payload_length
    return np.concatenate([rows.ravel(), payloads.octets])[_ranges(starts.ravel(), lengths.ravel())]


def ip_headers(packets: Packets, payloads: Payloads, transport: int) -> Octets:
    """The IPv4 header and the first `transport` octets after it, a row a packet: what ICMP errors quote."""
    return _headers(packets, payloads, False)[:, _IP : _TRANSPORT + transport]


def _ranges(start: Numbers, length: Numbers) -> Numbers:
    """All of start[0] .. start[0] + length[0] - 1, then start[1] .., as one array."""
    end = np.cumsum(length)
    return np.repeat(start - (end - length), length) + np.arange(int(end[-1]) if end.size else 0)


def _transport_length(packets: Packets) -> Numbers:
    option_length = np.array([len(options) for options in OPTION_SETS], np.int64)
    return np.where(packets.protocol == TCP, 20 + option_length[packets.options], 8)


def _headers(p: Packets, payloads: Payloads, nanosecond: bool) -> Octets:
    """One row a packet: pcap record header, Ethernet, IPv4, transport; zero after its end."""
    count = p.time_ns.size
    rows = np.zeros((count, _WIDTH), np.uint8)
    tcp, udp, icmp = p.protocol == TCP, p.protocol == UDP, p.protocol == ICMP
    transport_length = _transport_length(p) + payloads.length[p.payload]
    captured = transport_length + _TRANSPORT - _ETHERNET

    def put(at: int, kind: str, values: Any) -> None:
        width = np.dtype(kind).itemsize
        rows[:, at : at + width].view(kind)[:, 0] = values

    put(0, "<u4", p.time_ns // 1_000_000_000)
    put(4, "<u4", p.time_ns % 1_000_000_000 // (1 if nanosecond else 1000))
    put(8, "<u4", captured)
    put(12, "<u4", captured)
    rows[:, _ETHERNET:_IP] = np.frombuffer(bytes.fromhex("020000000001 020000000002 0800"), np.uint8)
    rows[:, _IP] = 0x45
    put(_IP + 2, ">u2", 20 + transport_length)
    put(_IP + 4, ">u2", p.ip_id)
    put(_IP + 6, ">u2", p.ip_fragment)
    rows[:, _IP + 8] = p.ttl
    rows[:, _IP + 9] = p.protocol
    put(_IP + 12, ">u4", p.source)
    put(_IP + 16, ">u4", p.destination)
    put(_IP + 10, "u2", _checksum(rows[:, _IP:_TRANSPORT], 0))

    t = _TRANSPORT
    put(t, ">u2", np.where(icmp, p.icmp_type << 8 | p.icmp_code, p.source_port))
    put(t + 2, ">u2", np.where(icmp, 0, p.destination_port))
    put(t + 4, ">u4", np.where(tcp, p.sequence, np.where(icmp, p.icmp_rest, transport_length << 16)))
    put(t + 8, ">u4", np.where(tcp, p.acknowledgment, 0))
    put(t + 12, ">u2", np.where(tcp, (_transport_length(p) // 4) << 12 | p.flags, 0))
    put(t + 14, ">u2", np.where(tcp, p.window, 0))
    for index, options in enumerate(OPTION_SETS):
        chosen = np.flatnonzero(tcp & (p.options == index)) if options else np.empty(0, np.int64)
        if not chosen.size:
            continue
        block = np.zeros((chosen.size, len(options)), np.uint8)
        block[:] = np.frombuffer(options, np.uint8)
        at = _TIMESTAMP_AT[index]
        if at is not None:
            block[:, at : at + 4] = p.timestamp[chosen].astype(">u4").view(np.uint8).reshape(-1, 4)
        rows[chosen, _OPTIONS : _OPTIONS + len(options)] = block

    # The pseudo-header of TCP and UDP: addresses, protocol, length (RFC 9293 3.1, RFC 768).
    addresses = rows[:, _IP + 12 : _IP + 20].view(np.uint16).sum(axis=1, dtype=np.int64)
    pseudo = np.where(icmp, 0, addresses + _swapped(p.protocol) + _swapped(transport_length))
    checksum = _checksum(rows[:, t:], pseudo + payloads.total[p.payload])
    checksum[udp & (checksum == 0)] = 0xFFFF
    for which, at in ((tcp, t + 16), (udp, t + 6), (icmp, t + 2)):
        chosen = np.flatnonzero(which)
        rows[chosen, at : at + 2] = checksum[chosen].astype(np.uint16).view(np.uint8).reshape(-1, 2)
    return rows


def _swapped(values: Numbers) -> Numbers:
    """16-bit numbers as their big-endian octets read in native order."""
    return values.astype(">u2").view(np.uint16).astype(np.int64)


def _checksum(octets: Octets, total: Any) -> Numbers:
    """Internet checksum of each row, in native order, with `total` added to its sum."""
    folded = octets.view(np.uint16).sum(axis=1, dtype=np.int64) + total
    for _ in range(3):  # a sum below 2**48 fits 16 bits after three folds
        folded = (folded & 0xFFFF) + (folded >> 16)
    checksum: Numbers = ~folded & 0xFFFF
    return checksum
