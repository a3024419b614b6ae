"""Bytes a day, against files of the same packets that programs have written and compressed."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from shutil import which
from typing import Any

import numpy as np
import pytest

import ims
from ims.analyse.analyses import ANALYSES
from ims.analyse.execution import run
from ims.analyse.storage import data, sample
from ims.portal.privacy.redact_analyst import OF_FILES
from ims.query.answer import Answer
from ims.query.moment import moment
from ims.query.request import Request
from ims.settings.durations import HOUR_US, SECOND_US
from ims.simulate.output.capture import write_scenario
from ims.simulate.scenario.scenario import read_scenario
from ims.telescope import Telescope

from ...query.plans.test_storage import PACKETS, store, telescope
from ...stores import MIDNIGHT, ingest, udp, write_pcap

__all__ = ["store", "telescope"]


def value(result: ims.analyse.result.Result, name: str) -> float:
    found = result.estimates[name].value
    assert isinstance(found, float)
    return found


def test_it_is_what_an_export_and_zstd_make_of_it(tmp_path: Path, telescope: Telescope) -> None:
    result = telescope.analyse.storage()
    telescope.export(tmp_path / "x.pcap", "pcap")
    octets = (tmp_path / "x.pcap").stat().st_size - 24
    assert sum(row["pcap"] for row in result.rows.to_pylist()) == octets
    program = which("zstd")
    assert program is not None
    subprocess.run([program, "-q", "-3", str(tmp_path / "x.pcap")], check=True)
    judged = octets / (tmp_path / "x.pcap.zst").stat().st_size
    assert value(result, "pcap_zst") == pytest.approx(judged, rel=0.02)
    assert "all packets" in result.estimates["pcap_zst"].method


def test_stored_is_what_lies_on_the_disk(store: Path, telescope: Telescope) -> None:
    result = telescope.analyse.storage()
    rows = result.rows.to_pylist()
    on_disk = sum(path.stat().st_size for path in store.rglob("*.parquet") if "coverage" not in str(path))
    assert sum(row["stored"] for row in rows) == pytest.approx(on_disk)
    assert value(result, "stored") == pytest.approx(sum(row["pcap"] for row in rows) / on_disk)
    assert sum(row["packets"] for row in rows) == PACKETS


def test_of_more_than_a_sample_the_interval_holds_what_all_would_be(
    monkeypatch: pytest.MonkeyPatch, telescope: Telescope
) -> None:
    whole = value(telescope.analyse.storage(), "pcap_zst")
    monkeypatch.setattr(sample, "OCTETS", 4 << 10)
    result = telescope.analyse.storage()
    found = result.estimates["pcap_zst"]
    assert f"{sample.PLACES} places" in found.method
    assert found.low is not None and found.high is not None
    assert found.low < found.value < found.high  # type: ignore[operator]
    # Small places repeat less: here a ratio is of 4 kB, not of the usual 4 MB.
    assert value(result, "pcap_zst") < whole
    for row in result.rows.to_pylist():
        assert row["pcap_zst_low"] < row["pcap_zst"] < row["pcap_zst_high"]
    # Of more hours than can be asked for by second, those of the places alone are.
    monkeypatch.setattr(data, "MOST_BINS", 3600)
    assert telescope.analyse.storage().to_json() == result.to_json()


@pytest.mark.exhaustive
def test_a_sample_of_its_usual_size_holds_what_zstd_makes_of_all(tmp_path: Path) -> None:
    scenario = read_scenario("mysql-2004")
    with (tmp_path / "x.pcap").open("wb") as file:
        write_scenario(scenario, file, seed=1)
    ingest(tmp_path / "STORE", tmp_path / "x.pcap", blocks=[f"{b.name}={b.prefix}" for b in scenario.blocks()])
    with ims.open(tmp_path / "STORE") as telescope:
        found = telescope.analyse.storage().estimates["pcap_zst"]
        telescope.export(tmp_path / "all.pcap", "pcap")
    subprocess.run([str(which("zstd")), "-q", "-3", str(tmp_path / "all.pcap")], check=True)
    judged = (tmp_path / "all.pcap").stat().st_size / (tmp_path / "all.pcap.zst").stat().st_size
    assert f"{sample.PLACES} places" in found.method
    assert found.low < judged < found.high  # type: ignore[operator]


HOUR_NS = 3600 * 10**9


def test_a_burst_has_its_share_of_the_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of an hour's octets nine in ten come within a hundredth of a second, and they are hardly smaller compressed."""
    noise = np.random.default_rng(3).bytes(400 * 2000)
    steady = [(MIDNIGHT + n * HOUR_NS // 200, udp(1, 0xC6336400, 53, b"x" * 400)) for n in range(200)]
    burst = [
        (MIDNIGHT + HOUR_NS // 2 + 7 + n * 5000, udp(2, 0xC6336400, 53, noise[400 * n : 400 * n + 400]))
        for n in range(2000)
    ]
    ingest(tmp_path / "STORE", write_pcap(tmp_path / "x.pcap", sorted(steady + burst)))
    with ims.open(tmp_path / "STORE") as telescope:
        whole = value(telescope.analyse.storage(), "pcap_zst")
        monkeypatch.setattr(sample, "OCTETS", 20_000)
        written: list[int] = []

        def write(request: object, out: object) -> None:
            written.append(telescope.write(request, out).packets)  # type: ignore[arg-type]

        result = run(ANALYSES["storage"], telescope.ask, {}, write=write)
    assert len(written) == sample.PLACES
    assert max(written) < 500, "a place is a part of the second, in which 2,000 came"
    assert value(result, "pcap_zst") == pytest.approx(whole, rel=0.3)


def test_a_sample_is_of_the_range(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, telescope: Telescope) -> None:
    """Also in an hour of which a part is asked for."""
    words = {"since": "2026-03-04T22:40", "until": "2026-03-05T01:10"}
    telescope.export(tmp_path / "x.pcap", "pcap", **words)
    requests = []

    def write(request: Any, out: Any) -> None:
        requests.append((request.since, request.until))
        telescope.write(request, out)

    result = run(ANALYSES["storage"], telescope.ask, words, write=write)
    ends = moment(words["since"]), moment(words["until"])
    assert requests == [ends]
    monkeypatch.setattr(sample, "OCTETS", 2 << 10)
    run(ANALYSES["storage"], telescope.ask, words, write=write)
    assert len(requests) == 1 + sample.PLACES
    assert all(ends[0] <= since < until <= ends[1] for since, until in requests)
    assert sum(row["pcap"] for row in result.rows.to_pylist()) == (tmp_path / "x.pcap").stat().st_size - 24


def test_narrow_bins_are_of_an_hour_and_none_is_lost(telescope: Telescope) -> None:
    """The watch begins within an hour, in none of whose first ten minutes it was."""
    words = {"since": "2026-03-04T22:35"}
    narrow, hourly = (telescope.analyse.storage(bin=bin, **words) for bin in ("10m", "1h"))
    assert narrow.rows.equals(hourly.rows) and narrow.options["bin"] == "1h"
    assert sum(row["packets"] for row in narrow.rows.to_pylist()) == telescope.count(**words).rows()[0]["packets"]
    assert [note for note in narrow.notes if note not in hourly.notes] == [
        "files are of whole hours, so bins are of an hour"
    ]


def test_hours_in_which_nothing_came_widen_the_interval(tmp_path: Path) -> None:
    """Eleven equal bursts in 100 hours may as well have been six or sixteen."""
    bursts = (0, 3, 5, 21, 22, 40, 61, 64, 90, 97, 99)
    at = [MIDNIGHT + hour * HOUR_NS + k for hour in bursts for k in range(50)]
    ingest(tmp_path / "STORE", write_pcap(tmp_path / "x.pcap", [(t, udp(1, 0xC6336400, 53, b"x")) for t in at]))
    with ims.open(tmp_path / "STORE") as telescope:
        found = run(ANALYSES["storage"], telescope.ask, {}).estimates["pcap"]
    assert isinstance(found.high, float) and isinstance(found.low, float) and found.high / found.low > 2


def test_who_may_not_export_gets_the_rest_and_a_note(telescope: Telescope) -> None:
    result = run(ANALYSES["storage"], telescope.ask, {})
    assert result.estimates["pcap_zst"].value is None
    assert result.estimates["signatures"].value is not None
    assert all(row["pcap_zst"] is None and row["signatures"] for row in result.rows.to_pylist())
    assert any("this role can't export" in note for note in result.notes)


def test_who_is_not_shown_files_gets_the_rest_and_a_note(telescope: Telescope) -> None:
    def ask(request: Request) -> Answer:
        answer = telescope.ask(request)
        hidden = [name for name in OF_FILES if name in answer.table.column_names]
        return Answer(answer.table.drop_columns(hidden), answer.record)

    result = run(ANALYSES["storage"], ask, {})
    assert result.estimates["stored"].value is None
    assert result.estimates["signatures"].value is not None
    assert any("isn't shown files" in note for note in result.notes)
    assert all(row["stored"] is None and row["pcap"] for row in result.rows.to_pylist())


def test_with_a_filter_the_files_aren_t_said_to_be_of_what_it_takes(telescope: Telescope) -> None:
    result = telescope.analyse.storage("udp")
    assert result.estimates["stored"].value is None
    assert any("ask without a filter" in note for note in result.notes)
    assert all(row["stored"] is None for row in result.rows.to_pylist())


def test_of_nothing_there_is_a_sentence_and_no_figure(telescope: Telescope) -> None:
    result = telescope.analyse.storage("tcp")
    assert "no packet came, so there is nothing to store" in result.notes
    assert all(each.value is None for each in result.estimates.values())
    assert result.figure() is None and result.plot() is None


def test_from_few_hours_there_is_no_interval(telescope: Telescope) -> None:
    found = telescope.analyse.storage().estimates["signatures"]
    assert found.value is not None and found.low is None and found.high is None


def test_a_moment_tells_no_day(tmp_path: Path) -> None:
    """One packet in a microsecond was said to be 36 TB a day."""
    ingest(tmp_path / "STORE", write_pcap(tmp_path / "x.pcap", [(MIDNIGHT, udp(1, 0xC6336400, 53, b"x"))]))
    with ims.open(tmp_path / "STORE") as telescope:
        result = telescope.analyse.storage()
    assert result.estimates["pcap"].value is None
    assert any("less than an hour" in note for note in result.notes)
    assert value(result, "signatures") > 0


def test_more_seconds_than_an_answer_may_have_are_asked_by_hour(telescope: Telescope) -> None:
    """As where packets came in many hours that weren't watched."""
    asked = []

    def ask(request: Request) -> Answer:
        answer = telescope.ask(request)
        if request.verb == "storage":
            asked.append(request.bin)
            if len(asked) == 1:
                return Answer(answer.table.slice(0, 2), replace(answer.record, limit=2))
        return answer

    found = run(ANALYSES["storage"], ask, {}, write=telescope.write)
    assert asked[:2] == [SECOND_US, HOUR_US]
    assert found.rows == telescope.analyse.storage().rows
