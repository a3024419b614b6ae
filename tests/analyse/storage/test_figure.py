"""The figure of bytes: a panel for each form that is known, with the same axes."""

from __future__ import annotations

import json
from dataclasses import replace

import vl_convert

from ims.analyse.analyses import ANALYSES
from ims.analyse.execution import run
from ims.telescope import Telescope

from ...query.plans.test_storage import store, telescope
from ..figures import spec_of

__all__ = ["store", "telescope"]


def test_each_form_has_a_panel_and_says_how_much_smaller_it_is(telescope: Telescope) -> None:
    spec = spec_of(telescope.analyse.storage(bin="1h"))
    above = [panel["layer"][-1]["encoding"]["text"]["value"] for panel in spec["concat"]]
    assert [each.partition(":")[0] for each in above] == ["pcap", "pcap.zst", "signatures", "stored here"]
    assert all("times smaller" in each for each in above[1:])
    text = json.dumps(spec)
    for part in ("Bytes that packets take in each hour", "1 /24 watched", "kB in each hour", "each payload once a day"):
        assert part in text, part
    assert vl_convert.vegalite_to_svg(spec).startswith("<svg")


def test_a_form_that_is_larger_than_pcap_is_said_to_be(telescope: Telescope) -> None:
    result = telescope.analyse.storage(bin="1h")
    stored = replace(result.estimates["stored"], value=0.5, low=0.4, high=0.8)
    drawn = replace(result, estimates={**result.estimates, "stored": stored})
    above = [panel["layer"][-1]["encoding"]["text"]["value"] for panel in spec_of(drawn)["concat"]]
    assert above[-1] == "stored here: 2 (1.25 to 2.5) times larger"


def test_what_a_role_isn_t_shown_has_no_panel(telescope: Telescope) -> None:
    spec = spec_of(run(ANALYSES["storage"], telescope.ask, {"bin": "1h"}))
    assert len(spec["concat"]) == 3


def test_as_text_it_is_as_wide_as_asked(telescope: Telescope) -> None:
    for unicode in (True, False):
        text = telescope.analyse.storage(bin="1h").plot(70, unicode)
        assert text is not None and max(map(len, text.splitlines())) <= 70
        assert "pcap.zst" in text and (unicode or text.isascii())
