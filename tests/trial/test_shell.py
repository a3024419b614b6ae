"""What hangs or fails on a machine is ended in reasonable time, with its cause: of a shell here."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from . import shell
from .shell import UNTIL, BlockError, Shell, run_once


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    typed = tmp_path / "typed"
    monkeypatch.setattr(shell, "TYPED", str(typed))
    opened = Shell(["bash"], typed)
    try:
        yield opened
    finally:
        opened.end()


def test_it_goes_on_from_block_to_block(here: Shell) -> None:
    assert here.run("a=1; read -r b", "typed\n") == ""
    assert here.run('echo "$a $b"') == "1 typed\n"


def test_what_fails_is_said(here: Shell) -> None:
    with pytest.raises(BlockError, match=r"^with status 3:\n[^$]*\nsaid:\nbefore\n"):
        here.run("echo before; (exit 3); echo behind")


def test_what_hangs_is_ended_with_all_that_it_began(here: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "PATIENCE_SECONDS", 2)
    with pytest.raises(BlockError, match=r"^still running after 2 s:\n(?s:.*)said:\n\d+\n") as failed:
        here.run("tail -f /dev/null & echo $!; wait")
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(int(str(failed.value).rsplit("said:\n")[1])).wait(60)


def test_what_is_awaited_and_never_comes_is_said_with_its_last_words(here: Shell) -> None:
    with pytest.raises(BlockError, match="not within 0 s; at last it said: no"):
        here.run(UNTIL.format(condition="echo no; false", meanwhile="true", seconds=0))


def test_what_is_awaited_of_something_that_ended_is_said(here: Shell) -> None:
    with pytest.raises(BlockError, match="no longer: false; before, it said: not yet"):
        here.run(UNTIL.format(condition="echo not yet; false", meanwhile="false", seconds=60))


def test_what_is_awaited_and_comes_is_awaited(here: Shell) -> None:
    assert here.run(UNTIL.format(condition="((n++ == 3))", meanwhile="n=${n:-0}; n=$((n + 1))", seconds=60)) == ""


def test_a_program_that_hangs_is_ended_though_another_has_its_streams() -> None:
    with pytest.raises(BlockError, match=r"^still running after 0.5 s"):
        run_once(["sh", "-c", "tail -f /dev/null & wait"], 0.5)
