"""The names that others rely on."""

from __future__ import annotations

from ims.analyse.questions.outbreak import QUESTION


def test_its_words_estimates_and_rows_have_the_names_that_are_documented() -> None:
    assert list(QUESTION.by_name) == ["filter", "bin", "since", "until"]
    assert [each.name for each in QUESTION.estimates] == [
        "doubling_time",
        "max_growth",
        "half_life",
        "decline_began",
        "sources",
    ]
    assert [each.name for each in QUESTION.columns][:3] == ["phase", "since", "until"]
    assert QUESTION.method == "outbreak"
