"""The names that others rely on."""

from __future__ import annotations

from ims.analyse.questions.local_preference import QUESTION


def test_its_words_estimates_and_rows_have_the_names_that_are_documented() -> None:
    assert list(QUESTION.by_name) == ["filter", "since", "until"]
    assert [each.name for each in QUESTION.estimates] == ["same_16", "same_8"]
    ends = [f"{name}{end}" for name in ("same_16", "same_8") for end in ("", "_low", "_high")]
    assert {"block", *ends, "expected_16", "expected_8"} <= {each.name for each in QUESTION.columns}
    assert QUESTION.method == "local_preference"
