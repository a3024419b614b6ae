"""What root's command may do once it acts as another user: real users, real files, in namespaces where that user can
read this program, as he can an installation."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ims.path_owners import give_new_folder, is_roots, steps_to
from ims.process.privileges import prepare_store
from ims.process.store_owner import owner_of
from ims.store.manifest import Snapshot
from ims.store.schema import state_folder

from ..readable import readable_by_all
from ..stores import BLOCK, IMS, udp, write_pcap

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root acts as another user; CI is root")
USER, OTHER = "games", "nobody"
PLAIN = os.environ | {"NUMBA_DISABLE_JIT": "1"}
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


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder of root's that all can pass; in it `own` of a user's."""
    folder = Path(tempfile.mkdtemp(prefix="ims-owner-"))
    folder.chmod(0o755)
    (folder / "own").mkdir(mode=0o755)
    give(folder / "own", USER)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def installed(tmp_path: Path) -> list[str]:
    try:
        return readable_by_all(tmp_path / "aside")
    except OSError as error:
        pytest.skip(str(error))


def give(path: Path, user: str) -> None:
    found = pwd.getpwnam(user)
    os.chown(path, found.pw_uid, found.pw_gid, follow_symlinks=False)


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


def test_its_user_s_groups_are_kept(place: Path, installed: list[str]) -> None:
    """A folder of root's that the user passes as a member of a group alone."""
    closed = place / "closed"
    closed.mkdir(mode=0o750)
    (closed / "own").mkdir()
    give(closed / "own", USER)
    shutil.chown(closed, "root", "operator")
    groups = place / "group"
    lines = Path("/etc/group").read_text().splitlines()
    groups.write_text("".join(f"{line}{USER if line.startswith('operator:') else ''}\n" for line in lines))
    shell = f"mount --bind '{groups}' /etc/group && exec \"$@\""
    script = f"{SETS}\nopen(sys.argv[1] + '/new', 'x').close()"
    command = ["unshare", "--mount", *installed, "sh", "-c", shell, "sh", sys.executable, "-c", script]
    subprocess.run([*command, str(closed / "own"), ""], capture_output=True, text=True, check=True, timeout=60)
    assert (closed / "own" / "new").owner() == USER


@pytest.mark.parametrize("named", [True, False])
def test_the_line_that_is_to_be_typed_can_be(named: bool, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a user without a name, too, as owners of a container's volumes are."""
    inner = place / "own" / "inner"
    inner.mkdir()
    uid = pwd.getpwnam(OTHER).pw_uid if named else 123_456
    os.chown(inner, uid, 12)
    monkeypatch.setattr(sys, "argv", ["ims", "ship"])
    who = f"runuser -u {OTHER} --" if named else "setpriv --reuid=123456 --regid=12 --clear-groups --"
    with pytest.raises(ValueError, match=f"type `{who} ims ship`$"):
        owner_of(inner)


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


def test_the_owner_of_a_path_is_found_folder_by_folder(place: Path) -> None:
    assert owner_of(place / "new") is None
    for path in (place / "own", place / "own" / "new", place / "own" / "a" / "b"):
        found = owner_of(path)
        assert found is not None
        assert found.name == USER
    link = place / "link"
    link.symlink_to("own/new")
    found = owner_of(link)
    assert found is not None
    assert found.name == USER
    assert [step.path for step in steps_to(link)][-3:] == [place, link, place / "own"]
    assert is_roots(place)
    assert not is_roots(place / "own")
    assert not is_roots(link)


@pytest.mark.parametrize("path", ["own/root's", "own/root's/STORE", "own/root's/in it", "own/root's/in it/file"])
def test_what_is_root_s_below_another_s_folder_is_refused(path: str, place: Path) -> None:
    """He could put a link, or another folder, in its place after it was looked at."""
    (place / "own" / "root's" / "in it").mkdir(parents=True)
    (place / "own" / "root's" / "in it" / "file").touch()
    with pytest.raises(ValueError, match=f"belongs to root below {place}/own of {USER}:{USER}, who could put"):
        owner_of(place / path)


def test_one_user_s_below_another_s_is_refused_with_the_line_to_type(place: Path) -> None:
    (place / "own" / "theirs").mkdir()
    give(place / "own" / "theirs", OTHER)
    with pytest.raises(
        ValueError, match=f"is {OTHER}'s, below {place}/own, which is {USER}'s.*`runuser -u {OTHER} -- "
    ):
        owner_of(place / "own" / "theirs" / "STORE")


def test_no_line_to_type_gives_away_what_a_link_leads_to(place: Path) -> None:
    (place / "own" / "link").symlink_to("/etc")
    with pytest.raises(ValueError, match=f"leads to /etc through {place}/own of {USER}:{USER}; give the place") as said:
        owner_of(place / "own" / "link")
    assert "chown" not in str(said.value)
    (place / "own" / "round").symlink_to("round")
    with pytest.raises(OSError, match="Too many levels"):
        owner_of(place / "own" / "round")


def test_a_new_store_is_given_away_by_no_link_of_another_s(place: Path) -> None:
    """Nor by one that comes meanwhile: what is given is the folder that was opened."""
    user = pwd.getpwnam(OTHER)
    prepare_store(place / "a" / "STORE", user)
    assert [(place / name).stat().st_uid for name in ("a", "a/STORE")] == [0, user.pw_uid]
    (place / "empty").mkdir()
    (place / "root's link").symlink_to("empty")
    prepare_store(place / "root's link", user)
    assert (place / "empty").stat().st_uid == user.pw_uid
    (place / "secret").mkdir(mode=0o700)
    for name in ("own/STORE", "own/folder"):
        (place / name).symlink_to(place / "secret")
        give(place / name, USER)
    for store in (place / "own" / "STORE", place / "own" / "folder" / "STORE"):
        with pytest.raises(ValueError, match="is a link of user"):
            prepare_store(store, user)
    assert (place / "secret").stat().st_uid == 0
    assert list((place / "secret").iterdir()) == []


def test_a_link_that_is_swapped_in_while_a_store_is_made_gives_nothing_away(place: Path) -> None:
    secret, swapped = place / "secret", place / "own" / "STORE"
    secret.mkdir(mode=0o700)
    user, stopping = pwd.getpwnam(OTHER), threading.Event()
    swapped.mkdir()
    link, aside = place / "own" / "link", place / "own" / "aside"
    link.symlink_to(secret)
    give(link, USER)

    def swap() -> None:
        moves = [(swapped, aside), (link, swapped), (swapped, link), (aside, swapped)]
        for before, after in itertools.cycle(moves):
            if stopping.is_set():
                break
            with contextlib.suppress(OSError):  # a folder was made there meanwhile
                before.rename(after)

    swapping = threading.Thread(target=swap)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        swapping.start()
        for _ in range(2_000):
            with contextlib.suppress(OSError, ValueError):
                give_new_folder(swapped, user.pw_uid, user.pw_gid)
    finally:
        sys.setswitchinterval(interval)
        stopping.set()
        swapping.join()
    assert secret.stat().st_uid == 0
