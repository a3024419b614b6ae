"""An answer hands itself on as Arrow, tells what it lacks, and a notebook obeys nothing in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pandas
import polars
import pyarrow as pa

import ims
from ims.query.answer import Answer, AnswerRecord

from ..stores import MIDNIGHT, ingest, udp, write_pcap

DARK = 0xC633_6409


def test_an_answer_hands_itself_to_pandas_polars_and_duckdb(three_stores: list[Path]) -> None:
    answer = ims.open(*three_stores).top("protocol")
    frame, other = answer.to_pandas(), answer.to_polars()
    assert isinstance(frame, pandas.DataFrame) and isinstance(other, polars.DataFrame)
    assert frame.to_dict("records") == other.to_dicts() == answer.rows()
    with duckdb.connect() as duck:
        assert duck.sql("SELECT sum(value) FROM answer").fetchall() == [(sum(row["value"] for row in answer.rows()),)]


def test_a_notebook_shows_nothing_that_it_would_obey(tmp_path: Path) -> None:
    payload = b"<script>alert(1)</script>\x1b[2J\x9b31m[/bold]" * 2
    capture = write_pcap(tmp_path / "c.pcap", [(MIDNIGHT, udp(1, DARK, 80, payload))])
    answer = ims.open(ingest(tmp_path / "S", capture)).payloads()
    page = answer._repr_html_()
    assert "<script" not in page and "\x1b" not in page and "\x9b" not in page
    assert "&lt;script&gt;" in page and "1 /24 watched by a" in page
    assert telescope_payload(tmp_path / "S", answer) == payload


def telescope_payload(store: Path, answer: Any) -> bytes:
    return ims.open(store).payload(answer.rows()[0]["signature"])


def answer_of(rows: int, **record: Any) -> Answer:
    return Answer(pa.table({"value": list(range(rows))}), AnswerRecord(**record))


def test_what_takes_arrow_s_streams_takes_an_answer() -> None:
    answer = answer_of(3)
    assert pa.table(answer).to_pylist() == [{"value": n} for n in range(3)] == answer.rows()
    assert len(answer) == 3


def test_a_record_tells_whose_darkness_it_is() -> None:
    assert AnswerRecord().darkness == "0 /24s watched by no sensor"
    assert AnswerRecord(darknet_24s=1.0, sensors=("a",)).darkness == "1 /24 watched by a"
    assert AnswerRecord(darknet_24s=65_536.4, sensors=("a", "b")).darkness == "65,536 /24s watched by a, b"
    many = AnswerRecord(darknet_24s=2.5, sensors=tuple(f"s{n}" for n in range(11)))
    assert many.darkness == "2.5 /24s watched by s0, s1, s2, s3, s4, s5, s6, s7 and 3 more"


def test_each_thing_that_is_missing_has_a_line_of_its_own() -> None:
    assert AnswerRecord().notes == []
    record = AnswerRecord(
        silent={"b": "connection refused"}, losing={"a": "drops packets now"}, frames_lost=1200, payloads_lost=1,
        limit=10, matching=1500, at_least=True, bins_left_out=2, withheld=("some payloads",),
    )  # fmt: skip
    lines = record.notes
    assert len(lines) == len(set(lines)) == 7
    told = ("b did not answer: connection refused", "a drops packets now", "1,200 packets lost", "1 payload lost")
    for line, begin in zip(lines, told, strict=False):
        assert line.startswith(begin)
    assert "only the first 10 of at least 1,500 rows" in lines[4]
    assert lines[6] == "some payloads"


def test_whoever_looks_at_an_answer_sees_what_was_left_out() -> None:
    shown = repr(answer_of(2, limit=2, matching=9, withheld=("payloads",)))
    assert shown.startswith("<Answer of 2 rows: value; only the first 2 of 9 rows") and "payloads" in shown
    page = answer_of(60, silent={"<b>": "why"})._repr_html_()
    assert "60 rows, the first 50 shown" in page and page.count("<tr>") == 51
    assert "&lt;b&gt; did not answer" in page and "<b>" not in page
