"""A key's line is where it stands, whatever stands around it."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.settings.toml_lines import line_of

TEXT = '''# a comment = 1
name = "a"
text = """
store = "not here"
[block]
"""

[[block]]
name = "A"
[block.policy]
default = "ack"
[[block]]
"prefix" = "198.51.100.0/24"
[tls]
key.path = 'x'
[[sensor]]
[[sensor.block]]
name = "one"
[[sensor.block]]
name = "two"
'''


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("name",), 2), (("text",), 3), (("block", 0, "name"), 9), (("block", 0, "policy", "default"), 11),
        (("block", 1, "prefix"), 13), (("block", 1, "absent"), 12), (("tls", "key", "path"), 15), (("store",), None),
        (("sensor", 0, "block", 1, "name"), 20), (("sensor", 0), 16), ((), None),
    ],
)  # fmt: skip
def test_places(place: tuple[int | str, ...], line: int | None) -> None:
    tomllib.loads(TEXT)
    assert line_of(TEXT, place) == line


@given(st.text(alphabet="[]=.\"'#\n ab0", max_size=80))
def test_no_text_makes_it_fail(text: str) -> None:
    found = line_of(text, ("a", 0, "b"))
    assert found is None or 1 <= found <= len(text.splitlines())
