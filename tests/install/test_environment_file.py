"""A file of variables is read as systemd reads it, not as a shell does."""

from __future__ import annotations

import pytest

from ims.install.environment_file import parse_environment
from ims.install.unit import shipped


@pytest.mark.parametrize(("text", "expected"), [
    ('A="b c"\n', {"A": "b c"}), ("A='b c'", {"A": "b c"}), ("A=b c  \n", {"A": "b c"}), ("  A =  b\n", {"A": "b"}),
    ("# A=1\n; B=2\n\nC=3\n", {"C": "3"}), ("A=\n", {"A": ""}), ('A=""', {"A": ""}), ("A=it's\n", {"A": "it's"}),
    ("A=b\\\nc\nD=1\n", {"A": "bc", "D": "1"}), ('A="b\nc"\nD=1\n', {"A": "b\nc", "D": "1"}),
    (r'A="\"\\\$\x"', {"A": '"\\$\\x'}), (r"A='\"'", {"A": '\\"'}), (r"A=\"b\ c", {"A": '"b c'}),
    ("A=\"b\"'c' d\n", {"A": "bcd"}), ("A=1\nA=2\n", {"A": "2"}), ("A=b=c#d\n", {"A": "b=c#d"}), ("A=$B\n", {"A": "$B"}),
    ('A="open', {"A": "open"}), ("A=b\\", {"A": "b"}), ("", {}),
])  # fmt: skip
def test_values(text: str, expected: dict[str, str]) -> None:
    assert parse_environment(text) == (expected, [])


def test_lines_that_systemd_passes_over_are_told() -> None:
    assert parse_environment("A=1\nexport B=2\nset -a\n1C=3\n# D\nE=5\n") == ({"A": "1", "E": "5"}, [2, 3, 4])


def test_the_example_sets_nothing_yet() -> None:
    example = shipped("settings/lake.env")
    assert parse_environment(example) == ({}, [])
    assert parse_environment(example.replace("# IMS_LAKE", "IMS_LAKE")).variables["IMS_LAKE"].startswith("s3://")
