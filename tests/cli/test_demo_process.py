"""Commands and daemons of `ims demo`: what fails is one line with its cause, and what is ended leaves nothing running."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from pathlib import Path

import pytest

from ims.cli import demo_process
from ims.cli.demo_process import complaint, daemon, ending_on_signals, say_quietly, show, until_listening


def test_a_command_that_fails_is_one_line_with_its_cause(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=rf"^{tmp_path}/absent: no such store"):
        show("query", "count", "--store", tmp_path / "absent")
    with pytest.raises(OSError, match=r"^ims pki failed: ."):
        say_quietly("pki", "issue", "x", "--role", "none", "--folder", tmp_path)


def test_a_daemon_that_ends_is_one_line_with_its_cause(tmp_path: Path, one_store: Path) -> None:
    """Here because its port is another's."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        config = tmp_path / "queryd.toml"
        user = 'user = "root"\n' if os.geteuid() == 0 else ""
        config.write_text(f'{user}store = "{one_store}"\nlisten = "127.0.0.1:{other.getsockname()[1]}"\n')
        with (
            daemon("queryd", config) as process,
            pytest.raises(
                OSError,
                match=r"^ims queryd didn't start: listen = '127\.0\.0\.1:\d+': can't listen there: address already in use",
            ) as caught,
        ):
            until_listening("queryd", config, process)
    assert len(str(caught.value).splitlines()) == 1


def test_a_process_that_says_nothing_is_told_by_how_it_ended() -> None:
    assert complaint("", 7) == "it ended with 7 and said nothing"
    assert complaint(" \n", -9) == "killed by signal 9"
    assert complaint("Traceback ...\n  x\nValueError: so\n\n", 1) == "ValueError: so"


def test_signals_do_what_they_did_once_a_command_has_ended(tmp_path: Path, samples: dict[int, Path]) -> None:
    """Else Ctrl-C would tell an ingest that is long over to stop, and the demo would go on."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    say_quietly("ingest", samples[1], "--store", tmp_path / "S", "--sensor", "a", "--block", "C/24=198.51.100.0/24")
    assert [signal.getsignal(number) for number in numbers] == before


def test_a_command_that_was_stopped_stops_the_demo(tmp_path: Path) -> None:
    """Ctrl-C reaches an ingest that waits at a pipe."""
    os.mkfifo(tmp_path / "pipe")

    def stop_it() -> None:
        with (tmp_path / "pipe").open("wb"):  # until the ingest has opened it, and so handles signals
            os.kill(os.getpid(), signal.SIGINT)
            over.wait()

    over = threading.Event()
    thread = threading.Thread(target=stop_it)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            show(
                "ingest",
                tmp_path / "pipe",
                "--store",
                tmp_path / "S",
                "--sensor",
                "a",
                "--block",
                "C/24=198.51.100.0/24",
            )
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_demo_that_is_ended_takes_its_daemons_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setattr(demo_process, "IMS", (sys.executable, "-c", "import time; time.sleep(60)"))
    before = signal.signal(number, signal.SIG_DFL)  # the tests themselves may run under nohup
    try:
        with pytest.raises(SystemExit) as ended, ending_on_signals(), daemon("queryd", tmp_path / "x.toml") as process:
            os.kill(os.getpid(), number)
            signal.sigtimedwait([], 10)  # whichever comes is handled first
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)
    assert ended.value.code == 128 + number
    assert process.returncode == -signal.SIGTERM


def test_under_nohup_the_demo_goes_on() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ending_on_signals():
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
