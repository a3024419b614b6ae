"""Recent SYNs: they tell a source's RST to our own SYN-ACK from a victim's RST to a forged SYN.

A SYN scanner's system knows nothing of the SYN that the scanner made, and refuses our SYN-ACK with a RST whose sequence
number is what we acknowledged (RFC 9293, 3.10.7.1): the one after the SYN, or after the data that came with it. Alone
such a RST looks like backscatter.

The table has one place for each 4-tuple, chosen by a secret key (multilinear hashing: Lemire and Kaser, "Strongly
Universal String Hashing is Fast", 2014), and each SYN overwrites its place: nothing is searched, and a flood can't aim
at another's place. Where a recent SYN, of the same source or another, may have overwritten the one of a RST, that RST
is counted as undecided.
"""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import numpy as np

from ims.decode.category import SESSION
from ims.decode.verdict import RESETS_UNDECIDED
from ims.kernels import add64, mul64, proven
from ims.packet.field_values import ACK, RST, SYN
from ims.records import TCP

CAPTURE_BITS, LIVE_BITS = 14, 16
"""16,384 places of 32 octets stay in the processor's cache; a sensor's SYN has to keep its place until the RST comes,
hundreds of milliseconds later. (Measured with 13, 14, 15, 16, 17 bits: 3.7, 4.5, 5.4, 6.2, 6.5 ns a packet.)"""
WITHIN_US = 10_000_000
"""How long after its SYN a RST counts: long enough for an answer that is sent again after 1, 3 and 7 s."""
ADDRESSES, NUMBERS, TIME, AFTER_DATA = range(4)
"""A place: source and destination; ports, and the SYN's sequence number plus 1; its time in microseconds; the sequence
number after its data."""
NEVER = -(1 << 62)
MATTERS = sum(1 << flags for flags in range(32) if flags & RST or flags & (SYN | ACK) == SYN)
"""By the lowest five flags: whether a packet matters here."""
TCP_BIT = 1
assert 1 << TCP_BIT == TCP
MASK = 0xFFFFFFFF


class RecentSyns(NamedTuple):
    """The table of one pipeline."""

    places: np.ndarray[Any, np.dtype[np.int64]]
    """(power of 2, 4)"""
    shift: np.uint64
    """from a hash of 64 bits to a place"""
    key: np.ndarray[Any, np.dtype[np.uint64]]
    began_us: np.ndarray[Any, np.dtype[np.int64]]
    """time of the very first packet; NEVER before it"""
    chosen: np.ndarray[Any, np.dtype[np.int32]]
    """rows looked at together"""


def recent_syns(secret: bytes, bits: int = CAPTURE_BITS) -> RecentSyns:
    """An empty table of 1 << bits places. With the same `secret`, the same packets are decided alike."""
    key = np.frombuffer(hashlib.blake2b(b"recent SYNs", key=secret, digest_size=32).digest(), np.uint64)
    places = np.zeros((1 << bits, 4), np.int64)
    places[:, TIME] = NEVER
    return RecentSyns(places, np.uint64(64 - bits), key, np.full(1, NEVER, np.int64), np.empty(1024, np.int32))


@proven
def choose_rows(layers, flag_rows, first, last, chosen):
    """Put the rows of [first, last) that matter here into `chosen`; returns how many. Without branches: SYNs can't be
    predicted. Proof: `settle_resets` has checked that the rows exist and that `chosen` has room for them."""
    count = 0
    for row in range(first, last):
        flags = np.int64(flag_rows[row])
        chosen[count] = row
        matters = MATTERS >> (flags & 0x1F) & 1
        count += matters & np.int64(layers[row] >> TCP_BIT)
    return count


@proven
def settle_resets(packets, first, last, recent, counters):
    """Make the RSTs of sources that we answered a `session`, in rows [first, last) of `packets`, and remember SYNs.

    Reads what decoding wrote, and `verified`, so replies come before. `counters`: int64, as COUNTERS of verdict.py.
    (4.5 ns a packet with the traffic of benchmarks/traffic.py, where 42 in 100 are SYNs; 12 with a branch for each kind
    of packet and bounds checks.)

    Proof: rows, and the table's size, are checked first; a place is below 1 << (64 - shift), a chosen row one of those.
    """
    places, key, began, chosen = recent.places, recent.key, recent.began_us, recent.chosen
    flag_rows, times = packets.tcp_flags, packets.time
    sources, destinations, verified = packets.source, packets.destination, packets.verified
    source_ports, destination_ports, sequences = packets.source_port, packets.destination_port, packets.tcp_sequence
    layers, payloads = packets.layers, packets.payload_length
    categories = packets.category
    key0, key1, key2, key3 = key[0], key[1], key[2], key[3]
    shift = recent.shift
    if first < 0 or last > times.size or places.shape[0] != 1 << (64 - np.int64(shift)) or places.shape[1] != 4:
        return
    if began[0] == NEVER and last > first:
        began[0] = times[first]
    while first < last:
        end = min(last, first + chosen.size)
        count = choose_rows(layers, flag_rows, first, end, chosen)
        first = end
        for number in range(count):
            row = np.uint64(chosen[number])
            flags = np.int64(flag_rows[row])
            ports = np.int64(source_ports[row]) << 16 | np.int64(destination_ports[row])
            mixed = mul64(add64(key0, np.uint64(sources[row])), add64(key1, np.uint64(destinations[row])))
            at = add64(mixed, add64(key3, mul64(key2, np.uint64(ports)))) >> shift
            addresses = np.int64(sources[row]) << 32 | np.int64(destinations[row])
            sequence = np.int64(sequences[row])
            if flags & (SYN | ACK | RST) == SYN:
                after = (sequence + 1) & MASK
                places[at, ADDRESSES] = addresses
                places[at, NUMBERS] = ports << 32 | after
                places[at, TIME] = times[row]
                places[at, AFTER_DATA] = (after + np.int64(payloads[row])) & MASK
                continue
            held = places[at, NUMBERS]
            age = times[row] - places[at, TIME]
            same = places[at, ADDRESSES] == addresses and held >> 32 & MASK == ports
            answered = sequence == held & MASK or sequence == places[at, AFTER_DATA]
            if verified[row] or (same and answered and 0 <= age <= WITHIN_US):
                categories[row] = SESSION
            elif not (sequence == 0 and flags & ACK) and (
                -WITHIN_US <= age <= WITHIN_US or abs(times[row] - began[0]) < WITHIN_US
            ):
                # With ACK and number 0 it refuses a SYN without ACK (RFC 9293, 3.10.7.1), so no answer of ours.
                counters[RESETS_UNDECIDED] += 1
