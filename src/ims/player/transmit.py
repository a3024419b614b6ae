"""Frames from a frame buffer to the sending ring, only to addresses of the scenario's blocks."""

from __future__ import annotations

from ims.kernels import kernel
from ims.packet.octets import be32, copy_proven
from ims.respond.reply import free_slot, hand_over
from ims.simulate.kernels.hosts import block_at

STRAY = -1


@kernel
def transmit(draft, order, begin, end, link, first, last, slots):
    """Hand rows order[begin:end] of the draft to the ring, in frames to and from `link` (uint8 (12,): the peer's
    address, ours). Returns how far it came: `end`, or less where the ring is full; STRAY, with nothing more sent, for a
    frame to an address outside the blocks (`first`, `last`: sorted)."""
    out, state, layout = slots.octets, slots.state, slots.layout
    for index in range(begin, end):
        row = order[index]
        at, length = draft.offset[row], draft.length[row]
        if at < 0 or length < 34 or at + length > draft.octets.size or length > layout[0] - layout[1]:
            return STRAY
        if block_at(be32(draft.octets, at + 30), first, last) < 0:
            return STRAY
        slot = free_slot(out, state, layout)
        if slot < 0:
            return index
        to = slot + layout[1]
        copy_proven(draft.octets, at, length, out, to)
        for i in range(12):
            out[to + i] = link[i]
        hand_over(out, state, layout, slot, length)
    return end
