"""The names that others rely on."""

from __future__ import annotations

from ims.analyse.questions.signature import QUESTION


def test_its_words_estimates_and_rows_have_the_names_that_are_documented() -> None:
    assert list(QUESTION.by_name) == ["filter", "bin", "top", "since", "until"]
    assert [each.name for each in QUESTION.estimates] == ["appeared", "share", "new_share"]
    assert [each.name for each in QUESTION.columns] == [
        "signature", "packets", "share", "share_low", "share_high", "first", "last", "appeared", "appeared_low",
        "appeared_high", "q_value", "sources", "length", "text",
    ]  # fmt: skip
    assert QUESTION.method == "signature"
