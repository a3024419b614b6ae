"""The names that others rely on."""

from __future__ import annotations

from ims.analyse.questions.storage import QUESTION


def test_its_words_estimates_and_rows_have_the_names_that_are_documented() -> None:
    assert list(QUESTION.by_name) == ["filter", "bin", "since", "until"]
    assert [each.name for each in QUESTION.estimates] == ["pcap", "pcap_zst", "signatures", "stored"]
    assert [each.name for each in QUESTION.columns] == [
        "time", "packets", "pcap", "pcap_zst", "pcap_zst_low", "pcap_zst_high", "signatures", "stored",
    ]  # fmt: skip
