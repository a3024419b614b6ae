"""Standard streams that whoever starts ims has closed: one line, or silence; never a traceback."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from ims.cli import app

from .. import forked
from ..effort import pick, sampled
from ..stores import BLOCK, IMS, cli

USUAL = ("--store", "S", "--sensor", "a", "--block", BLOCK)


def closing(redirection: str, *words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """`ims` as a shell starts it, such as with `<&-`."""
    line = f'exec "$0" "$@" {redirection}'
    return subprocess.run(
        ["bash", "-c", line, *map(str, (IMS, *words))], cwd=cwd, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("name", ["-", "/dev/stdin", "/dev/fd/0"])
def test_closed_standard_input_is_no_capture(tmp_path: Path, name: str) -> None:
    done = closing("<&-", "ingest", name, *USUAL, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "ims: standard input is closed\n")
    assert list(tmp_path.iterdir()) == []


STREAMS = ["<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"]


@pytest.mark.parametrize("streams", sampled(STREAMS, [">&-", "<&- >&- 2>&-"]))
def test_what_is_stored_does_not_depend_on_who_listens(tmp_path: Path, samples: dict[int, Path], streams: str) -> None:
    done = closing(streams, "ingest", samples[1], *USUAL, cwd=tmp_path)
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0)
    for verb in ("count", "packets"):
        asked = closing(streams, "query", verb, "--store", "S", "--format", "csv", cwd=tmp_path)
        assert (asked.returncode, asked.stderr.count("Traceback")) == (0, 0)
        assert (asked.stdout == "") == (">&-" in streams.split())


@pytest.mark.parametrize("words", [("export", "pcap", "--out", "-"), ("query", "packets", "--limit", "1000")])
def test_who_has_read_enough_ends_it_in_silence(
    tmp_path: Path, samples: dict[int, Path], words: tuple[str, ...]
) -> None:
    assert closing("", "ingest", samples[1], *USUAL, cwd=tmp_path).returncode == 0
    line = 'set -o pipefail; "$0" "$@" | head -c 10 | wc -c'
    done = subprocess.run(
        ["bash", "-c", line, str(IMS), *words, "--store", "S"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "10", "")


def unread(stream: str, *words: str | Path, cwd: Path, ims: Path | None = None) -> subprocess.CompletedProcess[str]:
    """`ims` where what it writes to this stream goes to a pipe that nobody reads any more."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        streams: dict[str, int] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | {stream: writer}
        line = [ims or forked.ims(), *map(str, words)]
        return subprocess.run(line, cwd=cwd, input="correct horse battery\n", text=True, check=False, **streams)  # type: ignore[call-overload, no-any-return]
    finally:
        os.close(writer)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, samples: dict[int, Path]) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("unread")
    (folder / "dark.pcap").symlink_to(samples[1])
    (folder / "sensor.toml").write_text(
        'name = "a"\nstore = "S"\ninterfaces = ["lo"]\n[[block]]\nname = "C/24"\nprefix = "198.51.100.0/24"\n'
    )
    assert cli("ingest", "dark.pcap", *USUAL, cwd=folder).returncode == 0
    assert cli("pki", "init", cwd=folder).returncode == 0
    yield folder


PRINTING = {
    "ingest": ("ingest", "dark.pcap", "--again", *USUAL),
    "doctor": ("doctor", "--config", "sensor.toml"),
    "ship": ("ship", "--store", "S", "--to", "LAKE"),
    "export": ("export", "csv", "--store", "S", "--out", "-"),
    "simulate": ("simulate", "--list"),
    "query top": ("query", "top", "destination_port", "--store", "S"),
    "query local": ("query", "local", "--store", "S"),
    "query chain": ("query", "chain", "--first", "ip", "--then", "ip", "--store", "S"),
    "query series": ("query", "series", "--store", "S", "--format", "json"),
    "query payloads": ("query", "payloads", "--store", "S"),
    **{
        f"query {verb}": ("query", verb, "--store", "S")
        for verb in ("count", "packets", "sources", "cache", "coverage", "darknet")
    },
    "account add": ("account", "add", "alice", "--role", "viewer", "--accounts", "A"),
    "account password": ("account", "password", "alice", "--accounts", "A"),
    "account role": ("account", "role", "alice", "analyst", "--accounts", "A"),
    "account token": ("account", "token", "alice", "--label", "x", "--accounts", "A"),
    "account list": ("account", "list", "--accounts", "A"),
    "account tokens": ("account", "tokens", "alice", "--accounts", "A"),
    "account remove": ("account", "remove", "alice", "--accounts", "A"),
    "pki init": ("pki", "init", "--folder", "PKI2"),
    "pki issue": ("pki", "issue", "b", "--role", "sensor"),
    "pki show": ("pki", "show", "PKI/ca.pem"),
}  # fmt: skip
"""Commands that print and end, in an order in which each can run."""


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_every_command_that_prints_ends_quietly_when_nobody_reads(desk: Path, stream: str) -> None:
    """As with `| head`, which has gone before the last line is written; and as with `2>&1 | head`."""
    (desk / "A").unlink(missing_ok=True)
    for place, (name, words) in enumerate(PRINTING.items()):
        if name.startswith("query") and place % 2 == pick(2, ["stderr", "stdout"].index(stream)):
            continue  # in a commit each query with one stream
        if name.startswith("pki i"):
            words = (*words, "--out" if name == "pki issue" else "--name", f"for {stream}")
            words = tuple(word.replace("PKI2", f"PKI {stream}") for word in words)
        done = unread(stream, *words, cwd=desk)
        assert done.returncode in ((0, 1) if name == "doctor" else (0,)), (name, done.stderr)
        said = done.stderr or ""
        assert "Traceback" not in said and "Broken pipe" not in said and "Exception ignored" not in said, (name, said)


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, one in getattr(command, "commands", {}).items():
        yield from commands(one, (*path, name))


def test_the_help_of_every_command_ends_quietly_too(desk: Path) -> None:
    found = list(commands(typer.main.get_command(app)))
    assert {tuple(name.split()) for name in PRINTING} <= set(found)
    for path in pick(found, found[::3]):
        done = unread("stdout", *path, "--help", cwd=desk)
        assert (done.returncode, done.stderr) == (0, ""), path
    assert unread("stdout", "--version", cwd=desk).stderr == ""


def test_an_error_that_nobody_reads_keeps_its_exit_status(desk: Path) -> None:
    assert unread("stderr", "query", "count", "--store", "none", cwd=desk).returncode == 2


def test_a_sensor_whose_log_nobody_reads_goes_on(desk: Path) -> None:
    words = ("sensor", "--replay", "dark.pcap", "--speed", "0", "--store", "LIVE", "--sensor", "a", "--block", BLOCK)
    assert unread("stderr", *words, cwd=desk, ims=IMS).returncode == 0
    assert cli("query", "count", "--store", "LIVE", "--format", "json", cwd=desk).stdout.startswith('{"packets": 3000,')


def test_a_demo_that_nobody_reads_ends_and_leaves_no_process(desk: Path) -> None:
    done = unread("stdout", "demo", "--folder", "demo", cwd=desk, ims=IMS)
    assert (done.returncode, done.stderr) == (0, "")
