"""Frames go to the ring as they are, but for whom they are from and to; none goes to an address that isn't dark."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ims.player.transmit import STRAY, transmit
from ims.simulate.kernels.frame_buffer import LARGEST, PACKET, empty_draft, put_packet, shelf_of
from ims.simulate.kernels.persona import persona_table

from .rings import FREE, SENT, ring

FIRST, LAST = np.array([1000, 5000]), np.array([1255, 5003])
LINK = np.frombuffer(bytes.fromhex("02aabbccddee021122334455"), np.uint8)
SHELF = shelf_of([b"p" * 1460], [0])


def draft_to(destinations):
    draft, packet = empty_draft(len(destinations) + 1, (len(destinations) + 1) * LARGEST), np.zeros(1, PACKET)[0]
    for index, destination in enumerate(destinations):
        packet["time"], packet["protocol"], packet["destination"] = index * 10, 17, destination
        packet["payload"], packet["payload_length"] = index % 2, 1460 * (index % 2)
        assert put_packet(draft, packet, persona_table(), SHELF)
    return draft


def handed_out(destinations, slots=16):
    draft, out = draft_to(destinations), ring(slots)
    order = np.arange(len(destinations))
    reached = transmit(draft, order, 0, len(destinations), LINK, FIRST, LAST, out.slots)
    return draft, out, reached


def test_frames_arrive_as_they_were_made_from_us_to_the_peer():
    draft, out, reached = handed_out([1000, 1255, 5003])
    assert reached == 3
    for row, frame in enumerate(out.frames()):
        at, length = draft.offset[row], draft.length[row]
        assert frame == LINK.tobytes() + draft.octets[at + 12 : at + length].tobytes()
    assert out.states() == [SENT] * 3 + [FREE] * 13


@given(
    st.lists(st.sampled_from([1000, 1100, 1255, 5000, 5003]), max_size=6), st.sampled_from([0, 999, 1256, 4999, 5004])
)
def test_nothing_is_sent_outside_the_blocks(before, stray):
    _, out, reached = handed_out([*before, stray, 1000])
    assert reached == STRAY
    assert len(out.frames()) == len(before)


def test_a_full_ring_takes_what_it_can():
    _, out, reached = handed_out([1000] * 6, slots=4)
    assert reached == 4
    assert out.states() == [SENT] * 4


def test_a_frame_longer_than_a_slot_isn_t_sent():
    draft = draft_to([1000, 1000])
    out = ring(4, slot=512)
    assert transmit(draft, np.arange(2), 0, 2, LINK, FIRST, LAST, out.slots) == STRAY
    assert len(out.frames()) == 1


def test_rows_that_point_outside_the_draft_aren_t_sent():
    for column, value in (("offset", -1), ("offset", 10**9), ("length", 33), ("length", 10**6)):
        draft = draft_to([1000])
        getattr(draft, column)[0] = value
        out = ring(4)
        assert transmit(draft, np.arange(1), 0, 1, LINK, FIRST, LAST, out.slots) == STRAY
        assert out.frames() == []
