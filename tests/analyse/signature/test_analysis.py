"""Payloads of a store whose truth is known: counts by plain Python, and which one appeared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import ims
from ims import arrow
from ims.analyse.analyses import ANALYSES
from ims.analyse.result import Result, schema
from ims.analyse.signature.analysis import _false_discoveries
from ims.telescope import Telescope

from ..payload_store import (
    APPEARED,
    BURST,
    DARK,
    HOSTILE,
    NEW,
    ONLY_B,
    STEADY,
    arrivals,
    payload_store,
    signature,
)  # fmt: skip

__all__ = ["payload_store"]
BEGIN = datetime(2026, 3, 4, tzinfo=UTC)


@pytest.fixture(scope="module")
def telescope(payload_store: Path) -> Iterator[Telescope]:
    with ims.open(payload_store) as telescope:
        yield telescope


@pytest.fixture(scope="module")
def whole(telescope: Telescope) -> Result:
    return telescope.analyse.signature("udp dst port 1434", top=24)


def rows(result: Result) -> dict[str, dict[str, Any]]:
    return {row["signature"]: row for row in arrow.rows(result.rows)}


def test_packets_and_shares_are_those_counted_one_by_one(whole: Result) -> None:
    result = whole
    came = Counter(payload for block in arrivals().values() for *_, payload in block)
    filled = sum(number for payload, number in came.items() if payload)
    found = rows(result)
    for payload in (STEADY, NEW, ONLY_B, BURST, HOSTILE, DARK):
        row = found[signature(payload)]
        assert (row["packets"], row["length"]) == (came[payload], len(payload))
        assert row["share"] == pytest.approx(came[payload] / filled)
        assert row["share_low"] <= row["share"] <= row["share_high"] <= 1
    assert found["no payload"]["packets"] == came[b""] and found["others"]["packets"] < 100
    assert sum(row["packets"] for row in found.values()) == sum(came.values())
    assert result.rows.schema == schema(ANALYSES["signature"].columns)
    assert result.series.schema == schema(ANALYSES["signature"].series)


def test_the_one_that_appeared_is_found_with_its_begin_and_no_other(whole: Result) -> None:
    """Neither what one source sends in a burst, nor what comes to a block that was watched only from the third day on:
    it comes from that block's first hour on."""
    result = whole
    appeared = [row for row in arrow.rows(result.rows) if row["appeared"] is not None]
    [row] = appeared
    truth = BEGIN + timedelta(hours=APPEARED)
    assert row["signature"] == signature(NEW) and row["q_value"] < 1e-6
    assert row["appeared_low"] <= truth <= row["appeared_high"] == row["first"]
    estimate = result.estimates["appeared"]
    assert (estimate.value, estimate.low, estimate.high) == tuple(
        row[name] for name in ("appeared", "appeared_low", "appeared_high")
    )
    assert result.estimates["share"].value == result.estimates["new_share"].value == row["share"]
    assert rows(result)[signature(ONLY_B)]["q_value"] > 0.05
    assert any("fewer than 4 sources" in note for note in result.notes)


def test_what_comes_from_a_block_s_first_hour_on_has_not_appeared(telescope: Telescope) -> None:
    joined = telescope.analyse.signature("udp dst port 1434 and block B/25")
    assert "appeared" in joined.estimates and joined.estimates["appeared"].value is None


def test_what_payloads_hold_never_reaches_a_terminal(whole: Result) -> None:
    result = whole
    text = rows(result)[signature(HOSTILE)]["text"]
    assert text == ".[31mred...$(reboot)"
    shown = f"{result.plot(100)} {result.to_json()} {result!r}"
    assert not {"\x1b", "\x07", "\xff"} & set(shown)


@pytest.mark.parametrize(
    ("filter", "says"),
    [("tcp dst port 9", "no packet came"), ("udp and not payload", "no packet with a payload came"),
     ("udp and src host 12.0.0.1", "no payload came from 4 sources or more"),
     ("block Z/24", "can match no block")],
)  # fmt: skip
def test_where_there_is_nothing_to_tell_apart_a_note_says_so(telescope: Telescope, filter: str, says: str) -> None:
    result = telescope.analyse.signature(filter)
    assert all(each.value is None for each in result.estimates.values())
    assert any(says in note for note in result.notes)


def test_a_short_time_has_no_begin(telescope: Telescope) -> None:
    result = telescope.analyse.signature(since=BEGIN, until=BEGIN + timedelta(minutes=20))
    assert result.estimates["appeared"].value is None


def test_of_bins_too_few_for_a_begin_no_share_is_said_to_have_appeared(telescope: Telescope) -> None:
    result = telescope.analyse.signature(bin="1w")
    assert all(each.value is None for each in result.estimates.values())
    assert any("too short to tell whether a payload appeared: of bins of 7d" in note for note in result.notes)


def test_within_a_day_a_note_says_that_a_daily_pattern_may_look_alike(telescope: Telescope) -> None:
    since = BEGIN + timedelta(hours=APPEARED - 20)
    result = telescope.analyse.signature("udp dst port 1434 and block A/24", since=since)
    assert result.estimates["appeared"].value is not None
    assert any("daily pattern may look like it" in note for note in result.notes)


@pytest.mark.parametrize("top", [0, 25, "x", True, -1])
def test_a_number_of_payloads_that_is_none_is_refused(telescope: Telescope, top: Any) -> None:
    with pytest.raises(ValueError, match=r"expected a (number from 1 to 24|whole number)"):
        telescope.analyse.signature(top=top)


def test_false_discoveries_are_counted_as_by_benjamini_and_hochberg() -> None:
    """The largest of the ranked values times their number by rank, from the last one down."""
    values = [0.001, 0.3, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205, 0.212]
    ranked = sorted(range(len(values)), key=values.__getitem__)
    expected, least = [0.0] * len(values), 1.0
    for rank in range(len(values), 0, -1):
        least = min(least, values[ranked[rank - 1]] * len(values) / rank)
        expected[ranked[rank - 1]] = least
    assert _false_discoveries(values) == pytest.approx(expected)
    assert _false_discoveries([]) == []


def test_where_no_payload_can_be_tested_the_share_of_new_ones_isn_t_known(payload_store: Path) -> None:
    with ims.open(payload_store) as telescope:
        result = telescope.analyse.signature('payload contains "once"')
    assert all(each.value is None for each in result.estimates.values())
    assert any(note.startswith("no payload came from 4 sources or more") for note in result.notes)
