"""What a question held is let go where it fails, whether or not Python ever looks for garbage in cycles."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ims
from ims.query.errors import LaterError, QuestionError, UnansweredError

from .served import world

PATIENCE = 20


class Table:
    """Stands for what sensors sent."""


class Telescope:
    """One that fails, holding a table of its own; `gone` is set when nobody has it any more."""

    def __init__(self, store: Path, raised: Exception) -> None:
        self._telescope, self._raised = ims.open(store), raised
        self.gone = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._telescope, name)

    def ask(self, _request: Any) -> Any:
        table = Table()
        weakref.finalize(table, self.gone.set)
        try:
            _library(table)
        except ZeroDivisionError as error:
            raise self._raised from error


def _library(table: Table) -> None:
    """What a question stands on, whose errors are the cause of ours."""
    held = [table]
    raise ZeroDivisionError(len(held))


@pytest.fixture
def nothing_collected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("nothing_collected")
@pytest.mark.parametrize(
    ("raised", "status"),
    [
        (MemoryError("there is too little"), 400),
        (QuestionError("less, please"), 400),
        (LaterError("not now"), 503),
        (UnansweredError("nobody there"), 503),
        (OSError("the disk"), 503),
    ],
)
def test_a_failed_question_lets_go_of_what_it_held(
    tmp_path: Path, one_store: Path, raised: Exception, status: int
) -> None:
    telescope = Telescope(one_store, raised)
    with world(tmp_path / "w", one_store, telescope=telescope) as served:
        reply = served.as_("analyst").get("/query/count")
        assert reply.status_code == status, reply.text
        assert telescope.gone.wait(PATIENCE), "what failed is kept by what told of it"
