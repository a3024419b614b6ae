"""A live sensor's counts at one moment."""

from __future__ import annotations

from collections import Counter

from ims.sensor.state import State


def test_counters_of_replies_are_summed_over_blocks() -> None:
    replied = {"C/24": Counter(syn_acks=3, acks=1), "D/20": Counter(syn_acks=4)}
    state = State(replied=replied)
    assert state.sum_of("syn_acks") == 7
    assert state.sum_of("syn_acks", "acks") == 8
    assert state.sum_of("resets") == state.sum_of() == 0
    assert replied == {"C/24": Counter(syn_acks=3, acks=1), "D/20": Counter(syn_acks=4)}


def test_states_share_no_counters() -> None:
    one, other = State(), State()
    one.packets["C/24"] += 1
    one.ring_fill["0"] = 0.5
    assert (other.packets, other.ring_fill, State().sum_of("syn_acks")) == (Counter(), {}, 0)
