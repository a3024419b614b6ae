"""What a query daemon does where a filter of system calls forbids a thread to be nice: all the same."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

import ims.install
from ims.queryd.low_priority import SCANS, at_low_priority


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_threads_that_are_begun_there_are_nice_and_the_caller_is_as_before() -> None:
    before, found = niceness(), []

    def make() -> None:
        thread = threading.Thread(target=lambda: found.append(niceness()))
        thread.start()
        thread.join()

    at_low_priority(make)
    assert found == [max(before, SCANS)]
    assert niceness() == before


def test_where_it_is_forbidden_all_is_made_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "setpriority", forbidden)
    assert at_low_priority(lambda: 7) == 7


def test_our_unit_whose_filter_forbids_it_says_it_of_the_whole_daemon() -> None:
    unit = (Path(ims.install.__file__).parent / "units" / "ims-queryd.service").read_text().splitlines()
    assert "Nice=5" in unit
