"""Standard streams that whoever starts ims has closed: one line, or silence; never a traceback."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ..effort import sampled
from ..stores import BLOCK, IMS

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


def test_closed_standard_input_holds_no_password(tmp_path: Path) -> None:
    done = closing("<&-", "account", "add", "alice", "--role", "viewer", "--accounts", "accounts.db", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "ims: no password on standard input; wanted one line\n")


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
