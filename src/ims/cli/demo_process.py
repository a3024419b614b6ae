"""Commands that `ims demo` runs and daemons that it starts. One that fails is an OSError of one line."""

from __future__ import annotations

import io
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from ims.cli.root_command import app

IMS = (sys.executable, "-c", "from ims.cli import main; main()")
INTERRUPTED = 130
"""What a command ends with that was stopped by a signal."""


def program(name: str = "ims") -> str:
    """What a reader types for a program of this installation, where he is: its name if the shell finds this one by it,
    else its path."""
    ours, found = Path(sys.executable).with_name(name), shutil.which(name)
    if not ours.exists() or (found is not None and _is_ours(Path(found), ours)):
        return name
    place = Path.cwd()
    return shlex.quote(str(ours.relative_to(place) if ours.is_relative_to(place) else ours))


def _is_ours(found: Path, ours: Path) -> bool:
    """A link to the script runs it; an environment's python is a link itself, to what others are links to as well."""
    return found.parent.samefile(ours.parent) or (not ours.is_symlink() and found.samefile(ours))


def line(*words: str | Path) -> str:
    """A command of ours as a reader can type it."""
    return f"{program()} {shlex.join(map(str, words))}"


def typed(*words: str | Path) -> str:
    """The same behind a prompt. What the demo prints behind one can be typed as it stands; nothing else is."""
    return f"  $ {line(*words)}"


def show(*words: str | Path) -> None:
    """Run a command in this process, which spares a start of a second or two. Raises what it raises, and OSError where
    it ends with another code than 0."""
    code = app(list(map(str, words)), standalone_mode=False)
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    if code:
        raise OSError(f"ims {words[0]} ended with {code}")


def say_quietly(*words: str | Path, stdin: str = "") -> str:
    """As `show`, but what the command says on standard output is handed back."""
    from ims.cli.stderr import error_line

    said, before = io.StringIO(), sys.stdin
    sys.stdin = io.StringIO(stdin)
    try:
        with redirect_stdout(said), redirect_stderr(io.StringIO()):
            show(*words)
    except (ValueError, OSError) as error:
        raise OSError(f"ims {words[0]} failed: {error_line(error)}") from error
    finally:
        sys.stdin = before
    return said.getvalue()


@contextmanager
def ending_on_signals() -> Iterator[None]:
    """Have SIGTERM, and SIGHUP where nohup doesn't keep it away, end what is inside as an exception does: daemons,
    namespaces and folders go too."""

    def end(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def complaint(said: str, code: int | None) -> str:
    """The last line on a process's standard error, or how it ended where it said nothing."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    if lines:
        return lines[-1].removeprefix("ims: ")
    return f"killed by signal {-code}" if code is not None and code < 0 else f"it ended with {code} and said nothing"


@contextmanager
def daemon(command: str, config: Path) -> Iterator[subprocess.Popen[str]]:
    """A daemon, from its start, which `until_listening` awaits, to the end of what is inside."""
    print(f"  started: ims {command} --config {config}", flush=True)
    with (
        log_of(config).open("w") as log,
        subprocess.Popen(
            [*IMS, command, "--config", str(config)], stdin=subprocess.DEVNULL, stderr=log, text=True
        ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()


def log_of(config: Path) -> Path:
    """Where a daemon's standard error goes."""
    return config.with_suffix(".log")


def until_listening(command: str, config: Path, process: subprocess.Popen[str]) -> None:
    """Wait until the daemon says that it listens. Raises OSError where it ends."""
    while '"listening"' not in log_of(config).read_text(errors="replace"):
        try:
            code = process.wait(timeout=0.1)
        except subprocess.TimeoutExpired:
            continue
        raise OSError(f"ims {command} didn't start: {complaint(log_of(config).read_text(errors='replace'), code)}")
