"""The figure of ports."""

from __future__ import annotations

from rich.cells import cell_len

from ims.analyse.ports.counts import Data
from ims.analyse.ports.figure import figure, plot
from ims.settings.durations import DAY_US

from ..figures import spec_of
from .months import bins, changed, result


def test_it_says_what_changed_and_marks_when() -> None:
    spec = spec_of(result(changed()))
    assert spec["title"]["text"] == ["1 port without a well-known service whose traffic changed its level"]
    assert "dashed: level; dotted: when the level changed, grey: its interval" in spec["title"]["subtitle"]
    data = spec["datasets"]
    assert len(data["panel_1_marks"]) == 2
    assert data["panel_1_curve"]


def test_text_has_dates_and_fits() -> None:
    text = plot(result(changed()), 80, False)
    assert text is not None and text.isascii()
    assert "1024/tcp: changed 2004-02-24 1" in text
    assert all(cell_len(line) <= 80 for line in text.splitlines())


def test_nothing_is_drawn_where_nothing_changed() -> None:
    empty = result(Data(bins(50), DAY_US, 0.05, False, 100))
    assert figure(empty) is None and plot(empty, 80, True) is None
