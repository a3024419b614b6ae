"""Progress bars: on a terminal alone."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys

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


WORK = """
import sys
from ims.cli.progress import progress_bar
with progress_bar(octets=False, after=float(sys.argv[1])) as show:
    show("asking", 0, None, "")
    sys.stdin.readline()
print("done")
"""


@pytest.mark.parametrize(("after", "shown"), [("0.001", True), ("3600", False)])
def test_on_a_real_terminal_long_work_shows_a_bar_and_short_work_nothing(after: str, shown: bool) -> None:
    """The work goes on until it is told to end: where a bar is to be seen, once it was seen."""
    main, side = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", WORK, after], stdin=subprocess.PIPE, stdout=side, stderr=side,
        env=os.environ | {"TERM": "xterm"},
    )  # fmt: skip
    os.close(side)
    seen = b""
    while shown and b"asking" not in seen:
        seen += os.read(main, 1 << 16)
    assert process.stdin is not None
    process.stdin.write(b"\n")
    process.stdin.close()
    while b"done" not in seen:
        seen += os.read(main, 1 << 16)
    assert process.wait() == 0
    os.close(main)
    assert (b"asking" in seen) is shown
