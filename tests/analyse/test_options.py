"""The words of a question are checked before anything is asked: typed, shown as given, and with the files they name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ims.analyse.analyses import ANALYSES
from ims.analyse.execution import run
from ims.analyse.options import options_of
from ims.analyse.result import Darknet, Result
from ims.analyse.result_reader import from_json
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


OF_KIND: dict[str, tuple[Any, Any, type]] = {
    "count": (7, "7", int), "number": (0.25, "0.25", float), "flag": (True, True, bool), "width": ("90m", "90m", str),
}  # fmt: skip
"""By kind, a value as Python and the API have it, the same as a file or a script may write it, and its type."""


@pytest.mark.parametrize(("name", "word"), [(each.name, word) for each in ANALYSES.values() for word in each.by_name])
def test_an_answer_shows_each_word_in_its_own_type(name: str, word: str) -> None:
    """Numbers as numbers, however they were given; and a result is read back from it."""
    analysis = ANALYSES[name]
    parameter = analysis.by_name[word]
    words = {each.name: each.examples[0] for each in analysis.parameters if each.required}
    if word in ("filter", "since", "until", "mmdb"):
        assert word not in options_of(analysis, words).shown
        return
    usual = {"texts": (["tcp"], ["tcp"], list)}.get(parameter.kind, (parameter.examples or ("x",))[:1] * 2 + (str,))
    *values, kind = OF_KIND.get(parameter.kind, usual)
    shown = []
    for value in values if word != "by" or "mmdb" not in analysis.by_name else [None]:
        blank = Result(name, None, 0, 1, Darknet(1.0), options_of(analysis, words | {word: value}).shown)
        sent = json.loads(blank.to_json())
        assert from_json(sent).options == sent["options"] == dict(blank.options)
        shown.append(sent["options"][word])
    assert {type(each) for each in shown} <= {kind, type(None)} and len({repr(each) for each in shown}) == 1
    defaults = json.loads(Result(name, None, 0, 1, Darknet(1.0), options_of(analysis, words).shown).to_json())
    assert type(defaults["options"][word]) in (kind, type(None))


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        ("ports", {"fdr": "few"}, "fdr 'few': expected a number"),
        ("ports", {"fdr": "nan"}, "fdr 'nan': expected a number"),
        ("ports", {"fdr": True}, "fdr 'True': expected a number"),
        ("ports", {"well_known": "no"}, "well_known 'no': expected true or false"),
        ("signature", {"top": True}, "top 'True': expected a whole number"),
        ("signature", {"top": 2.5}, "top '2.5': expected a whole number"),
        ("new-payloads", {"limit": [1]}, "limit '[1]': expected a whole number"),
    ],
)
def test_a_number_that_is_none_is_refused_in_one_line(name: str, words: dict[str, Any], message: str) -> None:
    with pytest.raises(QuestionError) as refused:
        options_of(ANALYSES[name], words)
    assert str(refused.value) == message


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
