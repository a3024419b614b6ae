"""The figure of hit rates: a panel for each block, its dips, and what made them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import vl_convert

import ims
from ims.telescope import Telescope

from ...stores import MIDNIGHT, ingest, udp, write_pcap
from ..figures import spec_of
from .test_data import DIP, store, telescope

__all__ = ["store", "telescope"]


def test_it_says_range_bins_size_and_the_hit_rate_of_all(telescope: Telescope) -> None:
    text = json.dumps(spec_of(telescope.analyse.cache("udp")), ensure_ascii=False)
    for part in ("Hit rate of the signature cache in each hour", "bins of 1h, udp", "1.5 /24s watched: A/24, B/25",
                 "% of payloads had been seen that day", "dips by udp 3306", "hit rate, %",
                 "dashed: usual at this hour of the day", "dotted: begin of a dip, grey: the dip"):  # fmt: skip
        assert part in text, part


def test_the_block_with_the_lowest_hit_rate_stands_first_and_only_it_has_the_dip(telescope: Telescope) -> None:
    spec = spec_of(telescope.analyse.cache())
    above = [panel["layer"][-1]["encoding"]["text"]["value"] for panel in spec["concat"]]
    assert [each.split(":")[0] for each in above] == ["A/24", "B/25"]
    [strip] = spec["datasets"]["panel_1_intervals"]
    assert strip["until"] - strip["time"] == len(DIP) * 3_600_000
    assert "panel_2_intervals" not in spec["datasets"]
    values = [row["value"] for row in spec["datasets"]["panel_1_line"] if row["value"] is not None]
    assert 0 < min(values) < max(values) <= 100


def test_it_renders_and_as_text_it_is_as_wide_as_asked(telescope: Telescope) -> None:
    result = telescope.analyse.cache()
    assert vl_convert.vegalite_to_svg(spec_of(result)).startswith("<svg")
    for unicode in (True, False):
        text = result.plot(60, unicode)
        assert text is not None and max(map(len, text.splitlines())) <= 60
        assert "A/24" in text and (unicode or text.isascii())


def test_hours_without_a_payload_aren_t_called_unwatched(tmp_path: Path) -> None:
    hour = 3_600_000_000_000
    packets = [
        (MIDNIGHT + at * hour, udp(0x0808_0808, 0xC633_6407, 53, said))
        for at, said in enumerate([b"a", b"", b"a", b"b", b"c"])
    ]
    store = ingest(tmp_path / "STORE", write_pcap(tmp_path / "x.pcap", packets), blocks=["C/24=198.51.100.0/24"])
    with ims.open(store) as opened:
        result = opened.analyse.cache()
    assert "hatched: not watched, or no payload came" in json.dumps(spec_of(result))
    assert "/ not watched, or no payload came" in (result.plot(80) or "")


@pytest.mark.parametrize("words", [{"filter": "tcp"}, {"since": "1999-01-01", "until": "1999-01-02"}])
def test_nothing_is_drawn_of_nothing(words: dict[str, str], telescope: Telescope) -> None:
    result = telescope.analyse.cache(**words)  # type: ignore[arg-type]
    assert result.figure() is None and result.plot() is None
