"""Processes that `ims demo` starts: commands and daemons of ours. One that fails is an OSError of one line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

IMS = (sys.executable, "-c", "from ims.cli import main; main()")
LONGEST_SECONDS = 600


def show(*words: str | Path) -> None:
    """Run a command whose answer goes to standard output. Raises OSError with its complaint."""
    done = _run([*IMS, *map(str, words)], stderr=subprocess.PIPE)
    sys.stderr.write(done.stderr)


def say_quietly(*words: str | Path, stdin: str | None = None, before: Sequence[str] = ()) -> str:
    """What a command says on standard output; `before`: what it is run by. Raises OSError with its complaint."""
    done = _run([*before, *IMS, *map(str, words)], stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return str(done.stdout)


def _run(command: Sequence[str], stdin: str | None = None, **pipes: int) -> subprocess.CompletedProcess[str]:
    name = f"ims {command[command.index(IMS[-1]) + 1]}"
    sys.stdout.flush()
    if stdin is None:
        pipes["stdin"] = subprocess.DEVNULL
    try:
        done = subprocess.run(command, input=stdin, text=True, check=False, timeout=LONGEST_SECONDS, **pipes)  # type: ignore[call-overload]
    except subprocess.TimeoutExpired:
        raise OSError(f"{name} didn't end within {LONGEST_SECONDS} s") from None
    if done.returncode:
        raise OSError(f"{name} failed: {complaint(done.stderr, done.returncode)}")
    return done  # type: ignore[no-any-return]


def complaint(said: str, code: int | None) -> str:
    """The last line on a process's standard error, or how it ended where it said nothing."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    if lines:
        return lines[-1].removeprefix("ims: ")
    return f"killed by signal {-code}" if code is not None and code < 0 else f"it ended with {code} and said nothing"


@contextmanager
def daemon(command: str, config: Path) -> Iterator[subprocess.Popen[str]]:
    """A daemon, from its start, which `until_listening` awaits, to the end of what is inside."""
    print(f"  $ ims {command} --config {config.name}", flush=True)
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
