"""The figure of payloads: all packets, then each payload, those that appeared first."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import vl_convert

import ims
from ims.analyse.result import Result
from ims.analyse.signature.figure import figure, plot

from ..figures import spec_of
from ..payload_store import NEW, payload_store, signature

__all__ = ["payload_store"]


@pytest.fixture(scope="module")
def result(payload_store: Path) -> Result:
    with ims.open(payload_store) as telescope:
        return telescope.analyse.signature("udp dst port 1434", top=3)


def test_the_whole_port_stands_above_the_one_that_appeared_and_that_above_others(result: Result) -> None:
    spec = spec_of(result)
    titles = [part["concat"][0]["layer"][-1]["encoding"]["text"]["value"] for part in spec["vconcat"]]
    assert titles[0].startswith("All packets: ") and titles[1].startswith(f"Payload {signature(NEW)[:8]}: ")
    assert len(titles) == 4


def test_it_says_range_bins_filter_size_share_and_gaps(result: Result) -> None:
    spec = spec_of(result)
    assert spec["title"]["text"] == ["Packets by payload: 1 payload appeared"]
    lines = spec["title"]["subtitle"]
    assert lines[0].endswith("bins of 1h, udp dst port 1434") and "A/24, B/25" in lines[1]
    assert lines[2].startswith("share of payloads that appeared: ")
    assert "dotted: appeared, grey: its interval" in lines


def test_only_the_one_that_appeared_has_a_mark_with_its_interval(result: Result) -> None:
    spec = spec_of(result)
    assert [len(rows) for name, rows in spec["datasets"].items() if name.endswith("intervals")] == [1]
    row = next(row for row in result.rows.to_pylist() if row["appeared"])
    [(_, [interval])] = [(n, rows) for n, rows in spec["datasets"].items() if n.endswith("intervals")]
    assert interval["until"] == pytest.approx(row["appeared_high"].timestamp() * 1000, abs=1)


def test_each_of_several_that_appeared_has_its_own_mark(result: Result) -> None:
    rows = result.rows.to_pylist()
    moments = [datetime(2026, 3, day, tzinfo=UTC) for day in (5, 6, 7)]
    shown = [name for name in pc.unique(result.series.column("signature")).to_pylist() if name != "all"][:3]
    for row in rows:
        if row["signature"] in shown:
            row["appeared"] = row["appeared_low"] = row["appeared_high"] = moments[shown.index(row["signature"])]
    spec = spec_of(replace(result, rows=pa.Table.from_pylist(rows, result.rows.schema)))
    marks = [each["time"] / 1000 for name in sorted(spec["datasets"]) if name.endswith("marks")
             for each in spec["datasets"][name]]  # fmt: skip
    assert marks == [moment.timestamp() for moment in moments]


def test_each_panel_has_a_scale_of_its_own_from_zero_on(result: Result) -> None:
    domains = [
        layer["encoding"]["y"]["scale"]["domain"]
        for part in spec_of(result)["vconcat"]
        for layer in part["concat"][0]["layer"]
        if "scale" in layer.get("encoding", {}).get("y", {})
    ]
    assert all(low == 0 for low, _ in domains) and len({high for _, high in domains}) > 1


def test_it_is_drawn_and_the_same_as_text(result: Result) -> None:
    assert vl_convert.vegalite_to_svg(spec_of(result)).startswith("<svg")
    text = plot(result, 80, True)
    assert text is not None and text.count("All packets") == 1 and "appeared 6 Mar" in text.replace("06 Mar", "6 Mar")
    assert max(map(len, text.splitlines())) <= 80
    assert (plot(result, 80, False) or "").isascii()


def test_nothing_is_drawn_where_nothing_came(result: Result) -> None:
    empty = replace(result, rows=result.rows.slice(0, 0), series=result.series.slice(0, 0))
    assert figure(empty) is None and plot(empty, 80, True) is None
