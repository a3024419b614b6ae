"""Counts what is written, by event and block, while it is written: the truth is counted, not computed."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ims.kernels import kernel
from ims.packet.octets import be32
from ims.simulate.kernels.frame_buffer import PERHAPS
from ims.simulate.kernels.prng import mix

Array = np.ndarray[Any, Any]
FARTHEST = 64


class Tally(NamedTuple):
    """Counters, a row an event."""

    packets: Array  # int64 (events, blocks)
    octets: Array  # int64 (events,): from the IP header on
    first: Array  # int64 (events,): ns since the scenario's start
    last: Array
    personas: Array  # int64 (events, personas): SYNs
    hops: Array  # int64 (events, 64): packets
    payloads: Array  # int64 (events, shelf): packets with this payload
    unique: Array  # int64 (events,): packets whose payload was made up for them
    seen: Array  # uint8 (shelf,): payloads that came before on this UTC day
    day: Array
    """int64 (3,): this day's packets with a payload; those of them whose payload is certainly new; those since
    `perhaps` was emptied of which it isn't certain"""
    perhaps: Array  # uint64 (frames,): `digest` of the payloads of the latter


def empty_tally(events: int, blocks: int, personas: int, shelf: int, frames: int) -> Tally:
    """Nothing counted yet; for whiles of so many `frames`."""
    return Tally(
        np.zeros((events, blocks), np.int64), np.zeros(events, np.int64), np.full(events, -1, np.int64),
        np.full(events, -1, np.int64), np.zeros((events, personas), np.int64), np.zeros((events, FARTHEST), np.int64),
        np.zeros((events, shelf), np.int64), np.zeros(events, np.int64), np.zeros(shelf, np.uint8),
        np.zeros(3, np.int64), np.zeros(frames, np.uint64),
    )  # fmt: skip


@kernel
def digest(octets, begin, end):
    """A uint64 hash of octets[begin:end]."""
    word = np.uint64(end - begin)
    for at in range(begin, end):
        word = mix(word ^ np.uint64(octets[at]) << np.uint64(56))
    return word


@kernel
def count(draft, order, rows, tally, whence):
    """Count the first `rows` in order, and set whence[i] (uint64) to the i-th's event, block and source."""
    blocks = tally.packets.shape[1]
    for i in range(rows):
        row = order[i]
        event, block, begin = draft.event[row], draft.block[row], draft.offset[row]
        tally.packets[event, block] += 1
        tally.octets[event] += draft.length[row] - 14
        if tally.first[event] < 0 or draft.time[row] < tally.first[event]:
            tally.first[event] = draft.time[row]
        tally.last[event] = max(tally.last[event], draft.time[row])
        tally.hops[event, min(draft.hops[row], FARTHEST - 1)] += 1
        protocol, flags = draft.octets[begin + 23], draft.octets[begin + 47] if draft.length[row] > 47 else 0
        if protocol == 6 and flags & 0x12 == 2 and draft.persona[row] >= 0:
            tally.personas[event, draft.persona[row]] += 1
        if draft.speaks[row] > 0:
            entry = draft.payload[row]
            tally.day[0] += 1
            if entry < 0:
                tally.unique[event] += 1
                if entry == PERHAPS:
                    end = begin + draft.length[row]
                    tally.perhaps[tally.day[2]] = digest(draft.octets, end - draft.speaks[row], end)
                    tally.day[2] += 1
                else:
                    tally.day[1] += 1
            else:
                tally.payloads[event, entry] += 1
                tally.day[1] += 1 - tally.seen[entry]
                tally.seen[entry] = 1
        source = np.uint64(be32(draft.octets, begin + 26))
        whence[i] = np.uint64(event * blocks + block) << np.uint64(32) | source
