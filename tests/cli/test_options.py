"""What commands share."""

from __future__ import annotations

from ims.cli.options import examples


def test_examples_stand_a_line_each_as_they_are_typed() -> None:
    assert examples("ims demo", "ims query --help") == "\b\nExamples:\n  ims demo\n  ims query --help"
