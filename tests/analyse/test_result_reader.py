"""What a portal sent comes back the same, or is refused."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.analyse.analyses import ANALYSES
from ims.analyse.question import MOMENT
from ims.analyse.result import Darknet, Estimate, Gap, Result
from ims.analyse.result_reader import from_json
from ims.telescope import Telescope

SENT = json.loads(Result("rate", None, 0, 1, Darknet(256, ("A/24",)), {"bin": "5m"}).to_json())


def test_what_is_sent_comes_back_the_same(telescope: Telescope) -> None:
    result = telescope.analyse.rate("udp", bin="10m")
    back = from_json(json.loads(result.to_json()))
    assert back.to_json() == result.to_json()
    assert back.rows.equals(result.rows) and back.series.equals(result.series)
    assert back.estimates == result.estimates and back.darknet == result.darknet


@pytest.mark.parametrize("name", sorted(ANALYSES))
def test_a_portal_s_result_of_each_analysis_is_one(name: str) -> None:
    """With the options that a portal sends: those that it takes."""
    analysis = ANALYSES[name]
    words = [each for each in analysis.remote if each.name not in {"filter", "since", "until"}]
    options = {each.name: each.examples[0] if each.required else each.default for each in words}
    sent = Result(name, None, 0, 1, Darknet(256, ("A/24",)), options).to_json()
    assert from_json(json.loads(sent)).options == options


@given(
    st.one_of(
        st.none(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.datetimes(datetime(1900, 1, 1), datetime(2399, 12, 31), timezones=st.just(UTC)),
    ),
    st.one_of(st.none(), st.text(max_size=20)),
    st.lists(st.integers(0, 10**15), max_size=3),
)
def test_any_estimate_filter_and_gap_comes_back(value: Any, filter: str | None, gaps: list[int]) -> None:
    unit = MOMENT if isinstance(value, datetime) else "h"
    estimate = Estimate(value, value, None, unit, "made" if value is not None else "")
    if value is None:
        estimate = Estimate(None, None, None, "", "")
    darknet = Darknet(1.5, ("A/24",), 2, tuple(Gap("A/24", gap, gap + 1) for gap in gaps))
    result = Result("rate", filter, None, 7, darknet, {"bin": "5m"}, {"x": estimate}, notes=("a", "b"))
    back = from_json(json.loads(result.to_json()))
    assert back.estimates["x"] == estimate and back.darknet == darknet
    assert (back.filter, back.since, back.until, back.notes) == (filter, None, 7, ("a", "b"))


HOSTILE: tuple[tuple[tuple[str, ...], Any], ...] = (
    ((), {}),
    (("question",), "x"),
    (("options",), {}),
    (("options",), {"bin": "5m", "more": 1}),
    (("options",), {"bin": "five"}),
    (("options",), {"bin": ["5m"]}),
    (("darknet", "addresses"), float("inf")),
    (("darknet", "addresses"), float("nan")),
    (("darknet", "addresses"), 10**400),
    (("darknet", "frames_lost"), float("inf")),
    (("darknet", "gaps"), [{"block": "A/24", "since": "0001-01-01T00:00:00Z", "until": "2026-03-04"}]),
    (("since",), "9999-01-01T00:00:00Z"),
    (("since",), 5),
    (("rows",), [{"bins": 2**70}]),
    (("rows",), [{"mean": float("inf")}]),
    (("rows",), [5]),
    (("series",), [{"time": "2500-01-01T00:00:00Z"}]),
    (("estimates",), {"ratio": {"value": 1, "low": 1, "high": 1, "unit": "h", "method": "", "level": float("nan")}}),
    (("estimates",), {"ratio": 5}),
)


@pytest.mark.parametrize(("place", "value"), HOSTILE)
def test_what_is_no_result_is_refused(place: tuple[str, ...], value: Any) -> None:
    sent = copy.deepcopy(SENT)
    assert from_json(sent)
    if not place:
        sent = value
    elif len(place) == 1:
        sent[place[0]] = value
    else:
        sent[place[0]][place[1]] = value
    with pytest.raises(ValueError, match="no result of an analysis"):
        from_json(sent)


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=5,
), st.sampled_from(sorted(SENT)))  # fmt: skip
def test_any_json_is_a_result_or_a_value_error(value: Any, name: str) -> None:
    try:
        result = from_json({**SENT, name: value})
    except ValueError:
        return
    assert json.loads(result.to_json()) and repr(result) and result._repr_mimebundle_()


def test_names_of_a_hostile_portal_are_shown_safely() -> None:
    sent = copy.deepcopy(SENT)
    sent["darknet"]["blocks"] = ["\x1b]0;x\x07"]
    result = from_json(sent)
    assert "\x1b" not in result.darknet.size and "\x1b" not in repr(result)
