"""The question of `exchange`: its words."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ims.analyse.analyses import ANALYSES
from ims.analyse.options import options_of
from ims.query.language.syntax_tree import And, Net
from ims.telescope import Telescope

EXCHANGE = ANALYSES["exchange"]


def test_the_source_is_part_of_the_filter() -> None:
    alone = options_of(EXCHANGE, {"source": "203.0.113.9"})
    assert alone.request.filter == Net("source", 0xCB007109, 0xFFFFFFFF)
    both = options_of(EXCHANGE, {"source": "203.0.113.9", "filter": "tcp", "limit": 5})
    assert isinstance(both.request.filter, And) and alone.request.filter in both.request.filter.terms
    assert both.shown == {"source": "203.0.113.9", "limit": 5}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ({}, "exchange needs --source"),
        ({"source": "203.0.113.0/24"}, "source '203.0.113.0/24': expected an address, such as 203.0.113.9"),
        ({"source": "host.example"}, "source 'host.example': expected an address"),
        ({"source": 5}, "source '5': expected an address"),
        ({"source": "203.0.113.9", "limit": 10_001}, "limit 10001: expected 1 to 10,000 packets"),
        ({"source": "203.0.113.9", "limit": -1}, "limit -1: expected 1 to 10,000 packets"),
        ({"source": "203.0.113.9", "filter": "tpc"}, "meant tcp"),
    ],
)
def test_wrong_words_are_one_line(telescope: Telescope, words: dict[str, Any], line: str) -> None:
    with pytest.raises(ValueError, match=re.escape(line)):
        telescope.analysis("exchange", words)
