"""Progress bars: on a terminal alone."""

from __future__ import annotations

import io
import sys
import threading

import pytest

from ims.cli.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("octets", [True, False])
def test_a_terminal_shows_name_and_note_as_they_are(monkeypatch: pytest.MonkeyPatch, octets: bool) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    with progress_bar(octets) as show:
        show("[red].pcap", 1 << 20, 2 << 20, "7 packets")
    assert "[red].pcap" in shown.getvalue()
    assert "7 packets" in shown.getvalue()
    assert ("1.0/2.1 MB" in shown.getvalue()) == octets


def test_elsewhere_nothing_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    with progress_bar() as show:
        show("dark.pcap", 1, 2, "")
    assert shown.getvalue() == ""


def test_short_work_shows_nothing_and_long_work_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    written = threading.Event()

    class Watched(Terminal):
        def write(self, text: str) -> int:
            if "asking" in text:
                written.set()
            return super().write(text)

    monkeypatch.setenv("TERM", "xterm")
    shown = Watched()
    monkeypatch.setattr(sys, "stderr", shown)
    with progress_bar(octets=False, after=3600) as show:
        show("asking", 0, None, "")
    assert shown.getvalue() == ""
    with progress_bar(octets=False, after=0.001) as show:
        show("asking", 0, None, "")
        assert written.wait(60)
