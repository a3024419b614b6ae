"""Every scenario of ours: it reads, plays, tells the truth about itself, and is as large as it says."""

from __future__ import annotations

import pytest

from ims.simulate.scenario.blocks import table_1
from ims.simulate.scenario.scenario import read_scenario, scenario_names

from .captures import TCP, UDP
from .laws import within
from .scenarios import Played, expected_packets

NAMES = ("appearing-payloads", "bagle-mydoom-2004", "blaster-2003", "blaster-2004", "flood", "ims-2004", "modern",
         "mysql-2004", "new-payloads", "ports-2004", "sasser-2004", "sco-2003")  # fmt: skip
PLANTED = ("appearing-payloads", "new-payloads")
"""Made for their truth, and small."""
SMALL = {"flood": 0.005, "ims-2004": 0.005, "blaster-2003": 0.01, "modern": 0.05}


def test_those_of_the_issues_are_there():
    assert tuple(scenario_names()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_plays_at_a_small_scale_and_counts_itself(name):
    played = Played(name, SMALL.get(name, 0.02))
    capture, truth = played.capture, played.truth
    assert len(capture) == truth["packets"] == sum(event["packets"] for event in truth["events"]) > 0
    assert (capture.time[1:] >= capture.time[:-1]).all()
    assert played.hour.min() >= 0
    assert played.hour.max() < played.scenario.duration / 3600
    assert {event["name"] for event in truth["events"]} == {
        population.name
        for kind in ("worm", "scanner", "attack", "misconfiguration", "background")
        for population in getattr(played.scenario, kind)
    }
    assert truth["scale"] == SMALL.get(name, 0.02)
    assert played.scenario.title.isascii()
    assert len(played.scenario.about) > 200


@pytest.mark.parametrize(
    "name", [name for name in NAMES if name not in ("ims-2004", "flood", "blaster-2003", *PLANTED)]
)
def test_a_default_run_has_some_million_packets(name):
    """By the populations' own estimate, which is made to be too high: those of repeats and whole conversations.
    Blaster's own test counts them."""
    assert 5e5 < expected_packets(name) < 12e6


def test_ims_2004_watches_the_thirty_blocks_of_table_1():
    scenario = read_scenario("ims-2004")
    assert len(scenario.blocks()) == len(table_1()) == 30
    assert sorted(int(block.prefix.split("/")[1]) for block in scenario.blocks()) == sorted(
        [24, 24, 24, 24, 24, 18, 17, 18, 20, 21, 22, 24, 24, 24, 24, 24, 24, 24, 25, 24, 24, 23, 22, 8, 24, 17, 18, 22,
         24, 24]
    )  # fmt: skip
    assert [block.name for block in scenario.blocks() if not block.answers] == ["O/8"]
    assert scenario.duration == 86_400


def test_ims_2004_has_some_twenty_million_packets():
    """Counted at a fortieth, times forty; everything but misconfiguration and sequential places goes by scale."""
    played = Played("ims-2004", 1 / 40)
    fixed = played.events["a mistyped name server"]["packets"]
    assert 16e6 < (played.truth["packets"] - fixed) * 40 + fixed < 24e6
    by_chance = ("witty", "sequential scans of 1433")  # which may be elsewhere all day, at this scale
    assert all(event["packets"] for event in played.truth["events"] if event["name"] not in by_chance)
    rates = {block["name"]: block["packets"] / block["size_24"] for block in played.truth["darknet"]["blocks"]}
    assert max(rates.values()) > 100 * min(rates.values())


def test_modern_has_the_marks_of_its_tools():
    played = Played("modern", 0.1)
    capture = played.capture
    mirai = capture.syn & ((capture.destination_port == 23) | (capture.destination_port == 2323))
    mirai &= capture.sequence == capture.destination
    assert mirai.sum() > 10_000
    asked = played.events["mirai"]["personas"]
    assert asked == {"mirai": {"syns": int(mirai.sum()), "p0f": None}}
    zmap = capture.syn & (capture.ip_id == 54_321) & (capture.ttl > 200)
    assert within(zmap.sum(), played.events["research with ZMap"]["packets"], 30)
    masscan = capture.syn & (capture.window == 1024) & (capture.ttl > 200)
    law = (capture.destination ^ capture.destination_port ^ capture.sequence) & 0xFFFF == capture.ip_id
    assert law[masscan].all()
    assert masscan.sum() > 20_000
    amplifiers = (capture.protocol == UDP) & (capture.destination_port == 11211)
    assert amplifiers.sum() > 500


def test_flood_is_many_sources_and_payloads_that_are_all_different():
    played = Played("flood", 0.02)
    capture = played.capture
    syn = capture.syn
    assert syn.sum() > 0.9 * len(capture)
    assert len(set(capture.source[syn].tolist())) > 0.9 * syn.sum()
    whole = capture.payloads((capture.protocol == UDP) & (capture.speaks > 0) & (capture.fragment & 0x3FFF == 0))
    assert len(whole) > 2000
    assert len(set(whole)) > 0.999 * len(whole)
    fragments = capture.fragment & 0x3FFF != 0
    assert fragments.sum() > 1000
    assert (capture.protocol[syn] == TCP).all()
