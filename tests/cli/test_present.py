"""What is printed: nothing that a terminal obeys or a spreadsheet computes, and numbers as people read them."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.cli.options import FORMATS, check_format
from ims.cli.present import print_rows
from ims.cli.query import _print
from ims.query.answer import Answer, AnswerRecord
from ims.query.verbs import VerbName
from ims.text import printable

from ..query.words import line_of
from ..stores import IMS, MIDNIGHT, cli, ingest, udp, write_pcap

DARK = 0xC633_6409
NASTY = b"\x1b]0;owned\x07\x1b[2J\x9b1m\r\n=cmd|' /C'!A0 [bold]x[/bold] <b>\xe2\x80\xae\x00"


def printed(capsys: pytest.CaptureFixture[str], rows: list[dict[str, object]], format: str, **words: object) -> str:
    print_rows(rows, format, **words)  # type: ignore[arg-type]
    return capsys.readouterr().out


def test_each_format_of_the_same_rows(capsys: pytest.CaptureFixture[str]) -> None:
    time = datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=UTC)
    rows: list[dict[str, object]] = [
        {"time": time, "destination_port": 50_000, "packets": 1_234_567, "rate": 0.123456, "ports": [1, 2], "no": None}
    ]
    table = printed(capsys, rows, "table")
    assert "2026-03-04T05:06:07Z" in table
    assert "50000" in table and "1,234,567" in table and "0.1235" in table and "1 2" in table
    assert "None" not in table
    [record] = json.loads(printed(capsys, rows, "json"))
    assert record == {**rows[0], "time": "2026-03-04T05:06:07.000089Z"}
    assert json.loads(printed(capsys, rows, "json", one=True)) == record
    [head, cells] = list(csv.reader(io.StringIO(printed(capsys, rows, "csv"))))
    assert head == list(rows[0])
    assert cells == ["2026-03-04T05:06:07.000089Z", "50000", "1234567", "0.123456", "1 2", ""]


def test_no_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, [], "table") == "nothing found\n"
    assert printed(capsys, [], "json") == "[]\n"
    assert printed(capsys, [], "csv", names=["a", "b"]) == "a,b\n"
    with pytest.raises(ValueError, match="expected one of table, json, csv"):
        check_format("xml")


@given(st.text())
def test_printable_text_is_printable_and_says_what_was_there(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    for character in "\x1b\x07\r\n\x00\x9b\u202e\u2028\u200b\ufeff":
        assert character not in shown
    if text.isprintable() and "\\" not in text:
        assert shown == text or not text.isascii()


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose payloads, and whose capture's name, are written to be obeyed."""
    folder = tmp_path_factory.mktemp("nasty")
    capture = write_pcap(folder / "\x1b[31m=x\u202e.pcap", [(MIDNIGHT, udp(1, DARK, 80, NASTY))])
    return ingest(folder / "S", capture)


@pytest.mark.parametrize("format", ["table", "json", "csv"])
@pytest.mark.parametrize("verb", ["payloads", "packets", "sources", "chain", "coverage", "count", "cache", "darknet"])
def test_what_was_sent_is_not_obeyed(nasty: Path, verb: str, format: str) -> None:
    done = cli("query", verb, *line_of(verb), "--store", nasty, "--format", format)
    assert done.returncode == 0, done.stderr
    assert all(character.isprintable() or character == "\n" for character in done.stdout)
    if format == "csv":
        for row in csv.reader(io.StringIO(done.stdout)):
            assert not any(cell[:1] in ("=", "@", "\t") for cell in row)
    if verb == "payloads" and format == "table":
        assert "1b 5d 30 3b 6f 77 6e 65" in done.stdout


def test_on_a_terminal_too(nasty: Path) -> None:
    main, side = pty.openpty()
    with subprocess.Popen([IMS, "query", "payloads", "--store", nasty], stdout=side, stderr=side) as process:
        os.close(side)
        said = b""
        while True:
            try:
                more = os.read(main, 65_536)
            except OSError:  # the other side is closed
                break
            if not more:
                break
            said += more
    os.close(main)
    assert process.returncode == 0
    assert b"\x1b]0;" not in said and b"\x1b[2J" not in said and b"\x07" not in said and b"\x9b" not in said


def test_the_bytes_themselves_are_to_be_had(nasty: Path, tmp_path: Path) -> None:
    [row] = json.loads(cli("query", "payloads", "--store", nasty, "--format", "json").stdout)
    done = cli("query", "payloads", "--store", nasty, "--payload", row["signature"], "--out", tmp_path / "p")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "p").read_bytes() == NASTY
    done = subprocess.run(
        [IMS, "query", "payloads", "--store", nasty, "--payload", row["signature"][:8], "--out", "-"],
        capture_output=True,
        check=True,
    )
    assert done.stdout == NASTY


@pytest.mark.exhaustive  # it compiles all kernels of an ingest
def test_what_takes_long_says_so(tmp_path: Path, samples: dict[int, Path]) -> None:
    """With an empty kernel cache the first ingest compiles, and says so once; the next one says nothing."""
    words = [IMS, "ingest", samples[1], "--sensor", "a", "--block", "C/24=198.51.100.0/24"]
    for number, said in enumerate(["ims: compiling for this processor", ""]):
        environment = os.environ | {"IMS_CACHE_DIR": str(tmp_path / "kernels")}
        words += ["--store", tmp_path / str(number)]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stderr.startswith(said)
        assert done.stderr.count("\n") == (1 if said else 0)


@pytest.mark.parametrize("format", FORMATS)
def test_rows_that_a_limit_left_out_are_told_beside_the_answer(capsys: pytest.CaptureFixture[str], format: str) -> None:
    record = AnswerRecord(limit=2, matching=3_000, bins_left_out=400)
    _print(Answer(pa.table({"value": [1, 2]}), record), format)
    said = capsys.readouterr()
    assert said.err.splitlines() == [
        "ims: only the first 2 of 3,000 rows: --limit N gives more; ims export, all packets",
        "ims: 400 bins without packets left out; a wider --bin shows 0 there",
    ]
    assert "3,000" not in said.out


@pytest.mark.parametrize("verb", get_args(VerbName))
def test_the_line_about_rows_left_out_names_options_that_the_command_has(verb: str) -> None:
    [line] = AnswerRecord(limit=2, matching=3_000, verb=verb).left_out
    named = set(re.findall(r"--[a-z-]+", line))
    if verb not in ("count", "coverage"):  # these leave nothing out
        assert named and named <= set(re.findall(r"--[a-z-]+", cli("query", verb, "--help").stdout))
