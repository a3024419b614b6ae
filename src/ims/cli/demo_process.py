"""Commands that `ims demo` runs and daemons that it starts. A failure is an OSError of one line."""

from __future__ import annotations

import io
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from ims.cli.root_command import app
from ims.cli.start import signals_handled
from ims.cli.stderr import error_line

IMS = (sys.executable, "-c", "from ims.cli import main; main()")
INTERRUPTED = 130
"""The exit status of a command that a signal stopped."""


def program(name: str = "ims") -> str:
    """What to type for a program of this installation: its name if the shell finds this one, else its path."""
    ours, found = Path(sys.executable).with_name(name), shutil.which(name)
    if not ours.exists() or (found is not None and _is_ours(Path(found), ours)):
        return name
    place = Path.cwd()
    return shlex.quote(str(ours.relative_to(place) if ours.is_relative_to(place) else ours))


def _is_ours(found: Path, ours: Path) -> bool:
    """Whether it runs ours. A link to our script does; another environment's python may link to the same file."""
    return found.parent.samefile(ours.parent) or (not ours.is_symlink() and found.samefile(ours))


def line(*words: str | Path) -> str:
    """A command of ours as it can be typed."""
    return f"{program()} {shlex.join(map(str, words))}"


def typed(*words: str | Path) -> str:
    """The same behind a prompt. Whatever the demo prints behind one can be typed as it is."""
    return f"  $ {line(*words)}"


def show(*words: str | Path) -> None:
    """Run a command in this process, which saves a start of a second or two. Raises what it raises, and OSError if its
    exit status isn't 0."""
    code = app(list(map(str, words)), standalone_mode=False)
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    if code:
        raise OSError(f"ims {words[0]} ended with {code}")


def say_quietly(*words: str | Path, stdin: str = "") -> str:
    """As `show`, but returns what the command prints on standard output."""
    printed, before = io.StringIO(), sys.stdin
    sys.stdin = io.StringIO(stdin)
    try:
        with redirect_stdout(printed), redirect_stderr(io.StringIO()):
            show(*words)
    except (ValueError, OSError) as error:
        raise OSError(f"ims {words[0]} failed: {error_line(error)}") from error
    finally:
        sys.stdin = before
    return printed.getvalue()


def ending_on_signals() -> AbstractContextManager[None]:
    """SIGTERM, and SIGHUP unless nohup ignores it, end what is inside by an exception, which removes daemons,
    namespaces and folders."""

    def end(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    numbers = (signal.SIGTERM, signal.SIGHUP)
    return signals_handled(end, [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN])


def complaint(stderr: str, code: int | None) -> str:
    """The last line on a process's standard error, or how it ended if there is none."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    if lines:
        return lines[-1].removeprefix("ims: ")
    return f"killed by signal {-code}" if code is not None and code < 0 else f"it ended with {code} and said nothing"


@contextmanager
def daemon(command: str, config: Path) -> Iterator[subprocess.Popen[str]]:
    """A daemon that runs until the end of what is inside; `until_listening` awaits its start."""
    print(f"  started: ims {command} --config {config}", flush=True)
    words = [*IMS, command, "--config", str(config)]
    with (
        log_of(config).open("w") as log,
        subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=log, text=True) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()


def log_of(config: Path) -> Path:
    """The file of a daemon's standard error."""
    return config.with_suffix(".log")


def until_listening(command: str, config: Path, process: subprocess.Popen[str]) -> None:
    """Wait until the daemon logs that it listens. Raises OSError if it ends."""
    while '"listening"' not in log_of(config).read_text(errors="replace"):
        try:
            code = process.wait(timeout=0.1)
        except subprocess.TimeoutExpired:
            continue
        raise OSError(f"ims {command} didn't start: {complaint(log_of(config).read_text(errors='replace'), code)}")
