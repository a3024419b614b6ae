"""What a daemon needs after it gave up root is tried as the user it becomes, and the refusal says who, what and why."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ims.process import file_access as access
from ims.process.file_access import Need, Way, obstacles, refuse_obstacles

from ..stores import IMS

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user; CI is root")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user may look into."""
    folder = Path(tempfile.mkdtemp(prefix="ims-access-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def nobody() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")


def written(path: Path, mode: int = 0o644) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    path.chmod(mode)
    return path


def refusal(user: pwd.struct_passwd | None, *needs: Need) -> str:
    with pytest.raises(PermissionError) as caught:
        refuse_obstacles(user, needs)
    said = str(caught.value)
    assert len(said.splitlines()) == 1
    return said


@needs_root
def test_the_file_the_user_and_the_mode_are_said(place: Path, nobody: pwd.struct_passwd) -> None:
    file = written(place / "revoked.pem", 0o600)
    assert refusal(nobody, Need("the list", file)) == (
        f"the list {file} can't be read by nobody, who this process becomes: it has mode 0600 and belongs to "
        "root:root; change the mode or the owner, or set `user` to another"
    )
    file.chmod(0o644)
    refuse_obstacles(nobody, [Need("the list", file)])


@needs_root
def test_a_folder_on_the_way_is_named(place: Path, nobody: pwd.struct_passwd) -> None:
    file = written(place / "a" / "b" / "c.pem")
    (place / "a").chmod(0o700)
    said = refusal(nobody, Need("the list", file))
    assert f"{file} can't be read by nobody" in said
    assert f": {place / 'a'} has mode 0700 and belongs to root:root" in said


@needs_root
def test_a_link_s_own_way_and_where_it_leads_are_both_tried(place: Path, nobody: pwd.struct_passwd) -> None:
    written(place / "hidden" / "c.pem")
    link = place / "link.pem"
    link.symlink_to("hidden/c.pem")
    assert obstacles(nobody, [Need("it", link)]) == []
    (place / "hidden").chmod(0o700)
    assert f": {place / 'hidden'} has mode 0700" in refusal(nobody, Need("it", link))


@needs_root
def test_groups_of_root_are_of_no_help_and_the_user_s_own_is(place: Path, nobody: pwd.struct_passwd) -> None:
    file = written(place / "group.pem", 0o040)
    assert obstacles(nobody, [Need("it", file)])
    os.chown(file, 0, nobody.pw_gid)
    assert obstacles(nobody, [Need("it", file)]) == []


@needs_root
@pytest.mark.skipif(shutil.which("setfacl") is None, reason="setfacl is missing")
def test_an_access_list_is_obeyed(place: Path, nobody: pwd.struct_passwd) -> None:
    file = written(place / "acl.pem", 0o600)
    subprocess.run(["setfacl", "-m", "u:nobody:r", file], check=True)
    assert obstacles(nobody, [Need("it", file)]) == []


@needs_root
def test_what_is_written_to_wants_its_folder_too(place: Path, nobody: pwd.struct_passwd) -> None:
    own = place / "own"
    file = written(own / "accounts.db", 0o666)
    assert f": {own} has mode 0755 and belongs to root:root" in refusal(nobody, Need("it", file, Way.CHANGE))
    absent = place / "own" / "below" / "audit.jsonl"
    assert f"{own} has mode 0755" in refusal(nobody, Need("it", absent, Way.CHANGE))
    os.chown(own, nobody.pw_uid, nobody.pw_gid)
    assert obstacles(nobody, [Need("it", file, Way.CHANGE), Need("it", absent, Way.CHANGE)]) == []
    assert not absent.parent.exists()


@needs_root
def test_everything_in_a_store_is_tried(place: Path, nobody: pwd.struct_passwd) -> None:
    store = place / "STORE"
    closed = written(store / "packets" / "hour=1" / "a.parquet", 0o600)
    assert f": {closed} has mode 0600" in refusal(nobody, Need("the store", store, Way.READ_ALL))
    closed.chmod(0o644)
    written(store / "_state" / "sensor=a" / "key", 0o600)
    assert "/key has mode 0600" in refusal(nobody, Need("the store", store, Way.READ_ALL))
    assert obstacles(nobody, [Need("the store", store, Way.READ_ALL, without=("key",))]) == []
    os.chown(store, nobody.pw_uid, -1)
    assert f": {store / 'packets'} has mode 0755" in refusal(nobody, Need("the store", store, Way.CHANGE_ALL))


@needs_root
def test_a_store_may_be_a_file_system_of_its_own(place: Path, nobody: pwd.struct_passwd) -> None:
    store = place / "STORE"
    (store / "lost+found").mkdir(parents=True, mode=0o700)
    os.chown(store, nobody.pw_uid, -1)
    assert obstacles(nobody, [Need("the store", store, way) for way in (Way.READ_ALL, Way.CHANGE_ALL)]) == []


def test_a_folder_that_goes_meanwhile_is_no_obstacle(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store's writer removes folders at any time: here between the look at its parent and the one at itself."""
    (place / "hour").mkdir()
    listed = access._entries

    def going(folder: Path) -> object:
        found = list(listed(folder))
        for entry in found:
            Path(entry.path).rmdir()
        return found

    monkeypatch.setattr(access, "_entries", going)
    assert obstacles(None, [Need("the store", place, Way.READ_ALL)], stay_root=True) == []


def status_of_this_process() -> list[str]:
    """Who it is and what it may, without memory, threads, and signals that wait for any process of its user."""
    status = Path("/proc/self/status").read_text().split("Uid:")[1].split("Seccomp")[0]
    return [line for line in status.splitlines() if not line.startswith(("Vm", "Rss", "Hug", "Threads", "SigQ"))]


@needs_root
def test_trying_changes_nothing_of_this_process(place: Path, nobody: pwd.struct_passwd) -> None:
    file = written(place / "f", 0o600)
    before = status_of_this_process()
    obstacles(nobody, [Need("it", file), Need("all", place, Way.CHANGE_ALL)])
    assert status_of_this_process() == before
    assert file.read_text() == "x"


def test_what_is_absent_is_left_to_whoever_reads_it(place: Path) -> None:
    assert obstacles(None, [Need("it", place / "absent" / "file")], stay_root=True) == []


def test_who_stays_who_he_is_is_tried_too(place: Path) -> None:
    """Root without capabilities is stopped by modes like anybody else."""
    file = written(place / "f", 0o000)
    assert f"{file} can't be read by" in refusal(None, Need("it", file))


@needs_root
def test_what_is_mounted_for_reading_alone_is_no_matter_of_modes(place: Path) -> None:
    settings = written(place / "sensor.toml")
    settings.write_text(
        f'name = "a"\nstore = "{place}/disk"\ninterfaces = ["lo"]\nuser = "root"\n'
        '[[block]]\nname = "C/24"\nprefix = "198.51.100.0/24"\n'
    )
    (place / "disk").mkdir()
    script = 'mount -t tmpfs -o ro,mode=755 tmpfs "$1" && exec "$2" sensor --check --config "$3"'
    words = ["unshare", "--mount", "sh", "-c", script, "sh", place / "disk", IMS, settings]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if "permission denied" in done.stderr:
        pytest.skip("file systems can't be mounted here")
    assert done.returncode == 2
    assert "Read-only file system; mount it for writing; where systemd's unit forbids it, `ims doctor`" in done.stderr
    assert "mode or the owner" not in done.stderr
