"""Ladders: an arrow a packet, in the order of time, pauses said and not drawn."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import vl_convert

from ims.figures.ladder import Arrow, Ladder, ladders, pause_text, rungs_of, since_text
from ims.figures.theme import Heading

SECOND = 1_000_000
ARROWS = [
    Arrow(5, False, "1025 > 80: SYN", "a"), Arrow(5, True, "80 > 1025: SYN ACK", "a", is_sure=False),
    Arrow(5 + 90 * SECOND, False, "1026 > 80: SYN", "b"),
]  # fmt: skip
NAMES = ("203.0.113.9", "our addresses")


def drawn(*panels: Any) -> dict[str, Any]:
    spec: dict[str, Any] = ladders(
        [Ladder("x", NAMES, panel) for panel in panels], Heading("Title", ("line",))
    ).to_dict()
    return spec


def test_arrows_go_down_in_order_to_their_sides_and_unsure_ones_are_dashed() -> None:
    data = drawn(ARROWS)["datasets"]
    rows = data["ladder_1_arrows"]
    assert [row["text"] for row in rows] == [arrow.label for arrow in ARROWS]
    assert [row["y"] for row in rows] == sorted(row["y"] for row in rows)
    assert [row["shape"] for row in rows] == ["triangle-right", "triangle-left", "triangle-right"]
    assert [row["head"] > 100 for row in rows] == [True, False, True]
    assert [row["text"] for row in data["ladder_1_unsure"]] == [ARROWS[1].label]
    assert len(data["ladder_1_sure"]) == 2
    assert {row["text"] for row in data["ladder_1_beside"]} == {"+0:00.000", "+1:30.000", "a", "b"}


def test_a_pause_breaks_the_lifelines_and_is_said() -> None:
    data = drawn(ARROWS)["datasets"]
    assert [row["text"] for row in data["ladder_1_pauses"]] == ["90 s later"]
    assert len(data["ladder_1_lifelines"]) == 4
    [pause] = data["ladder_1_pauses"]
    assert all(not row["y"] < pause["y"] < row["until"] for row in data["ladder_1_lifelines"])


def test_arrows_of_one_packet_have_one_height_in_all_panels_and_what_isn_t_there_no_time() -> None:
    data = drawn(ARROWS, [ARROWS[0], None, None])["datasets"]
    [only] = data["ladder_2_arrows"]
    assert only["y"] == data["ladder_1_arrows"][0]["y"]
    assert [row["text"] for row in data["ladder_2_beside"]] == ["+0:00.000", "a"]
    assert data["ladder_1_lifelines"] == data["ladder_2_lifelines"]


def test_it_is_drawn_with_its_texts_and_hostile_ones_are_printable() -> None:
    panel = [replace(ARROWS[0], label="\x1b[31m<b>" + "x" * 500, end="é" * 99), *ARROWS[1:]]
    svg = vl_convert.vegalite_to_svg(json.dumps(drawn(panel)), vl_version="6.4")
    assert "\x1b" not in svg and "&lt;b" in svg and "SYN ACK" in svg and "90 s later" in svg


def test_one_end_leaves_no_room_for_names() -> None:
    alone, several = drawn([replace(arrow, end="a") for arrow in ARROWS]), drawn(ARROWS)
    assert max(_widths(alone)) < max(_widths(several))
    assert not any(row["text"] == "a" for row in alone["datasets"]["ladder_1_beside"])


def _widths(spec: Any) -> list[float]:
    """Of all that has a width in pixels, however deep."""
    if isinstance(spec, dict):
        own = [spec["width"]] if isinstance(spec.get("width"), int | float) else []
        return own + [width for each in spec.values() for width in _widths(each)]
    return [width for each in spec for width in _widths(each)] if isinstance(spec, list) else []


@pytest.mark.parametrize("panels", [[[]], [[None]], [[ARROWS[0], None], [None, None]]])
def test_nothing_to_draw_is_an_error(panels: Any) -> None:
    with pytest.raises(ValueError, match="a ladder needs arrows"):
        drawn(*panels)


def test_times_and_pauses_as_text() -> None:
    texts = [since_text(us) for us in (0, 1500, 61 * SECOND, 3600 * SECOND, 90_061 * SECOND)]
    assert texts == ["+0:00.000", "+0:00.001", "+1:01.000", "+1:00:00", "+25:01:01"]
    pauses = [pause_text(each * SECOND) for each in (1, 90, 150, 7200, 400_000, 2_000 * 86_400)]
    assert pauses == ["1 s", "90 s", "2.5 min", "2 h", "4.63 days", "2,000 days"]
    assert [rung.is_pause for rung in rungs_of([0, 999_999, 1_999_999])] == [False, False, True, False]


@pytest.mark.parametrize("second", ["198.51.100.7", "198.51.100.8"])
def test_labels_are_whole_beside_names_of_one_end_or_several(second: str) -> None:
    label = "3769 > 135: PSH ACK, 1,460 octets (bab7bbb6)"
    spec = drawn([Arrow(0, False, label, "198.51.100.7"), Arrow(1, False, label, second)])
    assert [row["text"] for row in spec["datasets"]["ladder_1_arrows"]] == [label, label]
