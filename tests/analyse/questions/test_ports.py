"""The names that others rely on."""

from __future__ import annotations

from ims.analyse.questions.ports import QUESTION


def test_its_words_estimates_and_rows_have_the_names_that_are_documented() -> None:
    assert list(QUESTION.by_name) == ["filter", "bin", "fdr", "well_known", "since", "until"]
    assert [each.name for each in QUESTION.estimates] == ["ports", "greatest_change"]
    names = [each.name for each in QUESTION.columns]
    assert {"protocol", "port", "changed_at", "before", "after", "ratio", "q_value"} < set(names)
    assert QUESTION.method == "ports"
