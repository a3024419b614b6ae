"""The names that others rely on."""

from __future__ import annotations

from ims.analyse.questions.circadian import QUESTION


def test_its_words_estimates_and_rows_have_the_names_that_are_documented() -> None:
    assert list(QUESTION.by_name) == ["filter", "bin", "by", "mmdb", "since", "until"]
    assert [each.name for each in QUESTION.estimates] == ["peak_hour", "amplitude", "period", "p_value"]
    assert [each.name for each in QUESTION.columns][:1] == ["group"]
    assert QUESTION.method == "circadian"
