"""Logs are lines of JSON on standard error, with the time in UTC; on a terminal they are words."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from datetime import datetime, timedelta

WARNS = """
import sys
from ims.process.logs import log_to_stderr, log_warning
assert "structlog" not in sys.modules
log_to_stderr()
log_warning("store fails", file="/a \\x1b[31m\\n b", octets=7)
try:
    secret = "of a frame alone"
    1 / 0
except ZeroDivisionError:
    import structlog
    structlog.get_logger().exception("ended")
"""


def said(**environment: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", WARNS]
    return subprocess.run(words, capture_output=True, text=True, check=True, env=os.environ | environment)


def test_each_is_a_line_of_json_with_level_and_time_whatever_it_says() -> None:
    done = said(TZ="Asia/Tokyo")
    assert done.stdout == ""
    first, second = map(json.loads, done.stderr.splitlines())
    time = datetime.fromisoformat(first.pop("timestamp"))
    assert time.utcoffset() == timedelta(0)
    assert first == {"event": "store fails", "level": "warning", "file": "/a \x1b[31m\n b", "octets": 7}
    assert (second["event"], second["level"]) == ("ended", "error")
    assert "\x1b" not in done.stderr


def test_on_a_terminal_they_are_words_and_a_traceback_shows_no_variable() -> None:
    master, slave = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", WARNS], stderr=slave, stdout=subprocess.PIPE) as process:
        os.close(slave)
        shown = b""
        while True:
            try:
                shown += os.read(master, 4096)
            except OSError:  # nobody writes there any more
                break
    os.close(master)
    assert process.returncode == 0
    assert b"store fails" in shown
    assert b"ZeroDivisionError" in shown
    assert b"{" not in shown
    assert shown.count(b"of a frame alone") == 0
