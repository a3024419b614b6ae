"""Shares by delay as a chart and as text."""

from __future__ import annotations

import json

import pytest
import vl_convert

from ims.figures.delay_panels import delay_part, delay_text_panels
from ims.figures.panel_grid import picture
from ims.figures.theme import Heading

from .test_delay_bins import table

ROWS = [(1.0, "x", 0.0), (60.0, "x", 0.25), (90_000.0, "x", 0.5)]


def test_a_part_has_a_panel_for_each_with_named_delays() -> None:
    part = delay_part(table(ROWS), panels=[("x", "Came on")], value_title="share", delay_title="time since",
                      band_title="95 % interval")  # fmt: skip
    spec = picture([part], Heading("Title")).to_dict()
    assert '"1 min"' in json.dumps(spec).replace("\\", "") and "Came on" in json.dumps(spec)
    values = {row["value"] for row in spec["datasets"]["delay_1_line"] if row["value"] is not None}
    assert values == {0.0, 0.25}, "the last row ends the panel"
    assert vl_convert.vegalite_to_svg(json.dumps(spec), "6.4").startswith("<svg")


@pytest.mark.parametrize("unicode", [True, False])
def test_the_same_as_text(unicode: bool) -> None:
    text = delay_text_panels(table(ROWS), [("x", "Came on")], width=60, height=5, value_title="share",
                             delay_title="time since", unicode=unicode)  # fmt: skip
    assert "Came on" in text and "1 min" in text and "time since" in text
    assert max(map(len, text.splitlines())) <= 60 and (unicode or text.isascii())


def test_what_can_t_be_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="panels"):
        delay_part(table(ROWS), panels=[], value_title="", delay_title="")
    with pytest.raises(ValueError, match="columns"):
        delay_text_panels(table(ROWS), [("x", "")], width=9, height=5, value_title="", delay_title="")
