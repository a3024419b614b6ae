"""The table of analyses: what is made of it says the same."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

from ims.analyse.analyses import ANALYSES, functions
from ims.analyse.methods import Analyses
from ims.analyse.question import Analysis

from ..query.words import needed_by_analysis

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(params=ANALYSES.values(), ids=list(ANALYSES))
def analysis(request: pytest.FixtureRequest) -> Analysis:
    return request.param  # type: ignore[no-any-return]


def test_a_method_takes_the_parameters(analysis: Analysis) -> None:
    parameters = list(inspect.signature(getattr(Analyses, analysis.method)).parameters.values())[1:]
    assert [each.name for each in parameters] == list(analysis.by_name)
    assert {each.name: each.default for each in parameters} == {
        name: inspect.Parameter.empty if each.required else each.default for name, each in analysis.by_name.items()
    }


def test_a_method_hands_on_every_word(analysis: Analysis) -> None:
    made: list[tuple[str, dict[str, object]]] = []
    method = getattr(Analyses(lambda name, words: made.append((name, words))), analysis.method)  # type: ignore[arg-type, return-value, func-returns-value]
    given: dict[str, Any] = {name: f"<{name}>" for name in analysis.by_name}
    expected = {name: [value] if analysis.by_name[name].kind == "texts" else value for name, value in given.items()}
    method(given.pop("filter"), **given)
    assert made == [(analysis.name, expected)]


def test_the_words_that_tests_give_are_enough_and_its_own(analysis: Analysis) -> None:
    required = {each.name for each in analysis.parameters if each.required}
    assert required <= set(needed_by_analysis(analysis.name)) <= set(analysis.by_name)


def test_its_module_has_the_functions(analysis: Analysis) -> None:
    module = functions(analysis)
    assert all(callable(getattr(module, name)) for name in ("data", "model", "figure", "plot"))


def test_its_names_are_its_own(analysis: Analysis) -> None:
    for columns in (analysis.estimates, analysis.columns, analysis.series, analysis.parameters):
        names = [each.name for each in columns]
        assert len(set(names)) == len(names)


def test_a_page_has_a_section_of_it_with_its_words(analysis: Analysis) -> None:
    page = (DOCS / "analyses.md").read_text()
    section = page[page.index(f"## `{analysis.name}`") :].partition("\n## ")[0]
    for named in (*analysis.estimates, *analysis.columns):
        assert f"`{named.name}`" in section, named.name
    for part in ("Method", "Limits", "![", analysis.paper):
        assert part in section, part
