"""The analyses in Python."""

from __future__ import annotations

from pathlib import Path

import pytest

import ims
from ims.analyse.methods import Analyses
from ims.telescope import Telescope


def test_a_telescope_has_them(telescope: Telescope) -> None:
    assert isinstance(telescope.analyse, Analyses)
    assert telescope.analyse.rate("udp").to_json() == telescope.analysis("rate", {"filter": "udp"}).to_json()


def test_what_is_wrong_is_a_value_error(telescope: Telescope) -> None:
    with pytest.raises(ValueError, match="meant tcp"):
        telescope.analyse.rate("tpc")


def test_several_stores_are_one_darknet(three_sensors: Path, three_stores: list[Path]) -> None:
    with ims.open(three_sensors) as one, ims.open(*three_stores) as several:
        assert one.analyse.rate("udp").to_json() == several.analyse.rate("udp").to_json()
