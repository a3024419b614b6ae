"""A scenario that can't be is refused in one line that says what was wrong; whatever else is written can be played."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ims.simulate.output.play import Play
from ims.simulate.scenario.models import AttackModel, BackgroundModel, MisconfigurationModel, ScannerModel, WormModel
from ims.simulate.scenario.scenario import read_scenario, scenario_names, scenario_of

from ...effort import examples

GOOD: dict[str, Any] = {
    "title": "a test", "start": "2026-03-04", "duration": "1d",
    "block": [{"name": "C/24", "prefix": "198.51.100.0/24"}, {"name": "E/23", "prefix": "203.0.112.0/23"}],
    "worm": [{"name": "w", "hosts": 100, "runs_per_hour": 10, "service": [{"port": "tcp/445"}]}],
    "scanner": [{"name": "s", "rate": 1, "service": [{"port": "tcp/22"}]}],
    "attack": [{"name": "a", "rate": 10}],
    "misconfiguration": [{"name": "m", "block": "C/24", "interval": "3m", "service": {"port": "udp/53"}}],
    "background": [{"name": "b", "sources": 10, "packets_per_24": 10}],
}  # fmt: skip


def changed(**keys: Any) -> dict[str, Any]:
    """GOOD with changes: `worm__hosts=3` sets a key of the first worm."""
    data = copy.deepcopy(GOOD)
    for name, value in keys.items():
        table, _, key = name.partition("__")
        if not key:
            data[table] = value
        elif value is None:
            del data[table][0][key]
        else:
            data[table][0][key] = value
    return data


def test_the_scenario_to_begin_with_is_good():
    assert Play(scenario_of(GOOD), 1).length == 86_400 * 10**9


REFUSED = {
    "unknown key": ({"sacle": 2}, "unknown key 'sacle'; meant scale?"),
    "unknown key inside": ({"worm__host": 2}, "unknown key 'host' in worm.0; meant hosts?"),
    "missing": ({"worm__runs_per_hour": None}, "worm.0.runs_per_hour is missing"),
    "no block": ({"block": []}, "no block"),
    "preset": ({"preset": "table-2"}, "expected 'table-1'"),
    "title": ({"title": "two\nlines"}, "title"),
    "no date": ({"start": "2026-02-30"}, "start = '2026-02-30': expected a time such as"),
    "no start": ({"start": "+3h"}, "start = '+3h': expected a time"),
    "before pcap": ({"start": "1969-07-20"}, "expected a time between 1980 and 2100"),
    "after pcap": ({"start": "9999-12-31"}, "expected a time between 1980 and 2100"),
    "over the end": ({"start": "2099-12-31", "duration": "9d"}, "it has to end before 2100"),
    "first day": ({"worm__since": "0001-01-01T00:00:00+05:00"}, "expected a time between 1980 and 2100"),
    "no duration": ({"duration": "0s"}, "duration = '0s': expected at least"),
    "no unit": ({"duration": "7"}, "such as 2.3h"),
    "negative": ({"duration": "-7d"}, "such as 2.3h"),
    "long": ({"duration": "9" * 400 + "d"}, "expected at most 11000d"),
    "huge offset": ({"worm__since": "+" + "9" * 400 + "d"}, "expected at most 11000d"),
    "nan": ({"scale": float("nan")}, "scale = nan"),
    "infinite": ({"scanner__rate": float("inf")}, "scanner.0.rate = inf"),
    "huge": ({"scanner__rate": 10**400}, "scanner.0.rate"),
    "zero": ({"scanner__rate": 0}, "scanner.0.rate = 0"),
    "until before since": ({"worm__since": "+5h", "worm__until": "+4h"}, "worm w: from 2026-03-04 05:00:00 until"),
    "outside": ({"attack__since": "2026-03-05T01:00:00Z"}, "attack a: from 2026-03-05 01:00:00"),
    "decline": ({"worm__decline": "+0h", "worm__half_life": "1h"}, "isn't after the outbreak"),
    "prefix": ({"block__prefix": "198.51.100.7/24"}, "198.51.100.7/24"),
    "larger than a /8": ({"block__prefix": "8.0.0.0/7"}, "larger than a /8"),
    "no network": ({"block__network": "198.51.100.0/99"}, "198.51.100.0/99"),
    "outside its network": ({"block__network": "203.0.0.0/16"}, "198.51.100.0/24 isn't in its network 203.0.0.0/16"),
    "block name": ({"block__name": "C 24"}, "C 24"),
    "no such block": ({"worm__blocks": ["C/25"]}, "worm w: there is no block 'C/25'; meant C/24?"),
    "no block to misconfigure": ({"misconfiguration__block": "Q/24"}, "misconfiguration m: there is no block 'Q/24'"),
    "no address": ({"misconfiguration__destination": 256}, "block C/24 has 256 addresses, none of number 256"),
    "no persona": ({"worm__personas": {"windos-xp": 1}}, "there is no persona 'windos-xp'; meant windows-xp?"),
    "no tool": ({"scanner__tool": {"zmpa": 1}}, "there is no persona 'zmpa'; meant zmap?"),
    "no system": ({"attack__persona": "amiga"}, "there is no persona 'amiga'"),
    "no worm": ({"worm__like": "balster"}, "there is no worm 'balster' to be like; meant blaster?"),
    "no payload": ({"worm__service": [{"port": "tcp/1", "says": ["dns-amy"]}]}, "meant dns-any?"),
    "odd hex": ({"worm__service": [{"port": "tcp/1", "says": ["hex:abc"]}]}, "'hex:abc': expected hexadecimal"),
    "no octets": ({"worm__service": [{"port": "tcp/1", "says": ["hex: "]}]}, "message 'hex: '"),
    "long message": ({"worm__service": [{"port": "tcp/1", "says": ["made:a:65537"]}]}, "1 to 65,536"),
    "much to say": ({"worm__service": [{"port": "tcp/1", "says": ["made:a:65536"] * 2}]}, "at most 64 fit"),
    "no port": ({"worm__service": [{"port": "tcp/65536"}]}, "65536 is not a port"),
    "half a port": ({"worm__service": [{"port": "tcp/"}]}, "port 'tcp/': expected tcp/N"),
    "no protocol": ({"worm__service": [{"port": "sctp/7"}]}, "port 'sctp/7': expected tcp/N"),
    "no service": ({"worm__service": []}, "no service"),
    "fresh": ({"worm__service": [{"port": "tcp/1", "fresh_octets": "9-4"}]}, "fresh_octets '9-4'"),
    "fresh head": ({"worm__service": [{"port": "tcp/1", "fresh": 1, "fresh_octets": "9-20", "fresh_after": "made:a:9"}]},
                   "9 come from fresh_after"),
    "background port": ({"background__ports": {"tcp": 1}}, "port 'tcp': expected"),
    "no background": ({"background__tail": 0}, "neither ports nor a tail"),
    "long tail": ({"background__tail_ports": 20_000}, "services, tail ports included"),
    "weight": ({"background__ports": {"tcp/1": -1}}, "'tcp/1' has the weight -1"),
    "weights": ({"background__ports": {"tcp/1": 0}}, "the weights are all 0"),
    "target": ({"worm__targets": {"/24": 1}}, "targets are any, /8 and /16, not '/24'"),
    "zone": ({"worm__zones": {"+14": 1}}, "time zone '+14'"),
    "growth": ({"worm__initial": 3}, "expected either hosts, or initial"),
    "victim": ({"attack__victim": "192.0.2.256"}, "victim '192.0.2.256'"),
    "victims": ({"attack__victim": "192.0.2.2", "attack__count": 2}, "one victim and several attacks"),
    "range": ({"scanner__range": "198.51.100.1/24", "scanner__order": "sequential"}, "range '198.51.100.1/24'"),
    "range of random": ({"scanner__range": "198.51.100.0/24"}, "only a sequential scanner has a range"),
    "interval": ({"misconfiguration__interval": "0.0000000001s"}, "expected at least 0.001ms"),
    "room for hosts": ({"worm__hosts": 3_000_000_000, "scale": 2}, "6,000,000,000 hosts; there are addresses for"),
    "room for rates": ({"worm__hosts": 3_000_000_000, "worm__runs_per_hour": 1e9, "block__prefix": "10.0.0.0/8"},
                       "packets a second at"),
    "no table": ({"worm": 5}, "worm"),
    "no text": ({"title": 5}, "title = 5"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_can_t_be_is_refused_in_one_line(what):
    keys, says = REFUSED[what]
    with pytest.raises(ValueError, match=r"(?s).*") as refusal:
        for _ in Play(scenario_of(changed(**keys)), 1).whiles():
            break
    line = str(refusal.value)
    assert says in line
    assert "\n" not in line


def test_blocks_don_t_overlap():
    overlapping = [*GOOD["block"], {"name": "x", "prefix": "198.51.100.128/25"}]
    with pytest.raises(ValueError, match=r"overlap"):
        scenario_of(changed(block=overlapping))
    with pytest.raises(ValueError, match=r"Table 1 has one of that name"):
        scenario_of(changed(preset="table-1"))


def test_events_have_names_of_their_own():
    with pytest.raises(ValueError, match="two events are named 'w'"):
        Play(scenario_of(changed(scanner__name="w")), 1)


def test_tables_inside_tables_have_an_end(tmp_path):
    service: dict[str, Any] = {"port": "tcp/1"}
    for _ in range(12):
        service = {"port": "tcp/1", "follow": service}
    with pytest.raises(ValueError, match="more than 8 connections"):
        Play(scenario_of(changed(worm__service=[service])), 1)
    for depth in (2000, 200_000):
        deep = tmp_path / "deep.toml"
        deep.write_text("x = " + "{a = " * depth + "1" + "}" * depth)
        with pytest.raises(ValueError, match=r"deep.toml"):
            read_scenario(str(deep))


def test_ours_are_found_by_name_and_the_nearest_is_named():
    assert "blaster-2003" in scenario_names()
    with pytest.raises(ValueError, match="'blaster-203'; meant blaster-200"):
        read_scenario("blaster-203")
    with pytest.raises(ValueError, match="there are appearing-payloads, bagle-mydoom-2004, "):
        read_scenario("xyz")


def test_scale_on_the_command_line_is_instead_of_the_file_s():
    assert read_scenario("blaster-2003").scale == 0.25
    assert read_scenario("blaster-2003", 0.5).scale == 0.5


scalars = (
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | st.text(max_size=12)
    | st.sampled_from(["1h", "+3h", "0.001ms", "tcp/80", "udp/*", "icmp", "blaster", "198.51.100.0/24", "2026-03-04T05:00:00Z"])
    | st.dates() | st.datetimes()
)  # fmt: skip
anything = st.recursive(
    scalars, lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=8), inside, max_size=3)
)
MODELS = {"worm": WormModel, "scanner": ScannerModel, "attack": AttackModel, "misconfiguration": MisconfigurationModel,
          "background": BackgroundModel}  # fmt: skip


@given(st.dictionaries(st.sampled_from([*GOOD, "scale", "preset", "?"]), anything, max_size=4))
def test_any_data_is_a_scenario_or_one_line(data):
    one_line_or_playable(GOOD | data)


@st.composite
def one_key(draw):
    kind = draw(st.sampled_from(sorted(MODELS)))
    return kind, draw(st.sampled_from([*MODELS[kind].model_fields])), draw(anything)


@settings(max_examples=examples(400, 80), suppress_health_check=[HealthCheck.too_slow])
@given(changes=st.lists(one_key(), min_size=1, max_size=3))
def test_any_value_of_any_key_is_played_or_one_line(changes):
    data = copy.deepcopy(GOOD)
    for kind, key, value in changes:
        data[kind][0][key] = value
    one_line_or_playable(data)


def one_line_or_playable(data):
    try:
        next(Play(scenario_of(data, "FILE: "), 1).whiles())
    except ValueError as error:
        assert len(str(error).splitlines()) == 1, str(error)
