"""The words of a question are checked before anything is asked: typed, shown as given, and with the files they name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ims.analyse.analyses import ANALYSES
from ims.analyse.execution import run
from ims.analyse.options import options_of
from ims.origin.mmdb import OriginError
from ims.query.condition import parsed
from ims.query.errors import QuestionError

from .origin_analysis import BY_ORIGIN, cities, systems
from .test_execution import never

RATE, CHAIN = ANALYSES["rate"], ANALYSES["chain"]


def test_options_are_typed_and_shown_as_given() -> None:
    options = options_of(RATE, {"filter": "udp", "bin": 300, "since": "2026-03-04"})
    assert options.values == {"bin": 300_000_000} and options.shown == {"bin": "300"}
    assert options.request.filter == parsed("udp") and options.request.since == 1_772_582_400_000_000
    assert options_of(RATE, {"bin": None}).shown == {"bin": "5m"}


def test_steps_are_of_the_request_and_shown_as_given() -> None:
    words = {"first": "udp", "then": ["tcp", "icmp"], "within": "2m"}
    options = options_of(CHAIN, {"filter": "block C/24", "bin": "5m", **words})
    assert options.request.chain is not None and options.request.chain.bin is None
    assert options.request.conditions == tuple(map(parsed, ["block C/24", "udp", "tcp", "icmp"]))
    assert options.request.chain.within == 120_000_000
    assert options.shown == {**words, "at": "address", "bin": "5m"} and options.values["bin"] == 300_000_000


def test_files_that_tell_where_sources_come_from_are_opened_if_they_are_needed(tmp_path: Path) -> None:
    files = [str(cities(tmp_path)), systems(tmp_path)]
    options = options_of(BY_ORIGIN, {"by": "as", "mmdb": files})
    assert options.values["mmdb"] == (tmp_path / "cities.mmdb", tmp_path / "asn.mmdb")
    assert options.shown == {"bin": "1h", "by": "as", "mmdb": [str(file) for file in files]}
    assert options_of(BY_ORIGIN, {"by": "as", "mmdb": files[1]}).values["mmdb"] == (files[1],)
    for none in ({}, {"mmdb": []}, {"mmdb": None}):
        assert options_of(BY_ORIGIN, none).shown == {"bin": "1h", "by": None}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"by": "country"}, "by country needs a file in MMDB format: --mmdb FILE"),
        ({"by": "as", "mmdb": []}, "by as needs a file in MMDB format: --mmdb FILE"),
        ({"by": "city", "mmdb": "x.mmdb"}, "by 'city': expected country or as"),
        ({"mmdb": "x.mmdb"}, "--mmdb FILE tells of whom: give --by country or --by as, too"),
        ({"by": "as", "mmdb": [7]}, "mmdb: expected a file's path, or a list of some"),
        ({"by": "as", "mmdb": {"x.mmdb": 1}}, "mmdb: expected a file's path, or a list of some"),
        ({"by": "as", "mmdb": ["x.mmdb"] * 17}, "mmdb: 17 files; at most 16"),
    ],
)
def test_wrong_words_about_origins_are_one_line(words: dict[str, Any], message: str) -> None:
    with pytest.raises(QuestionError) as refused:
        run(BY_ORIGIN, never, words)
    assert str(refused.value) == message


def test_a_file_that_is_none_is_one_line_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / "x.mmdb").write_text("no such file")
    with pytest.raises(OriginError, match=r"x\.mmdb isn't in MMDB format"):
        run(BY_ORIGIN, never, {"by": "country", "mmdb": [tmp_path / "x.mmdb"]})
