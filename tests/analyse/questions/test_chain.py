"""The names that others rely on."""

from __future__ import annotations

from ims.analyse.questions.chain import QUESTION


def test_its_words_estimates_and_rows_have_the_names_that_are_documented() -> None:
    assert list(QUESTION.by_name) == ["filter", "first", "then", "within", "at", "bin", "since", "until"]
    assert [each.name for each in QUESTION.estimates] == ["sources"]
    assert [each.name for each in QUESTION.columns][:4] == ["source", "first", "last", "variant"]
    assert QUESTION.method == "chain"
