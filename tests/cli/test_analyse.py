"""`ims analyse`: one object as JSON, tables for people, figures in files; wrong words are one line."""

from __future__ import annotations

import csv
import json
import math
import os
import pty
import subprocess
from pathlib import Path

import pytest

import ims
from ims.analyse.analyses import ANALYSES
from ims.text import printable

from ..analyse.conftest import rates_store  # noqa: F401  (a fixture)
from ..analyse.worm_store import DOUBLING, HALF_LIFE, LIMIT, worm_store  # noqa: F401  (a fixture)
from ..stores import IMS, cli, ingest, write_pcap
from .refused import refused

WRONG = {
    ("rate", "tpc"): "filter, column 1: 'tpc' can't stand here; meant tcp?",
    ("rate", "--bin", "0"): "bin '0': expected a positive number",
    ("rate", "--since", "tomorrow"): "time 'tomorrow'",
    ("rate", "--figure", "rate.gif"): "rate.gif",
    ("rate", "--plot", "--format", "json"): "--plot is for people",
    ("rate", "--format", "xml"): "--format 'xml'",
    ("rtae",): "rtae",
    ("outbreak", "--bin", "1x"): "bin '1x': expected a positive number",
    ("outbreak", "--bin", "1s"): "bins are more than the 1,500 that a law is fitted to",
}


@pytest.mark.parametrize("words", WRONG)
def test_wrong_words_are_refused_in_a_line(rates_store: Path, words: tuple[str, ...]) -> None:  # noqa: F811
    refused(cli("analyse", *words, "--store", rates_store), WRONG[words])


def test_what_to_ask_must_be_one_of_three() -> None:
    refused(cli("analyse", "rate"), "expected --store DIR, --portal URL or --lake URI; found none")


@pytest.mark.parametrize("name", ANALYSES)
def test_json_is_the_result_s_one_object(rates_store: Path, name: str) -> None:  # noqa: F811
    done = cli("analyse", name, "udp", "--store", rates_store, "--format", "json")
    with ims.open(rates_store) as telescope:
        assert done.stdout == telescope.analysis(name, {"filter": "udp"}).to_json() + "\n"
    assert (done.returncode, done.stderr) == (0, "")


def test_csv_is_the_rows_with_notes_beside_them(rates_store: Path) -> None:  # noqa: F811
    done = cli("analyse", "rate", "--store", rates_store, "--format", "csv")
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert [row["block"] for row in rows] == ["B/25", "A/24", "C/23"]
    assert "A/24 8 of 174 h" in done.stderr


def test_people_see_estimates_rows_range_and_size(rates_store: Path) -> None:  # noqa: F811
    done = cli("analyse", "rate", "--store", rates_store)
    lines = done.stdout.splitlines()
    [ratio] = [line.split() for line in lines if line.startswith("ratio")]
    assert float(ratio[1]) == pytest.approx(120, rel=0.02) and ratio[-1] == "times"
    assert any(line.split()[:1] == ["B/25"] for line in lines)
    assert lines[-1].startswith("2026-03-04 to ") and lines[-1].endswith("2.25 /24s watched: A/24, B/25, C/23")


def test_a_plot_fits_the_terminal_and_shows_every_block(rates_store: Path) -> None:  # noqa: F811
    for columns in ("80", "120"):
        done = cli(
            "analyse",
            "rate",
            "--plot",
            "--store",
            rates_store,
            env=os.environ | {"COLUMNS": columns, "PYTHONUTF8": "1"},
        )
        plot = done.stdout.partition("estimate")[0]
        assert all(len(line) <= int(columns) for line in plot.splitlines())
        assert all(f"{block}: mean" in plot for block in ("A/24", "B/25", "C/23"))
        assert all(printable(line) == line for line in plot.splitlines())


def test_a_worm_at_a_24_is_found_with_its_phases_and_drawn(worm_store: Path) -> None:  # noqa: F811
    """As people see it: estimates that hold the truth, phases, what was assumed; and a plot of at most 80 columns."""
    words = ("analyse", "outbreak", "tcp dst port 4321", "--store", worm_store)
    found = json.loads(cli(*words, "--format", "json").stdout)
    truth = {
        "doubling_time": DOUBLING, "half_life": HALF_LIFE, "max_growth": LIMIT * math.log(2) / DOUBLING / 4,
        "decline_began": "2026-03-04T11:00:00.000000Z",
    }  # fmt: skip
    for name, value in truth.items():
        assert found["estimates"][name]["low"] <= value <= found["estimates"][name]["high"]
    assert [row["phase"] for row in found["rows"]][:3] == ["before", "growth", "decay"]
    done = cli(*words, "--plot", env=os.environ | {"COLUMNS": "80", "PYTHONUTF8": "1"})
    plot, _, table = done.stdout.partition("estimate")
    assert all(len(line) <= 80 for line in plot.splitlines()) and "growth" in plot and "decay" in plot
    assert "sources/h" in table and table.splitlines()[-1].endswith("1 /24 watched: C/24")
    assert "an active host is seen in 1h with a probability of 0.00" in done.stderr


def test_a_figure_is_written_beside_the_answer(rates_store: Path, tmp_path: Path) -> None:  # noqa: F811
    for ending in ("png", "svg", "pdf", "html", "json"):
        file = tmp_path / f"x.{ending}"
        done = cli("analyse", "rate", "--store", rates_store, "--figure", file)
        assert (done.returncode, file.stat().st_size > 1000) == (0, True), done.stderr
    done = cli("analyse", "rate", "--store", rates_store, "--figure", tmp_path / "no" / "x.svg")
    refused(done, f"{tmp_path / 'no' / 'x.svg'}: ")


@pytest.mark.parametrize("words", [(), ("--since", "2020-01-01", "--until", "2020-01-02"), ("block Z/24",)])
def test_nothing_to_estimate_from_is_said_and_no_figure_is_written(tmp_path: Path, words: tuple[str, ...]) -> None:
    store = ingest(tmp_path / "STORE", write_pcap(tmp_path / "x.pcap", []))
    done = cli("analyse", "rate", *words, "--store", store, "--figure", tmp_path / "x.svg")
    assert done.returncode == 0
    assert "ims: nothing was watched in this range" in done.stderr
    assert "x.svg isn't written: there is nothing to draw" in done.stderr
    assert not (tmp_path / "x.svg").exists() and "not known" in done.stdout
    found = json.loads(cli("analyse", "rate", *words, "--store", store, "--format", "json").stdout)
    assert set(found["estimates"].values()) == {None} and found["rows"] == []


def test_a_terminal_shows_the_plot_without_being_asked_for_its_width(rates_store: Path) -> None:  # noqa: F811
    main, side = pty.openpty()
    process = subprocess.Popen(
        [IMS, "analyse", "rate", "--plot", "--store", str(rates_store)], stdin=side, stdout=side, stderr=side,
        env=os.environ | {"TERM": "xterm", "PYTHONUTF8": "1"},
    )  # fmt: skip
    os.close(side)
    seen = b""
    while True:
        try:
            piece = os.read(main, 1 << 16)
        except OSError:  # the terminal is gone with the process
            break
        if not piece:
            break
        seen += piece
    os.close(main)
    assert process.wait() == 0
    assert b"B/25: mean" in seen and b"watched: A/24, B/25, C/23" in seen
