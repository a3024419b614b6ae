"""The round through a store: what is damaged is logged, and the end comes at once."""

from __future__ import annotations

import queue
import shutil
from pathlib import Path
from typing import Any

import pytest
import structlog

from ims.queryd.scrub import Scrub

DEADLINE = 30


class Log:
    def __init__(self) -> None:
        self.lines: queue.Queue[dict[str, Any]] = queue.Queue()

    def warning(self, event: str, **words: Any) -> None:
        self.lines.put({"event": event} | words)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    made = Log()
    monkeypatch.setattr(structlog, "get_logger", lambda: made)
    return made


def test_damage_and_what_nothing_lists_is_logged_with_its_file(tmp_path: Path, one_store: Path, log: Log) -> None:
    store = shutil.copytree(one_store, tmp_path / "S")
    file = next(store.glob("packets/**/*.parquet"))
    octets = bytearray(file.read_bytes())
    octets[50] ^= 1
    file.write_bytes(octets)
    orphan = file.with_name("foreign.parquet")
    orphan.write_bytes(b"x")
    scrub = Scrub(store, first=0.0)
    scrub.start()
    told = [log.lines.get(timeout=DEADLINE) for _ in range(2)]
    scrub.stop()
    assert {(line["file"], line["kind"]) for line in told} == {(str(file), "damaged"), (str(orphan), "unlisted")}
    assert log.lines.empty()


def test_a_store_that_is_gone_is_logged_and_looked_for_again(tmp_path: Path, one_store: Path, log: Log) -> None:
    scrub = Scrub(tmp_path / "none", first=0.0, every=0.01)
    scrub.start()
    for _ in range(2):
        assert log.lines.get(timeout=DEADLINE)["event"] == "the store can't be looked through"
    scrub.stop()


def test_it_keeps_its_rate_and_is_stopped_in_the_middle_of_it(one_store: Path, log: Log) -> None:
    scrub = Scrub(one_store, first=0.0, rate=1.0)  # an octet a second
    scrub.start()
    scrub.stop()
    assert log.lines.empty()
