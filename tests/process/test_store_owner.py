"""What root's command may do once it acts as another user: real users, real files, in namespaces where that user can
read this program, as he can an installation."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ims.path_owners import is_roots, steps_to
from ims.process.privileges import prepare_store
from ims.process.store_owner import owner_of

from .conftest import OTHER, USER, give

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root acts as another user; CI is root")


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
    script = (
        "import sys\nfrom pathlib import Path\nfrom ims.process.store_owner import act_as_owner\n"
        "act_as_owner(Path(sys.argv[1]))\nopen(sys.argv[1] + '/new', 'x').close()"
    )
    command = ["unshare", "--mount", *installed, "sh", "-c", shell, "sh", sys.executable, "-c", script]
    subprocess.run([*command, str(closed / "own")], capture_output=True, text=True, check=True, timeout=60)
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
    with pytest.raises(ValueError, match=f"belongs to root below {place}/own of {USER}:{USER}, who could replace it"):
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
    with pytest.raises(
        ValueError, match=f"leads to /etc through {place}/own of {USER}:{USER}; give its target"
    ) as said:
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
