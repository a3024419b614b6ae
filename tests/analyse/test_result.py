"""The one form of an answer: as JSON and back, in a notebook, and as a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ims import arrow
from ims.analyse.analyses import ANALYSES
from ims.analyse.result import Darknet, Estimate, Result, interval_text, schema
from ims.telescope import Telescope

KEYS = ["question", "filter", "since", "until", "options", "darknet", "estimates", "notes", "rows", "series"]


def test_json_has_the_keys_of_every_analysis(telescope: Telescope) -> None:
    sent = json.loads(telescope.analyse.rate("udp").to_json())
    assert list(sent) == KEYS
    assert list(sent["darknet"]) == ["addresses", "slash24s", "blocks", "frames_lost", "gaps"]
    assert list(sent["estimates"]) == [each.name for each in ANALYSES["rate"].estimates]
    assert list(sent["estimates"]["ratio"]) == ["value", "low", "high", "level", "unit", "method"]
    assert (sent["question"], sent["filter"], sent["options"]) == ("rate", "udp", {"bin": "5m"})
    assert sent["since"] == "2026-03-04T00:00:00.000000Z" and sent["darknet"]["blocks"] == ["A/24", "B/25", "C/23"]
    assert all(list(row) == [each.name for each in ANALYSES["rate"].columns] for row in sent["rows"])


def test_an_infinite_end_is_null() -> None:
    result = Result(
        "rate", None, 0, 1, Darknet(256, ("A/24",)), {}, {"ratio": Estimate(2.0, 1.0, float("inf"), "times", "m")}
    )
    assert json.loads(result.to_json())["estimates"]["ratio"]["high"] is None


def test_a_large_table_is_sent_in_pieces_that_are_one_object() -> None:
    row = {
        "time": 1_772_582_400_000_000,
        "block": "A/24",
        "seconds": 300.0,
        "packets": 1,
        "rate": 0.5,
        "low": 0.1,
        "high": 0.9,
    }
    series = arrow.table([row] * 2500, schema(ANALYSES["rate"].series))
    result = Result("rate", None, 0, 1, Darknet(256, ("A/24",)), series=series)
    pieces = list(result.json_pieces())
    assert len(pieces) > 5 and len(json.loads("".join(pieces))["series"]) == 2500


def test_a_notebook_shows_figure_and_tables(telescope: Telescope) -> None:
    result = telescope.analyse.rate("udp")
    bundle = result._repr_mimebundle_()
    shown = bundle["text/html"]
    assert "<svg" in shown and shown.index("<svg") < shown.index("<table>")
    assert "highest" in shown and "B/25" in shown and "2.25 /24s watched" in shown
    assert bundle["text/plain"] == repr(result) and "ratio 1" in repr(result)


def test_names_are_escaped_in_a_notebook() -> None:
    rows = arrow.table(
        [dict.fromkeys([c.name for c in ANALYSES["rate"].columns]) | {"block": "<b>&\x1b[1m"}],
        schema(ANALYSES["rate"].columns),
    )
    shown = Result("rate", "<i>", 0, 1, Darknet(256, ("<b>",)), rows=rows)._repr_mimebundle_()["text/html"]
    assert "&lt;b&gt;&amp;\\x1b[1m" in shown and "<b>" not in shown


def test_a_figure_is_written_by_its_ending(telescope: Telescope, tmp_path: Path) -> None:
    result = telescope.analyse.rate()
    for ending, begin in (
        ("png", b"\x89PNG"),
        ("svg", b"<svg"),
        ("pdf", b"%PDF"),
        ("html", b"<!DOCTYPE html>"),
        ("json", b"{"),
    ):
        result.save(tmp_path / f"x.{ending}")
        assert (tmp_path / f"x.{ending}").read_bytes().startswith(begin), ending
    with pytest.raises(ValueError, match=r"x\.gif"):
        result.save(tmp_path / "x.gif")


def test_nothing_to_draw_writes_no_file(telescope: Telescope, tmp_path: Path) -> None:
    empty = telescope.analyse.rate(since="2020-01-01", until="2020-01-02")
    assert empty.figure() is None and empty.plot() is None
    with pytest.raises(ValueError, match="nothing to draw: nothing was watched"):
        empty.save(tmp_path / "x.png")
    assert not list(tmp_path.iterdir())


def test_rows_are_a_data_frame(telescope: Telescope) -> None:
    frame = telescope.analyse.rate().to_pandas()
    assert list(frame["block"]) == ["B/25", "A/24", "C/23"]


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        ((0.9553, 0.944, 0.967), "0.955 (0.944 to 0.967)"),
        ((2.312, 2.2, 2.451, "h"), "2.31 h (2.2 to 2.45)"),
        ((41_234, 999.7, None), "41,200 (1,000 to no bound)"),
        ((1e20, -1234, 1e-7), "1e+20 (-1,230 to 1e-07)"),
        ((None, 1, 2, "h"), "not known"),
    ],
)
def test_an_interval_is_short_and_has_no_powers_of_ten_that_people_say_in_digits(interval: Any, text: str) -> None:
    assert interval_text(*interval) == text
