"""The names that others rely on."""

from __future__ import annotations

from ims.analyse.questions.cache import QUESTION


def test_its_words_estimates_and_rows_have_the_names_that_are_documented() -> None:
    assert list(QUESTION.by_name) == ["filter", "bin", "since", "until"]
    assert [each.name for each in QUESTION.estimates] == ["hit_rate", "usual", "lowest"]
    assert [each.name for each in QUESTION.columns][:3] == ["block", "since", "until"]
    assert {"protocol", "port", "share", "begins"} <= {each.name for each in QUESTION.columns}
