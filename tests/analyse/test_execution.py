"""How an analysis is made: words are checked first, and half of the data is never analysed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import ims
from ims.analyse.analyses import ANALYSES
from ims.analyse.execution import UNMATCHED, UNWATCHED, known, run
from ims.origin.origins import Origins
from ims.query.answer import Answer
from ims.query.errors import QuestionError
from ims.query.language.errors import FilterError
from ims.query.request import Request
from ims.telescope import Telescope

from ..stores import ingest, write_pcap
from .origin_analysis import BY_ORIGIN, cities, systems

RATE = ANALYSES["rate"]


def never(_request: Request) -> Answer:
    raise AssertionError("nothing is asked")


def test_an_unknown_analysis_is_named_with_the_known_ones() -> None:
    with pytest.raises(QuestionError, match=r"no analysis 'rat'; meant rate\? expected one of rate"):
        known("rat")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"bin": "0"}, "bin '0': expected a positive number"),
        ({"bin": "five"}, "bin 'five'"),
        ({"since": "yesterday"}, "time 'yesterday': expected ISO 8601"),
        ({"since": "2026-03-05", "until": "2026-03-04"}, "--since must be before --until"),
        ({"bins": "5m"}, "rate takes no 'bins'; expected filter, bin, since, until"),
    ],
)
def test_wrong_words_are_one_line_before_anything_is_asked(words: dict[str, Any], message: str) -> None:
    with pytest.raises(QuestionError) as refused:
        run(RATE, never, words)
    assert message in str(refused.value) and "\n" not in str(refused.value)


def test_a_wrong_filter_says_where() -> None:
    with pytest.raises(FilterError) as refused:
        run(RATE, never, {"filter": "tcp and tpc"})
    assert refused.value.column == 9


def test_nothing_watched_is_a_result_that_says_so(telescope: Telescope) -> None:
    for words, why in (
        ({"since": "2020-01-01", "until": "2020-01-02"}, UNWATCHED),
        ({"filter": "block Z/24"}, UNMATCHED),
    ):
        result = telescope.analyse.rate(**words)
        assert result.notes[0] == why
        assert all(each.value is None for each in result.estimates.values()) and list(result.estimates)
        assert len(result.rows) == len(result.series) == 0 and result.darknet.addresses == 0


def test_an_empty_store_is_a_result(tmp_path: Path) -> None:
    ingest(tmp_path / "STORE", write_pcap(tmp_path / "x.pcap", []))
    with ims.open(tmp_path / "STORE") as telescope:
        result = telescope.analyse.rate()
    assert result.notes == (UNWATCHED,) and (result.since, result.until) == (None, None)


def test_half_of_the_data_isn_t_analysed(telescope: Telescope) -> None:
    """An answer that ends at a limit is refused, and the line says what would fit."""

    def cut(request: Request) -> Answer:
        return telescope.ask(request.model_copy(update={"limit": 5}))

    with pytest.raises(QuestionError, match=r"more than 5 rows; a wider --bin, a shorter time or a narrower filter"):
        run(RATE, cut, {})


def test_what_is_asked_is_told(telescope: Telescope) -> None:
    told: list[str] = []
    telescope.analysis("rate", {}, told.append)
    assert told == ["what was watched", "the darknet's size", "packets by block", "the estimates"]


def test_an_analysis_has_origins_and_says_whose_they_are(telescope: Telescope, tmp_path: Path) -> None:
    """Of its own files, or in their place those of a portal."""
    result = run(BY_ORIGIN, telescope.ask, {"by": "country", "mmdb": cities(tmp_path)})
    assert any(note.startswith("countries and local time are as told by GeoLite2-City of 20") for note in result.notes)
    assert result.rows.column("group").to_pylist() == ["XA"]
    opened = Origins([systems(tmp_path)])
    result = run(BY_ORIGIN, telescope.ask, {"by": "as"}, origins=lambda: opened)
    assert any(note.startswith("AS and local time are as told by GeoLite2-ASN of 20") for note in result.notes)
    assert result.rows.column("group").to_pylist() == ["AS64500 Host"]
    result = run(BY_ORIGIN, telescope.ask, {}, origins=lambda: opened)
    assert not any("as told by" in note for note in result.notes)
    assert result.rows.column("group").to_pylist() == ["all"]
