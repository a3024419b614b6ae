"""Root's power to read any file is in force only while something is opened that root named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ims.store.manifest import Snapshot
from ims.store.schema import state_folder

from ..stores import BLOCK, IMS, udp, write_pcap
from .conftest import PLAIN, USER, give

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root acts as another user; CI is root")


READ_SEARCH = 1 << 2


DEADLINE = 60


SETS = """
import json, sys
from pathlib import Path
from ims.process.store_owner import act_as_owner
from ims.process.read_search import reading_any_file
def sets():
    lines = [line.split(":") for line in Path("/proc/thread-self/status").read_text().splitlines()]
    return [int(value, 16) for name, value in lines if name in ("CapPrm", "CapEff")]
act_as_owner(Path(sys.argv[1]), captures=sys.argv[2] == "captures")
found = [sets()]
with reading_any_file():
    found.append(sets())
found.append(sets())
print(json.dumps(found))
"""


def capabilities(words: list[str], path: Path, what: str) -> list[list[int]]:
    command = [*words, sys.executable, "-c", SETS, str(path), what]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    found: list[list[int]] = json.loads(done.stdout)
    return found


def test_no_power_of_root_s_is_kept_where_none_is_needed(place: Path, installed: list[str]) -> None:
    assert capabilities(installed, place / "own", "") == [[0, 0]] * 3


def test_the_right_to_read_captures_is_in_force_only_while_one_is_opened(place: Path, installed: list[str]) -> None:
    reserve, force = [READ_SEARCH, 0], [READ_SEARCH, READ_SEARCH]
    assert capabilities(installed, place / "own", "captures") == [reserve, force, reserve]


def test_it_is_in_force_for_the_whole_run_where_the_program_is_root_s_alone(place: Path) -> None:
    """A checkout in root's home; here a folder of modules that the user can't read."""
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    command = [sys.executable, "-c", SETS, str(place / "own"), ""]
    environment = os.environ | {"PYTHONPATH": str(closed)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=environment)
    assert json.loads(done.stdout) == [[READ_SEARCH, READ_SEARCH]] * 3


def test_a_capture_of_root_s_is_read_into_another_s_store(place: Path, installed: list[str]) -> None:
    capture = write_pcap(place / "root.pcap", [(1_772_582_400 * 10**9, udp(0x01020304, 0xC6336407, 53, b"x"))])
    capture.chmod(0o600)
    words = ["ingest", capture, "--store", place / "own" / "S", "--sensor", "a", "--block", BLOCK, "--format", "json"]
    done = subprocess.run(
        [*installed, IMS, *words], capture_output=True, text=True, check=False, timeout=60, env=PLAIN
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["stored"] == 1


@pytest.mark.parametrize("watched_by", ["root", USER])
def test_a_watched_folder_gives_root_s_captures_only_where_it_is_root_s_alone(
    watched_by: str, place: Path, installed: list[str]
) -> None:
    """Else whoever puts files there could have root's read by a link."""
    watched = place / "watched"
    watched.mkdir(mode=0o700)
    packets = [(1_772_582_400 * 10**9, udp(0x01020304, 0xC6336407, 53, b"x"))]
    (place / "closed").mkdir(mode=0o700)
    secret = write_pcap(place / "closed" / "secret.pcap", packets)
    (watched / "link.pcap").symlink_to(secret)
    give(watched, watched_by)
    store, said = place / "own" / "S", place / "said"
    command = [*installed, IMS, "ingest", "--watch", watched, "--store", store, "--sensor", "a", "--block", BLOCK]
    with said.open("w") as log, subprocess.Popen([*map(str, command)], stderr=log, stdout=log, env=PLAIN) as process:
        limit = time.monotonic() + DEADLINE
        while "not ingested" not in said.read_text() and not taken(store):
            assert time.monotonic() < limit
            assert process.poll() is None
        process.terminate()
    assert ("not ingested" in said.read_text()) == (watched_by == USER)


def taken(store: Path) -> bool:
    try:
        snapshot = Snapshot(state_folder(store, "a"))
    except OSError:
        return False
    snapshot.close()
    return bool(snapshot.state.captures)
