"""A sensor in a terminal: numbers that add up, and nothing of a payload that a terminal obeys."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console

from ims.cli.live_line import LiveLine
from ims.respond.reply import COUNTERS
from ims.sensor.state import State


def test_nothing_of_a_payload_reaches_the_terminal_but_letters() -> None:
    console = Console(record=True, width=160, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    line = LiveLine(State, console)
    state = State(packets={"C/24": 7}, newest_payload=b"\x1b]0;owned\x07[red]\n\xff", ports=[(80, 3), (22, 1)])
    state.store_failing = "No space left\x1b[2J"
    console.print(line.drawn(state, 1e9))
    line.end()
    said = console.export_text(styles=False)
    console.file.close()
    assert "newest: .]0;owned.[red].." in said
    assert "\x1b" not in said
    assert "80 22" in said


def drawn(line: LiveLine, state: State, now: float, console: Console) -> str:
    console.print(line.drawn(state, now))
    return " ".join(console.export_text(styles=False).split())


@pytest.fixture
def console() -> Iterator[Console]:
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        yield Console(record=True, width=200, file=nowhere)


def test_rates_are_of_the_time_since_the_last_drawing_and_sums_of_all_blocks(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("ims.cli.live_line.time.monotonic", lambda: now[0])
    counted = dict.fromkeys(COUNTERS, 0)
    state = State(packets={"A": 1000, "B": 500}, replied={"A": counted | {"acks": 40, "limited_all": 3}})
    line = LiveLine(lambda: state, console)
    assert "packets 750/s 1,500 in all replies 20/s 40 in all, 3 over the limits" in drawn(line, state, 102.0, console)
    now[0] = 102.0
    line()
    state.packets = {"A": 1000, "B": 2500}
    now[0] = 102.1
    line()  # too soon: nothing is drawn, and the next rate is of the whole time
    console.export_text()
    assert "packets 500/s 3,500 in all replies 0/s 40 in all" in drawn(line, state, 106.0, console)
    line.end()


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ({"store_failing": "No space", "send_failing": {"0": "down"}}, "nothing is stored: No space"),
        ({"send_failing": {"0": "Network is down"}}, "replies don't leave: Network is down"),
        ({"ring_fill": {"0": 0.1, "1": 0.25}, "lag_seconds": 0.0123}, "ring 25% full, checkpoints take 12 ms"),
        ({"lost_in_ring": 1000, "not_stored": 7}, "lost 1,007 ring 0% full"),
    ],
)
def test_the_worst_trouble_is_said_first(console: Console, trouble: dict[str, Any], said: str) -> None:
    line = LiveLine(State, console)
    assert said in drawn(line, State(**trouble), 1e9, console)
    line.end()
