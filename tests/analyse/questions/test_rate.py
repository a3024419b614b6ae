"""The names that others rely on."""

from __future__ import annotations

from ims.analyse.questions.rate import QUESTION


def test_its_words_estimates_and_rows_have_the_names_that_are_documented() -> None:
    assert list(QUESTION.by_name) == ["filter", "bin", "since", "until"]
    assert [each.name for each in QUESTION.estimates] == ["highest", "lowest", "ratio"]
    assert [each.name for each in QUESTION.columns][:1] == ["block"]
    assert QUESTION.method == "rate"
