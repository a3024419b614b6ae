"""Room for sensors' answers that aren't merged yet: bounded, half of it for one asker, and small ones always fit."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.portal.asker import behalf
from ims.portal.merging import Merging
from ims.portal.part_room import OTHERS, OWN, SMALL, TOO_LARGE, NoRoomError, PartRoom, PartShare
from ims.portal.registry import Registry
from ims.portal.scatter import Scatter, ScatteredTelescope
from ims.portal.sensors import Sensors
from ims.query.wrong import UnansweredError

from ..queryd.waiting import DEADLINE, crowd
from ..stores import BLOCK, MIDNIGHT, ingest, udp, write_pcap
from .test_turns import served

SOURCES = 300_000
"""Of which halves of `sources` take more than SMALL."""


def test_what_does_not_fit_is_refused_for_its_true_cause_and_what_is_small_is_not() -> None:
    room = PartRoom(8 * SMALL)
    with room.share("a") as first, room.share("b") as second, room.share("c") as third:
        first.take(4 * SMALL)
        with room.share("a") as another:
            another.take(SMALL)
            with pytest.raises(NoRoomError):
                another.take(1)
            assert another.refused == OWN
        second.take(4 * SMALL)
        third.take(SMALL)
        with pytest.raises(NoRoomError):
            third.take(1)
        assert third.refused == OTHERS
        first.give_back()
        third.take(1)
        assert third.refused == OTHERS, "what was refused is lacking, whatever comes later"
    assert room.held == 0
    with room.share("c") as third:
        third.take(8 * SMALL)
        with pytest.raises(NoRoomError):
            third.take(1)
        assert third.refused == TOO_LARGE


def test_a_sensor_that_answers_when_its_question_is_over_takes_nothing() -> None:
    room = PartRoom(8 * SMALL)
    with room.share("a") as share:
        share.take(1)
    for octets in (1, 2 * SMALL):
        with pytest.raises(NoRoomError):
            share.take(octets)
    assert room.held == 0


def test_many_threads_of_many_questions_give_back_all_that_they_took() -> None:
    room = PartRoom(64 * SMALL)

    def ask(number: int) -> None:
        for _ in range(300):
            with room.share(str(number % 3)) as share, contextlib.suppress(NoRoomError):
                late = threads.go(lambda share=share: [share.take(SMALL // 7) for _ in range(20)])
                share.take(3 * SMALL)
            with contextlib.suppress(NoRoomError):
                late.result(DEADLINE)

    with crowd(16) as threads:
        for future in [threads.go(ask, number) for number in range(6)]:
            future.result(DEADLINE)
    assert room.held == 0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.integers(-1, 3 * SMALL)), max_size=60))
def test_it_is_bounded_and_all_is_given_back(steps: list[tuple[str, int, int]]) -> None:
    room, shares = PartRoom(4 * SMALL), dict[tuple[str, int], PartShare]()
    for who, number, octets in steps:
        share = shares.setdefault((who, number), PartShare(room, who))
        if octets < 0:
            share.give_back()
            continue
        try:
            share.take(octets)
        except NoRoomError:
            assert share.octets + octets > SMALL
        assert room.held == sum(held.octets for held in shares.values())
        assert room.held <= room.most + SMALL * len(shares)
    for share in shares.values():
        share.give_back()
    assert room.held == 0


def test_a_large_question_finds_no_room_and_a_small_one_is_answered(tmp_path: Path) -> None:
    """By a real daemon, while another's answers hold all there is."""
    sources = np.random.default_rng(14).choice(1 << 24, SOURCES, replace=False)
    packets = [(MIDNIGHT + n // 1000, udp(0x18000000 + int(s), 0xC6336407, 53, b"")) for n, s in enumerate(sources)]
    store = ingest(tmp_path / "STORE", write_pcap(tmp_path / "many.pcap", packets), blocks=[BLOCK])
    room = PartRoom(64 << 20)
    with served(store, 2) as (service, answerer, _):
        answerer.free.set()
        registry = tmp_path / "registry.toml"
        registry.write_text(f'[[sensor]]\nname = "a"\naddress = "127.0.0.1:{service.port}"\n')
        with contextlib.closing(Sensors(Registry(registry), None, lambda serial: None)) as sensors:
            telescope = ScatteredTelescope(Scatter(sensors, Merging(1, 512 << 20), room=room))
            with room.share("x") as x, room.share("y") as y:
                x.take(room.most // 2)
                y.take(room.most // 2)
                with behalf("somebody"), pytest.raises(UnansweredError, match="leave no room for this one"):
                    telescope.top("source", limit=10)
                with behalf("somebody"):
                    [row] = telescope.series(bin="1h").rows()
                    assert row["value"] == SOURCES
            with behalf("somebody"):
                assert len(telescope.top("source", limit=10)) == 10
        assert room.held == 0
