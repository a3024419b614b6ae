"""What is counted of frames is what Counter counts of the packets that were put down."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ims.simulate.kernels.frame_buffer import LARGEST, PACKET, empty_draft, put_packet, shelf_of
from ims.simulate.kernels.persona import NAMES, persona_table
from ims.simulate.kernels.tally import FARTHEST, count, digest, empty_tally

CONTENTS = [b"x", b"ab", bytes(100)]
SHELF, PERSONAS = shelf_of(CONTENTS, [0] * len(CONTENTS)), persona_table()
EVENTS, BLOCKS, SYN, SYN_ACK = 3, 2, 2, 18

packets = st.fixed_dictionaries(
    {
        "time": st.integers(0, 10**15), "source": st.integers(0, 2**32 - 1), "destination": st.integers(0, 2**32 - 1),
        "protocol": st.sampled_from([6, 6, 17, 1]), "flags": st.sampled_from([SYN, SYN_ACK, 16, 24]),
        "persona": st.integers(0, len(NAMES) - 1), "ttl": st.integers(1, 255), "event": st.integers(0, EVENTS - 1),
        "block": st.integers(0, BLOCKS - 1), "hops": st.integers(0, 90), "payload": st.integers(0, len(CONTENTS)),
    }
)  # fmt: skip


def counted(some: list[dict[str, int]]) -> tuple[Any, Any, Any]:
    draft = empty_draft(len(some) + 1, (len(some) + 1) * LARGEST)
    for fields in some:
        packet = np.zeros(1, PACKET)[0]
        for name, value in fields.items():
            packet[name] = value
        packet["payload_length"] = SHELF.length[fields["payload"]]
        assert put_packet(draft, packet, PERSONAS, SHELF)
    order = np.argsort(draft.time[: len(some)], kind="stable")
    tally, whence = (
        empty_tally(EVENTS, BLOCKS, len(NAMES), len(CONTENTS) + 1, len(some) + 1),
        np.zeros(len(some), np.uint64),
    )
    count(draft, order, len(some), tally, whence)
    return draft, tally, (order, whence)


@given(st.lists(packets, max_size=25))
def test_packets_of_each_event_are_counted_by_block_distance_and_payload(some: list[dict[str, int]]) -> None:
    draft, tally, _ = counted(some)
    by_block = Counter((p["event"], p["block"]) for p in some)
    by_hops = Counter((p["event"], min(p["hops"], FARTHEST - 1)) for p in some)
    said = Counter((p["event"], p["payload"]) for p in some if p["payload"])
    for event in range(EVENTS):
        assert tally.packets[event].tolist() == [by_block[event, block] for block in range(BLOCKS)]
        assert tally.hops[event].tolist() == [by_hops[event, hops] for hops in range(FARTHEST)]
        assert tally.payloads[event].tolist() == [said[event, entry] for entry in range(len(CONTENTS) + 1)]
        mine = [row for row, p in enumerate(some) if p["event"] == event]
        times = [some[row]["time"] for row in mine]
        assert (tally.first[event], tally.last[event]) == ((min(times), max(times)) if times else (-1, -1))
        assert tally.octets[event] == sum(int(draft.length[row]) - 14 for row in mine)
    assert tally.day[:2].tolist() == [sum(said.values()), len({entry for _, entry in said})]


@given(st.lists(packets, max_size=25))
def test_personas_are_counted_by_their_syns_alone(some: list[dict[str, int]]) -> None:
    _, tally, _ = counted(some)
    syns = Counter((p["event"], p["persona"]) for p in some if p["protocol"] == 6 and p["flags"] == SYN)
    assert {(e, n): int(tally.personas[e, n]) for e, n in zip(*np.nonzero(tally.personas), strict=True)} == syns


@given(st.lists(packets, max_size=25))
def test_each_packet_is_told_with_its_event_block_and_source(some: list[dict[str, int]]) -> None:
    _, _, (order, whence) = counted(some)
    for row, word in zip(order.tolist(), whence.tolist(), strict=True):
        assert word == (some[row]["event"] * BLOCKS + some[row]["block"]) << 32 | some[row]["source"]


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_a_digest_stands_for_its_octets_wherever_they_lie(one: bytes, other: bytes) -> None:
    def of(octets: bytes, before: bytes) -> int:
        return int(digest(np.frombuffer(before + octets + b"end", np.uint8), len(before), len(before) + len(octets)))

    assert of(one, b"") == of(one, b"before")
    assert (of(one, b"") == of(other, b"")) == (one == other)
