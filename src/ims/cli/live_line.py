"""A sensor in a terminal: packets and replies a second, the most frequent ports, and the newest payload."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ims.respond.reply import REPLIES
from ims.sensor.state import State
from ims.text import printable, printable_octets

REFRESH_SECONDS = 0.5
WITHHELD = ("limited_address", "limited_network", "limited_all")


class LiveLine:
    """A few lines on standard error, drawn anew twice a second; call it as often as you like."""

    def __init__(self, state: Callable[[], State], console: Console | None = None) -> None:
        self._state = state
        self._live = Live(console=console or Console(stderr=True), auto_refresh=False, transient=True)
        self._last = (time.monotonic(), 0, 0)
        self._live.start()

    def __call__(self) -> None:
        """Draw, if it is time to."""
        now = time.monotonic()
        if now - self._last[0] >= REFRESH_SECONDS:
            state = self._state()
            self._live.update(self.drawn(state, now), refresh=True)
            self._last = (now, sum(state.packets.values()), state.sum_of(*REPLIES))

    def drawn(self, state: State, now: float) -> Any:
        """The lines, from the change since they were last drawn."""
        seconds = max(now - self._last[0], 1e-3)
        packets, replies = sum(state.packets.values()), state.sum_of(*REPLIES)
        newest = printable_octets(state.newest_payload)
        table = Table.grid(padding=(0, 2))
        rows = [
            ("packets", f"{(packets - self._last[1]) / seconds:,.0f}/s", f"{packets:,} in all"),
            ("replies", f"{(replies - self._last[2]) / seconds:,.0f}/s",
             f"{replies:,} in all, {state.sum_of(*WITHHELD):,} over the limits, {state.sum_of('verified'):,} verified"),
            ("payloads", f"{state.new_payloads:,} new", f"newest: {newest}" if newest else "none yet"),
            ("ports", "", " ".join(str(port) for port, _ in state.ports) or "none yet"),
            ("lost", f"{state.lost_in_ring + state.not_stored:,}", _troubles(state)),
        ]  # fmt: skip
        for name, number, rest in rows:
            table.add_row(Text(name, style="bold"), Text(number, justify="right"), Text(rest))
        return table

    def end(self) -> None:
        """Take the lines away."""
        self._live.stop()


def _troubles(state: State) -> str:
    if state.store_failing is not None:
        return printable(f"nothing is stored: {state.store_failing}")
    if state.send_failing:
        return printable(f"replies don't leave: {next(iter(state.send_failing.values()))}")
    fill = max(state.ring_fill.values(), default=0.0)
    return f"ring {fill:.0%} full, checkpoints take {1000 * state.lag_seconds:.0f} ms"
