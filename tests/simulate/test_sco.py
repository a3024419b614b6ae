"""The five events of Table 2 of the paper, against The SCO Group in December 2003."""

from __future__ import annotations

import datetime as dt

import pytest

from .captures import ICMP, TCP, number
from .laws import within
from .scenarios import Played

EST = dt.timezone(dt.timedelta(hours=-5))
TABLE_2 = [
    ((12, 10, 16, 24), 902, 80),
    ((12, 11, 5, 49), 480, 21),
    ((12, 11, 5, 51), 16, 25),
    ((12, 11, 7, 28), 27, 80),
    ((12, 12, 12, 23), 13, 80),
]
"""Start (month, day, hour and minute, EST), minutes, port: as printed."""
SCALE = 0.3


@pytest.fixture(scope="module")
def sco():
    return Played("sco-2003", SCALE)


def events(sco):
    return [event for event in sco.truth["events"] if event["kind"] == "attack"][:5]


def test_the_truth_has_the_five_events_at_their_times(sco):
    for event, (start, minutes, port) in zip(events(sco), TABLE_2, strict=True):
        begin = dt.datetime(2003, *start, tzinfo=EST).astimezone(dt.UTC)
        parameters = event["parameters"]
        assert parameters["begins"] == [f"{begin:%Y-%m-%d %H:%M:%S}"]
        assert parameters["duration_seconds"] == minutes * 60
        assert parameters["port"] == port
        first, last = (dt.datetime.fromisoformat(event[key].replace("Z", "+00:00")) for key in ("first", "last"))
        lasts = dt.timedelta(minutes=minutes)
        assert begin <= first < begin + lasts / 50
        assert begin + lasts * 0.98 < last < begin + lasts


def test_web_servers_are_one_victim_and_the_others_their_own(sco):
    victims = [event["parameters"]["victims"] for event in events(sco)]
    assert victims[0] == victims[3] == victims[4]
    assert len({victim for (victim,) in victims}) == 3


def test_the_capture_has_what_the_truth_says(sco):
    """Answers of each victim's port in its minutes; a /8 sees one in 256, a /24 one in 16,777,216 of what is answered."""
    capture = sco.capture
    for event, (_, minutes, port) in zip(events(sco), TABLE_2, strict=True):
        (victim,) = event["parameters"]["victims"]
        begin = dt.datetime.fromisoformat(event["parameters"]["begins"][0]).replace(tzinfo=dt.UTC)
        hour = (begin - sco.scenario.start).total_seconds() / 3600
        mine = (capture.source == number(victim)) & (sco.hour >= hour) & (sco.hour < hour + minutes / 60)
        mine &= ((capture.protocol == TCP) & (capture.source_port == port)) | (capture.protocol == ICMP)
        assert mine.sum() == event["packets"]
        answered = event["parameters"]["rate"] * minutes * 60
        blocks = event["blocks"]
        assert within(blocks["O/8"]["packets"], answered / 256)
        assert within(blocks.get("C/24", {"packets": 0})["packets"], answered / (1 << 24))
        assert (capture.flags[mine & (capture.protocol == TCP)] & 0x16 != 2).all()


def test_a_24_sees_nearly_nothing_of_what_a_8_sees(sco):
    """The paper's last point of section 3.4."""
    seen = [event["blocks"].get("C/24", {"packets": 0})["packets"] for event in events(sco)]
    assert sum(seen) < 60 < min(event["packets"] for event in events(sco))
