"""New payloads of a store whose payloads are known: which are new, where they came, how soon, and what isn't told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import ims
from ims.analyse.result import Result
from ims.query.errors import QuestionError
from ims.telescope import Telescope

from ...stores import MIDNIGHT, ingest, udp, write_pcap
from ..figures import spec_of
from .payload_store import BLOCKS, EACH, GROUPS, HOUR, HOURS, SECOND, packets, signature

NEW = [group for group in GROUPS if group not in ("old", "elsewhere")]


def by_signature(result: Result) -> dict[str, dict[str, Any]]:
    return {row["signature"]: row for row in result.rows.to_pylist()}


def series(result: Result, place: str | None) -> list[dict[str, Any]]:
    return [row for row in result.series.to_pylist() if row["place"] == place and row["part"] == "new"]


def test_every_new_payload_is_listed_and_no_old_one(result: Result) -> None:
    """Nor one that another sensor saw in the day before."""
    found = by_signature(result)
    planted = {group: {signature(group, number) for number in range(EACH)} for group in GROUPS}
    assert all(planted[group] <= found.keys() for group in NEW)
    assert not (planted["old"] | planted["elsewhere"]) & found.keys()
    fresh = 3 * (HOURS - 24) + 3
    assert len(found) == fresh + EACH * len(NEW)


@pytest.mark.parametrize("group", NEW)
def test_its_places_are_in_order_with_their_delays(result: Result, group: str) -> None:
    places = GROUPS[group]
    for number in range(EACH):
        row = by_signature(result)[signature(group, number)]
        assert (row["sensor"], row["blocks"], row["sensors"]) == (places[0][0], len(places), len(places))
        for which, (sensor, at) in zip(("second", "third"), places[1:], strict=False):
            assert row[f"{which}_sensor"] == sensor
            assert row[f"{which}_delay"] == pytest.approx((at - places[0][1]) * 3600)
        assert row["only"] == (None if len(places) > 1 else "C/24")
        assert row["text"] == f"{group} {number}" and row["length"] == len(row["text"])
        assert row["sources"] == 1


def test_those_of_the_most_places_are_first(result: Result) -> None:
    blocks = [row["blocks"] for row in result.rows.to_pylist()]
    assert blocks == sorted(blocks, reverse=True)


def test_the_estimates_are_those_of_the_counts(result: Result) -> None:
    new, days = len(result.rows), (HOURS - 24) / 24
    sent = sum(row["packets"] for row in series(result, None))
    rate, share = result.estimates["new_rate"], result.estimates["new_share"]
    assert rate.value == pytest.approx(new / (3 * days), rel=1e-3) and rate.low < rate.value < rate.high
    assert share.value == pytest.approx(new / sent) and share.low < share.value < share.high
    second = result.estimates["second_share"]
    assert second.value == pytest.approx(3 * EACH / new, rel=0.1) and second.low is second.high is None
    assert any("in too few bins to tell" in note for note in result.notes)
    assert result.estimates["second_delay"].value == pytest.approx(2 * 3600, abs=1)
    third = result.estimates["third_delay"]
    assert 7 * 3600 <= third.value <= 9 * 3600 + 1 and third.low is third.high is None
    assert any(
        "24 of 179 new payloads were seen to come to a second block, and 16 to a third" in note for note in result.notes
    )


def test_the_series_has_each_new_payload_once(result: Result) -> None:
    assert sum(row["new"] for row in series(result, None)) == len(result.rows)
    each = {name: sum(row["new"] for row in series(result, name)) for name in ("A/24", "B/24", "C/24")}
    firsts = [row["block"] for row in result.rows.to_pylist()]
    assert each == {name: firsts.count(name) for name in each}


def test_a_block_may_be_called_all(tmp_path: Path) -> None:
    """Its payloads count once in the figure."""
    capture = write_pcap(tmp_path / "x.pcap", sorted(packets("a")))
    store = ingest(tmp_path / "STORE", capture, sensor="a", blocks=["all=198.51.100.0/24"])
    with ims.open(store) as telescope:
        found = telescope.analyse.new_payloads()
    count = len(found.rows)
    assert sum(row["new"] for row in series(found, None)) == sum(row["new"] for row in series(found, "all")) == count
    text = found.plot(80)
    assert text is not None and f"all: {count} new payloads" in text and "0 blocks" not in text


def test_sensors_are_places_too(telescope: Telescope) -> None:
    found = telescope.analyse.new_payloads("udp", by="sensor")
    assert {row["only"] for row in found.rows.to_pylist()} == {None, "a", "b", "c"}
    assert [row["place"] for row in found.series.to_pylist() if row["part"] == "new"][-1] == "c"


def test_only_lists_what_one_place_has(telescope: Telescope, result: Result) -> None:
    found = telescope.analyse.new_payloads("udp", only="C/24")
    expected = [row for row in result.rows.to_pylist() if row["only"] == "C/24"]
    assert sorted(found.rows.to_pylist(), key=repr) == sorted(expected, key=repr)
    assert {each.value for each in found.estimates.values()} == {each.value for each in result.estimates.values()}


def test_that_nothing_was_new_is_said_once(telescope: Telescope) -> None:
    notes = telescope.analyse.new_payloads("port 1 and port 2").notes
    assert sum("was new" in note for note in notes) == 1


def test_wrong_words_get_one_line(telescope: Telescope) -> None:
    for words, why in (({"by": "port"}, "by 'port': expected block or sensor"),
                       ({"only": "X"}, "only 'X': no such block was watched; expected one of A/24, B/24, C/24"),
                       ({"history": "soon"}, "history 'soon'")):  # fmt: skip
        with pytest.raises(QuestionError, match=why):
            telescope.analyse.new_payloads(**words)


def test_a_store_of_less_than_its_history_lists_what_came_first_and_estimates_nothing(telescope: Telescope) -> None:
    found = telescope.analyse.new_payloads("udp", until="2026-03-04T20:00")
    assert all(each.value is None for each in found.estimates.values())
    old = {signature("old", number) for number in range(EACH)} | {signature("elsewhere", n) for n in range(EACH)}
    assert old <= by_signature(found).keys() and len(found.rows) == 3 * 20 + 2 * EACH
    assert sum(row["new"] for row in series(found, None)) == len(found.rows)
    assert {row["part"] for row in found.series.to_pylist()} == {"new"}
    assert "which may be old, so nothing is estimated; --history 6h would count" in found.notes[0]
    title = spec_of(found)["title"]["text"]
    assert title == ["Payloads by when each was first seen: too short a past to tell which are new"]
    text = found.plot(80)
    assert text is not None and "All 3 blocks: 76 payloads first seen" in text and "new payload" not in text


def test_the_history_that_is_proposed_gives_estimates(telescope: Telescope) -> None:
    found = telescope.analyse.new_payloads("udp", until="2026-03-04T20:00", history="6h")
    assert found.estimates["new_rate"].value is not None
    assert not by_signature(found).keys() & {signature("old", number) for number in range(EACH)}


def test_a_short_range_of_a_short_past_has_rows_too(telescope: Telescope) -> None:
    """And what came before the range isn't in it."""
    found = telescope.analyse.new_payloads("udp", since="2026-03-04T12:00", until="2026-03-04T14:00")
    assert len(found.rows) == 3 * 2 and found.estimates["new_share"].value is None


def test_no_match_and_one_packet_are_plain_sentences(telescope: Telescope) -> None:
    none = telescope.analyse.new_payloads("tcp")
    assert none.estimates["new_share"].value is None and none.estimates["new_rate"].value == 0
    assert any("no packet had a payload" in note for note in none.notes)
    one = telescope.analyse.new_payloads("block C/24", since="2026-03-05T14:00", until="2026-03-05T14:00:01.5")
    assert len(one.rows) == 2 and one.estimates["second_delay"].value is None
    assert any("a single block was watched" in note for note in one.notes)


def test_a_block_that_joins_has_no_outbreak_of_new_payloads(tmp_path: Path) -> None:
    with joined(tmp_path, 36) as telescope:
        found = telescope.analyse.new_payloads("udp")
    assert any("came first to a place in its first 1d" in note and "C/24" in note for note in found.notes)
    told = [row["time"].hour + 24 * (row["time"].day - 4) for row in series(found, "C/24") if row["new"] is not None]
    assert min(told) in (57, 58), "nearly a day after it joined"
    rows = by_signature(found)
    assert signature("alone", 0) not in rows and signature("all", 0) in rows
    assert any("places that had just joined: not listed" in note for note in found.notes)


def joined(folder: Path, since: int) -> Telescope:
    """The same of two sensors, where c joins later."""
    for sensor, begin in (("a", 0), ("c", since)):
        capture = write_pcap(folder / f"{sensor}.pcap", sorted(packets(sensor, begin)))
        ingest(folder / "STORE", capture, sensor=sensor, blocks=[BLOCKS[sensor][1]])
    return ims.open(folder / "STORE")


def test_alone_says_nothing_where_nobody_else_was_watched(tmp_path: Path) -> None:
    first, block = BLOCKS["a"]
    sent = [(MIDNIGHT + hour * HOUR + SECOND, udp(9, first, 1, b"%d" % hour)) for hour in range(40)]
    ingest(tmp_path / "S", write_pcap(tmp_path / "a.pcap", sent), sensor="a", blocks=[block])
    other, block = BLOCKS["b"]
    early = [(MIDNIGHT + hour * HOUR, udp(9, other, 1, b"b%d" % hour)) for hour in range(31)]
    ingest(tmp_path / "S", write_pcap(tmp_path / "b.pcap", early), sensor="b", blocks=[block])
    with ims.open(tmp_path / "S") as telescope:
        rows = telescope.analyse.new_payloads().rows.to_pylist()
        listed = telescope.analyse.new_payloads(only="A/24")
    only = {row["text"]: row["only"] for row in rows if row["block"] == "A/24"}
    assert {text for text, place in only.items() if place is None} == {str(hour) for hour in range(30, 40)}
    assert len(listed.rows) == 6 and any("10 payloads came while no other block" in note for note in listed.notes)
