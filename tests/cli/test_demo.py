"""`ims demo`: a scenario, its store, and no answer that differs from what was planted; and what fails, in one line.

The whole demo, with its sensor and its daemons, is run by `.ci/demo`, as root and as an ordinary user.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import ims
from ims.cli import demo as demo_module
from ims.cli import demo_live, demo_portal, demo_process
from ims.cli.demo import PLANTED, store_demo
from ims.cli.demo_process import complaint, daemon, ending_on_signals, say_quietly, show, until_listening

from ..stores import cli


@pytest.mark.exhaustive  # .ci/run runs `make demo` whole, which fails where an answer isn't what was planted
def test_the_store_answers_what_was_planted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "demo with a space"
    store_demo(folder)
    said = capsys.readouterr().out
    assert "differs" not in said
    truth = json.loads((folder / "dark.json").read_text())
    planted = {event["name"] for event in truth["events"]}
    assert planted - {"background"} == {name for name, _ in PLANTED}
    for name, filter in PLANTED:
        assert any(name in line and filter in line for line in said.splitlines()), name
    with ims.open(folder / "store") as telescope:
        hours = telescope.series("tcp dst port 4321", bin="1h", metric="sources").table.column("value").to_pylist()
    peak = hours.index(max(hours))
    assert hours[:3] == [0, 0, 0]
    assert 9 <= peak <= 11
    assert hours[3:peak] == sorted(hours[3:peak])
    assert 0 < hours[-1] < 0.15 * hours[peak]
    truth["events"][1]["packets"] += 1
    (folder / "dark.json").write_text(json.dumps(truth))
    with pytest.raises(OSError, match=f"the store's answers aren't what was planted: {truth['events'][1]['name']}"):
        demo_module._compare(folder / "store", folder / "dark.json")


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    done = cli("demo", "--folder", tmp_path)
    assert (done.returncode, done.stderr) == (
        2, f"ims: {tmp_path} holds other files than a demo's; give another --folder\n",
    )  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


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
            pytest.raises(OSError, match=r"^ims queryd didn't start: can't listen on grpc://127.0.0.1:") as caught,
        ):
            until_listening("queryd", config, process)
    assert len(str(caught.value).splitlines()) == 1


def test_a_process_that_says_nothing_is_told_by_how_it_ended() -> None:
    assert complaint("", 7) == "it ended with 7 and said nothing"
    assert complaint(" \n", -9) == "killed by signal 9"
    assert complaint("Traceback ...\n  x\nValueError: so\n\n", 1) == "ValueError: so"


def test_a_tool_that_fails_is_no_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        subprocess.run(["false"], check=True)

    monkeypatch.setattr(demo_module, "store_demo", fails)
    with pytest.raises(OSError, match=r"a step of the demo failed: .*'false'.* exit status 1"):
        demo_module.demo(tmp_path)


def test_signals_do_what_they_did_once_a_command_has_ended(tmp_path: Path, samples: dict[int, Path]) -> None:
    """Else Ctrl-C would tell an ingest that is long over to stop, and the demo would go on."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    say_quietly("ingest", samples[1], "--store", tmp_path / "S", "--sensor", "a", "--block", "C/24=198.51.100.0/24")
    assert [signal.getsignal(number) for number in numbers] == before


def test_a_command_that_was_stopped_stops_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ims.cli.app", lambda *_, **__: 130)
    with pytest.raises(KeyboardInterrupt):
        show("ingest")


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


def test_a_sensor_that_is_still_starting_is_ended_too(tmp_path: Path) -> None:
    class Net:
        def at_machine(self, *_: object) -> list[str]:
            told = "import os, pathlib, signal, time; os.kill(os.getppid(), signal.SIGTERM); time.sleep(20)"
            return [sys.executable, "-c", f"{told}; pathlib.Path({str(tmp_path / 'survived')!r}).touch()"]

    net: Any = Net()
    with pytest.raises(SystemExit), ending_on_signals(), demo_live._sensor(net, tmp_path, tmp_path / "store"):
        pytest.fail("it said that it watches")
    assert not (tmp_path / "survived").exists()


def test_what_a_demo_left_that_was_killed_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo_module, "_run", stop)
    for name in ("dark.pcap", "udp.pcap", ".udp.pcap.k2_x9"):
        (tmp_path / name).touch()
    (tmp_path / "store" / "packets").mkdir(parents=True)
    with pytest.raises(KeyboardInterrupt):
        store_demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["dark.toml"]


def test_the_demo_s_token_is_for_who_runs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its folder may be looked into by all, for daemons that root starts become ordinary users."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo_portal, "say_quietly", lambda *_, **__: 'serial = "0"')
    monkeypatch.setattr(demo_portal, "_user", lambda: 'user = "root"\n')
    monkeypatch.setattr(demo_portal, "daemon", stop)
    with pytest.raises(KeyboardInterrupt):
        demo_portal._deploy(lambda _: None, tmp_path, tmp_path / "dark.pcap")
    [token] = tmp_path.glob("**/token")
    assert token.stat().st_mode & 0o777 == 0o600
