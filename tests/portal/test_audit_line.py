"""One line of the audit log: whatever is in it, it is short, printable and without secrets."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ims.portal.audit import LONGEST
from ims.portal.audit_line import LONGEST_TEXT, REDACTED, SECRET_NAMES, line

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), ANY, max_size=5), st.integers(0, 5), st.integers(512, LONGEST))
def test_no_line_is_longer_than_it_may_be(fields: dict[str, Any], times: int, most: int) -> None:
    larger = {name: [value] * 10**times if times < 4 else value for name, value in fields.items()}
    written = line({"time": "now", **larger, "path": "x" * 10**times}, most)
    assert len(written) <= most
    found = json.loads(written)
    assert times < 5 or found["cut"] is True


SECRET = st.text(st.sampled_from("ABCxyz019_-"), min_size=43, max_size=43).map("ims_".__add__)


@given(SECRET, st.text(max_size=30), st.integers(0, 8), st.sampled_from(SECRET_NAMES), st.booleans())
def test_no_secret_is_left_however_deep_it_stands(
    secret: str, around: str, depth: int, name: str, is_named: bool
) -> None:
    """By its own beginning, or by the name of what holds it."""
    value: Any = {f"The{name.title()}OfAlice": f"plain {secret[4:]}"} if is_named else f"{around} {secret} {around}"
    for number in range(depth):
        value = [value] if number % 2 else {around: value}
    assert secret[4:20] not in line({"words": value}, LONGEST).decode()


def test_of_a_secret_that_is_cut_no_beginning_is_left() -> None:
    """It begins before the place where a text is cut, and ends behind it."""
    secret = "ims_" + "A" * 43
    for before in range(LONGEST_TEXT - 48, LONGEST_TEXT + 1):
        assert b"AAA" not in line({"path": "/" * before + secret}, LONGEST)


def test_a_key_that_is_a_secret_is_not_written_either() -> None:
    assert json.loads(line({"words": {"ims_" + "A" * 43: 1}}, LONGEST)) == {"words": {REDACTED: 1}}


def test_what_is_too_deep_or_too_wide_is_left_out_and_says_so() -> None:
    deep: Any = "bottom"
    for _ in range(2_000):
        deep = [deep]
    found = json.loads(
        line({"deep": deep, "wide": list(range(1_000)), "many": {str(n): n for n in range(99)}}, LONGEST)
    )
    assert "bottom" not in json.dumps(found) and "..." in json.dumps(found["deep"])
    assert found["wide"][:-1] == list(range(64)) and "1,000" in found["wide"][-1]
    assert len(found["many"]) == 65 and "99" in found["many"]["..."]
    assert found["cut"] is True


def test_a_number_that_other_readers_can_t_hold_is_told_by_its_size() -> None:
    for number in (1 << 63, -(1 << 63), (1 << 64) - 1, 1 << 64, -(1 << 64), 10**5000):
        found = json.loads(line({"rows": number}, LONGEST))["rows"]
        assert found == number if abs(number) < 1 << 64 else f"{number.bit_length()} bits" in found


def test_who_asked_is_left_where_nothing_else_fits() -> None:
    fields = {"time": "now", "caller": "alice", "role": "viewer", **{f"field {n}": "x" * 100 for n in range(200)}}
    assert json.loads(line(fields, 512)) == {"time": "now", "caller": "alice", "role": "viewer", "cut": True}
