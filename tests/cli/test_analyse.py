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
from ..analyse.origin_analysis import cities, systems
from ..analyse.worm_store import DOUBLING, HALF_LIFE, LIMIT, worm_store  # noqa: F401  (a fixture)
from ..query.words import as_line, needed_by_analysis
from ..stores import IMS, cli, ingest, udp, write_pcap
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
    ("chain", "--then", "udp"): "chain needs --first",
    ("chain", "--first", "udp"): "chain needs --then",
    ("chain", "--first", "udp", "--then", "tpc"): "step 2: filter, column 1: 'tpc' can't stand here; meant tcp?",
    ("chain", "--first", "udp", *(("--then", "udp") * 5)): "6 steps; a chain has at most 5",
    ("chain", "--first", "udp", "--then", "udp", "--within", "1x"): "within '1x': expected a positive number",
    (
        "chain",
        "--first",
        "udp",
        "--then",
        "udp",
        "--at",
        "home",
    ): "at 'home': expected one of address, sensor, anywhere",
    ("chain", "--rule", "no such file.toml"): "no such file.toml",
    ("outbreak", "--bin", "1s"): "bins are more than the 1,500 that a law is fitted to",
}


@pytest.mark.parametrize("words", WRONG)
def test_wrong_words_are_refused_in_a_line(rates_store: Path, words: tuple[str, ...]) -> None:  # noqa: F811
    refused(cli("analyse", *words, "--store", rates_store), WRONG[words])


def test_what_to_ask_must_be_one_of_three() -> None:
    refused(cli("analyse", "rate"), "expected --store DIR, --portal URL or --lake URI; found none")


@pytest.mark.parametrize("name", ANALYSES)
def test_json_is_the_result_s_one_object(rates_store: Path, name: str) -> None:  # noqa: F811
    words = {"filter": "udp", **needed_by_analysis(name)}
    done = cli("analyse", name, *as_line(words), "--store", rates_store, "--format", "json")
    with ims.open(rates_store) as telescope:
        assert done.stdout == telescope.analysis(name, words).to_json() + "\n"
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


def test_countries_and_as_are_told_by_files_given_one_by_one(rates_store: Path, tmp_path: Path) -> None:  # noqa: F811
    words = ["analyse", "circadian", "--store", rates_store, "--by", "as", "--format", "json"]
    one, other, absent = cities(tmp_path), systems(tmp_path), tmp_path / "absent"
    found = json.loads(cli(*words, "--mmdb", one, "--mmdb", other).stdout)
    assert found["options"]["mmdb"] == [str(one), str(other)]
    assert [row["group"] for row in found["rows"]] == ["AS64500 Host"]
    assert any(
        "AS and local time are as told by GeoLite2-City" in note and "GeoLite2-ASN" in note for note in found["notes"]
    )
    refused(cli(*words, "--mmdb", one, "--mmdb", absent), f"{absent}: No such file or directory")
    refused(cli(*words), "by as needs a file in MMDB format: --mmdb FILE")


RULE = """
first = "udp dst port 53"
then = ["udp dst port 54"]
within = 600
at = "sensor"
since = 2026-03-04
"""
WRONG_RULES = {
    "first = 'udp'\nsteps = ['tcp']": "unknown key 'steps'; expected one of filter, first, then",
    "first = 'udp'\nthan = ['tcp']": "unknown key 'than'; meant then?",
    "first = 'udp'\nthen = [1]": "then: expected text (or a list of texts); found [1]",
    "first = ['udp']\nthen = 'tcp'": "first: expected text; found ['udp']",
    "first = 'udp'\nthen = true": "then: expected text (or a list of texts); found True",
    "first = 'udp": "isn't TOML",
    "then = 'udp'": "chain needs --first",
    "first = 'udp'\nthen = 'tpc'": "step 2: filter, column 1: 'tpc' can't stand here; meant tcp?",
}


def test_a_rule_in_a_file_is_the_same_question_and_words_come_first(rates_store: Path, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "rule.toml").write_text(RULE)
    asked = ("analyse", "chain", "--store", rates_store, "--format", "json")
    steps = ("--first", "udp dst port 53", "--at", "sensor", "--since", "2026-03-04", "--within")
    ruled = cli(*asked, "--rule", tmp_path / "rule.toml")
    assert ruled.stdout == cli(*asked, *steps, "600", "--then", "udp dst port 54").stdout
    assert json.loads(ruled.stdout)["rows"] != []
    other = cli(*asked, "--rule", tmp_path / "rule.toml", "--within", "1s", "--then", "icmp")
    assert other.stdout == cli(*asked, *steps, "1s", "--then", "icmp").stdout != ruled.stdout


@pytest.mark.parametrize("text", WRONG_RULES)
def test_a_wrong_rule_is_refused_in_a_line(rates_store: Path, tmp_path: Path, text: str) -> None:  # noqa: F811
    (tmp_path / "rule.toml").write_text(text)
    refused(cli("analyse", "chain", "--rule", tmp_path / "rule.toml", "--store", rates_store), WRONG_RULES[text])


def test_a_rule_that_is_not_there_or_is_a_folder_is_refused_in_a_line(rates_store: Path, tmp_path: Path) -> None:  # noqa: F811
    for path, why in ((tmp_path / "none.toml", "isn't there"), (tmp_path, "is a folder; expected a file")):
        refused(cli("analyse", "chain", "--rule", path, "--store", rates_store), why)


def test_people_see_the_first_rows_and_how_many_more_there_are(tmp_path: Path) -> None:
    begin, hosts = 1_772_582_400 * 10**9, 150
    sent = [
        (begin + step * 10**9 + host * 1000, udp(host, 0xC6336401, step, b"x"))
        for step in (1, 2) for host in range(1, hosts + 1)
    ]  # fmt: skip
    store = ingest(tmp_path / "STORE", write_pcap(tmp_path / "x.pcap", sent))
    words = ("analyse", "chain", "--first", "udp dst port 1", "--then", "udp dst port 2", "--store", store)
    assert len(json.loads(cli(*words, "--format", "json").stdout)["rows"]) == hosts
    assert "... and 90 rows more; --format json and csv have all" in cli(*words).stdout
    assert len(cli(*words, "--format", "csv").stdout.splitlines()) == hosts + 1
