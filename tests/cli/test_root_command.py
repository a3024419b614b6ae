"""`ims` itself: its version, its help, and words that are none of its commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import ims
from ims.cli.root_command import app

from ..stores import cli
from .refused import refused


def test_the_version_is_told_alone_and_before_any_command_is_run(tmp_path: Path) -> None:
    done = cli("--version", "ingest", "none.pcap", "--store", "S", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(rf"ims {re.escape(ims.__version__)}( \([0-9a-f]{{12}}(\+changes)?\))?\n", done.stdout)
    assert list(tmp_path.iterdir()) == []


def test_the_help_names_each_command_with_a_sentence() -> None:
    done = cli("--help")
    assert done.returncode == 0
    listed = dict(re.findall(r"^  ([a-z-]+)  +(\S.*)$", done.stdout.partition("Commands:")[2], re.MULTILINE))
    assert {"ingest", "sensor", "queryd", "portal", "query", "export", "demo"} <= set(listed)
    commands = [each.name for each in (*app.registered_commands, *app.registered_groups)]
    assert set(listed) == set(commands)


@pytest.mark.parametrize("words", [("quary",), ("--verbose",), ("--version=1",), ("",), ("\x1b[31m",)])
def test_words_that_are_none_are_refused_in_one_line(words: tuple[str, ...]) -> None:
    refused(cli(*words), "")
