"""The names that others rely on."""

from __future__ import annotations

from ims.analyse.questions.new_payloads import QUESTION


def test_its_words_estimates_and_rows_have_the_names_that_are_documented() -> None:
    assert list(QUESTION.by_name) == ["filter", "bin", "by", "only", "history", "limit", "since", "until"]
    names = [each.name for each in QUESTION.estimates]
    assert names == ["new_share", "new_rate", "second_share", "second_delay", "third_delay"]
    columns = {each.name for each in QUESTION.columns}
    assert columns >= {"signature", "first", "blocks", "sensors", "second_block", "second_delay", "third_delay", "only"}
    assert QUESTION.method == "new_payloads"
