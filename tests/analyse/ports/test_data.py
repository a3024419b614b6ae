"""What is asked of a store: two weeks of a port that begins, one that ends, and one that a single host floods."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import ims
from ims.query.errors import QuestionError
from ims.telescope import Telescope

from ...stores import MIDNIGHT
from ..port_store import port_store  # noqa: F401  (a fixture)


@pytest.fixture(scope="module")
def telescope(port_store: Path) -> Iterator[Telescope]:  # noqa: F811
    with ims.open(port_store) as telescope:
        yield telescope


def test_the_port_that_sources_tell_is_named_and_its_date(telescope: Telescope) -> None:
    found = telescope.analyse.ports()
    [row] = found.rows.to_pylist()
    assert (row["protocol"], row["port"], row["service"]) == ("udp", 4000, "terabase")
    hours = (row["changed_at"].timestamp() * 1e9 - MIDNIGHT) / 3600e9
    assert abs(hours - 8 * 24) < 4
    assert row["after"] == pytest.approx(80, rel=0.05)
    assert any("not their sources" in note and "1 port" in note for note in found.notes)


def test_well_known_ports_are_taken_if_asked_for(telescope: Telescope) -> None:
    found = telescope.analyse.ports(well_known=True).rows.to_pylist()
    assert {row["port"] for row in found} == {137, 4000}


def test_changes_of_well_known_ports_make_no_others_more_likely(telescope: Telescope) -> None:
    """The more are named the higher a p-value may be: what isn't shown doesn't count."""
    [alone] = telescope.analyse.ports().rows.to_pylist()
    [beside] = [row for row in telescope.analyse.ports(well_known=True).rows.to_pylist() if row["port"] == 4000]
    assert alone["q_value"] == pytest.approx(beside["q_value"] * 2)


def test_ports_that_are_too_many_to_look_at_are_noted(telescope: Telescope, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ims.analyse.ports.data.MOST_CELLS", 16**2)
    found = telescope.analyse.ports(well_known=True)
    assert len({row["port"] for row in found.rows.to_pylist()}) < 2
    assert any("not looked at closely" in note and "ports" in note for note in found.notes)


def test_only_ports_for_which_there_is_room_are_dated_by_hours(
    telescope: Telescope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ims.analyse.ports.data.MOST_NARROW", 16 * 24)
    found = telescope.analyse.ports(well_known=True)
    assert {row["port"] for row in found.rows.to_pylist()} == {137, 4000}
    assert any("dated by bins of 1d alone" in note and note.endswith(": 1 port") for note in found.notes)
    assert not any("dated by" in note for note in telescope.analyse.ports().notes)


def test_bins_that_are_too_many_are_made_wider(telescope: Telescope) -> None:
    found = telescope.analyse.ports(bin="30m")
    assert found.options["bin"] == "1h"
    assert any("bins are 1h wide" in note for note in found.notes)
    assert [row["port"] for row in found.rows.to_pylist()] == [4000]


def test_too_short_a_time_asks_for_no_packets(telescope: Telescope) -> None:
    short = telescope.analyse.ports(bin="1w")
    assert short.estimates["ports"].value is None
    assert any("too short" in note for note in short.notes)


@pytest.mark.parametrize("fdr", [0, 1.0, -0.5, 5])
def test_a_wrong_rate_of_false_discovery_is_refused(telescope: Telescope, fdr: float) -> None:
    with pytest.raises(QuestionError, match="expected a share above 0 and below 1"):
        telescope.analyse.ports(fdr=fdr)


def test_a_filter_leaves_the_rest_out(telescope: Telescope) -> None:
    assert len(telescope.analyse.ports("dst port 53").rows) == 0
    assert any("nothing to estimate" in note for note in telescope.analyse.ports("tcp").notes)
