"""Compiled kernels are shared through a folder that root alone can write; from none that others can write is loaded."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ims.install.kernels import prepare, publish

from .kernel_user import Users

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs several users; CI is root")
NOBODY = 65_534
RIGHT = {"value": 1, "error": None}


@pytest.fixture(scope="module")
def users() -> Iterator[Users]:
    try:
        users = Users()
    except OSError as error:
        pytest.skip(str(error))
    yield users
    users.close()


@pytest.fixture
def system(users: Users) -> Iterator[Path]:
    """/var/cache/ims, filled as by `make install`; /var/cache/home is nobody's."""
    folder = users.cache / "ims"
    prepare_here(folder)
    answer = users.use(0, IMS_CACHE_DIR="/var/cache/ims")
    assert (answer["value"], answer["compiled"] > 0) == (1, True)
    [compiled] = folder.iterdir()
    publish(compiled)
    (users.cache / "home").mkdir()
    os.chown(users.cache / "home", NOBODY, NOBODY)
    yield folder
    for entry in users.cache.iterdir():
        if entry.is_symlink():
            entry.unlink()
        else:
            shutil.rmtree(entry)


def prepare_here(folder: Path) -> None:
    """As the installation does; the path by which we reach a namespace begins with a link."""
    folder.mkdir(mode=0o755)


def asked(users: Users, **wish: Any) -> dict[str, Any]:
    return users.use(NOBODY, HOME="/var/cache/home", **wish)


def test_what_root_compiled_is_read_by_everybody_and_nothing_is_made(users: Users, system: Path) -> None:
    assert asked(users) == RIGHT | {"compiled": 0, "said": "", "after": None}
    assert users.use(0, HOME="/var/cache/home") == RIGHT | {"compiled": 0, "said": "", "after": None}
    assert list((users.cache / "home").iterdir()) == []
    for path in (system, *system.rglob("*")):
        status = path.lstat()
        assert (status.st_uid, status.st_mode & 0o777) == (0, 0o755 if path.is_dir() else 0o644)


def test_it_is_read_after_privileges_were_given_up_too(users: Users, system: Path) -> None:
    after = users.use(0, HOME="/root", after=NOBODY)
    assert after == RIGHT | {"compiled": 0, "said": "", "after": 1}


class Bomb:
    """Runs when it is unpickled."""

    def __init__(self, marker: str) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, int]]:
        return os.open, (self.marker, os.O_CREAT | os.O_WRONLY)


def give(path: Path) -> None:
    os.chown(path, NOBODY, NOBODY)


def link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


SPOILED: dict[str, tuple[str, Callable[[Path], None]]] = {
    "the folder is the user's": ("", give),
    "a group may write into the folder": ("", lambda path: path.chmod(0o775)),
    "anybody may, sticky or not": ("", lambda path: path.chmod(0o1777)),
    "the folder is a link": ("", link),
    "the folder of these sources is the user's": ("kernels-*", give),
    "anybody may write into it": ("kernels-*", lambda path: path.chmod(0o777)),
    "it is a link": ("kernels-*", link),
    "a module's folder is the user's": ("kernels-*/ims.packet.checksum", give),
    "a module's folder is a link": ("kernels-*/ims.packet.checksum", link),
    "an index is the user's": ("kernels-*/ims.packet.checksum/checksum.expected_field-*.nbi", give),
    "anybody may write the index": (
        "kernels-*/ims.packet.checksum/checksum.expected_field-*.nbi",
        lambda path: path.chmod(0o666),
    ),
    "the index is a link": ("kernels-*/ims.packet.checksum/checksum.expected_field-*.nbi", link),
    "the code is the user's": ("kernels-*/ims.packet.checksum/checksum.expected_field-*.nbc", give),
    "the code is a link": ("kernels-*/ims.packet.checksum/checksum.expected_field-*.nbc", link),
}


@pytest.mark.parametrize("name", SPOILED)
def test_nothing_is_loaded_that_others_than_root_may_have_written(name: str, users: Users, system: Path) -> None:
    pattern, spoil = SPOILED[name]
    [path] = system.glob(pattern) if pattern else [system]
    files = [path] if path.is_file() else [file for file in path.rglob("checksum.expected_field-*") if file.is_file()]
    for file in files:  # what such a user would write there
        owner = file.stat()
        file.write_bytes(pickle.dumps(Bomb("/var/cache/home/loaded")))
        os.chown(file, owner.st_uid, owner.st_gid)
    spoil(path)
    for uid in (NOBODY, 0):
        answer = users.use(
            uid, HOME="/var/cache/home", IMS_CACHE_DIR=f"/var/cache/home/{uid}" if uid else "/var/cache/0"
        )
        assert answer["value"] == 1, answer
        assert answer["compiled"] > 0
        assert "ims: compiling for this processor" in answer["said"]
        assert not (users.cache / "home" / "loaded").exists()
        if not pattern.endswith(("nbi", "nbc")):
            assert "; /var/cache/ims is not used: " in answer["said"]
    assert asked(users, IMS_CACHE_DIR=f"/var/cache/home/{NOBODY}")["compiled"] == 0


def test_a_bomb_would_have_gone_off(users: Users, system: Path) -> None:
    """Of what root wrote itself: the test before this one can fail."""
    [index] = system.glob("kernels-*/ims.packet.checksum/checksum.expected_field-*.nbi")
    index.write_bytes(pickle.dumps(Bomb("/var/cache/home/loaded")))
    asked(users)
    assert (users.cache / "home" / "loaded").exists()


def test_another_processor_compiles_into_the_user_s_own_folder_and_says_so(users: Users, system: Path) -> None:
    first = asked(users, processor="generic")
    assert first["said"] == (
        "ims: compiling for this processor, which takes up to half a minute, once; /var/cache/ims has none for this "
        "processor\n"
    )
    assert first["compiled"] > 0
    assert [path.parent.name for path in (users.cache / "home").glob(".cache/ims/kernels-*")] == ["ims"]
    assert asked(users, processor="generic") == RIGHT | {"compiled": 0, "said": "", "after": None}
    users.use(0, IMS_CACHE_DIR="/var/cache/ims", processor="generic")  # `make install` on that machine
    shutil.rmtree(users.cache / "home" / ".cache")
    for processor in ("generic", None):
        assert asked(users, processor=processor)["compiled"] == 0
    assert list((users.cache / "home").iterdir()) == []


def test_other_sources_compile_and_say_so(users: Users, system: Path) -> None:
    [compiled] = system.iterdir()
    compiled.rename(system / "kernels-of-another-version")
    said = asked(users)["said"]
    assert said.endswith("half a minute, once; /var/cache/ims has none of this version\n")


@pytest.mark.parametrize("who", [{"owner": "/var/cache/home/STORE"}, {"tried": NOBODY}])
@pytest.mark.parametrize("named", [{"IMS_CACHE_DIR": "/var/cache/home/chosen"}, {"XDG_CACHE_HOME": "/var/cache/home"}])
def test_who_acts_as_another_user_loads_nothing_that_he_could_have_written(
    named: dict[str, str], who: dict[str, Any], users: Users
) -> None:
    home = users.cache / "home"
    home.mkdir()
    give(home)
    own = {"HOME": "/var/cache/home", **named}
    assert users.use(NOBODY, **own)["compiled"] > 0
    assert users.use(NOBODY, **own)["compiled"] == 0  # what he wrote would be loaded
    kept = sorted(home.rglob("*"))
    answer = users.use(0, **own, **who)
    assert (answer["value"], answer["compiled"] > 0) == (1, True)
    assert answer["said"] == (
        "ims: compiling for this processor, which takes up to half a minute, each time: acting as another user, root's "
        "command reads compiled kernels from /var/cache/ims alone\n"
    )
    assert sorted(home.rglob("*")) == kept
    shutil.rmtree(home)


def test_who_acts_as_another_user_loads_what_root_compiled(users: Users, system: Path) -> None:
    for who in ({"owner": "/var/cache/home/STORE"}, {"tried": NOBODY}):
        assert users.use(0, HOME="/root", **who) == RIGHT | {"compiled": 0, "said": "", "after": None}


def test_root_loads_nothing_from_a_user_s_folder_and_leaves_nothing_there(users: Users) -> None:
    """`sudo` may keep the home of who calls it."""
    home, private = users.cache / "home", users.cache / "private"
    home.mkdir()
    private.mkdir()
    give(home)
    settings = {"HOME": "/var/cache/home", "TMPDIR": "/var/cache/private"}
    assert users.use(0, **settings)["compiled"] > 0
    assert users.use(0, **settings) == RIGHT | {"compiled": 0, "said": "", "after": None}
    assert list(home.iterdir()) == list(private.iterdir()) == []
    [kept] = users.roots_own.iterdir()
    assert (kept.name, kept.stat().st_uid, kept.stat().st_mode & 0o777) == ("ims", 0, 0o700)
    refused = users.use(0, IMS_CACHE_DIR="/var/cache/home/chosen")["error"]
    assert refused.startswith("the kernel cache /var/cache/home/chosen must not be below /var/cache/home, where others")
    assert list(home.iterdir()) == []
    for folder in (home, private):
        shutil.rmtree(folder)


def test_who_has_no_home_keeps_nothing_in_a_folder_that_others_could_have_made(users: Users) -> None:
    """In /tmp, others would be there first."""
    everybody_s = users.cache / "tmp"
    everybody_s.mkdir()
    everybody_s.chmod(0o1777)
    for uid in (NOBODY, 54_321):
        answer = users.use(uid, HOME="/nonexistent", TMPDIR="/var/cache/tmp")
        assert (answer["value"], answer["error"], answer["compiled"] > 0) == (1, None, True)
        assert "half a minute, each time: set IMS_CACHE_DIR to a folder that can be written to" in answer["said"]
    assert list(everybody_s.iterdir()) == []
    everybody_s.rmdir()


def test_root_s_own_folder_is_not_where_a_group_could_put_another(users: Users) -> None:
    group_s = users.cache / "group"
    group_s.mkdir()
    os.chown(group_s, 0, NOBODY)
    group_s.chmod(0o775)
    refused = users.use(0, IMS_CACHE_DIR="/var/cache/group/chosen")["error"]
    assert refused.startswith(
        "the kernel cache /var/cache/group/chosen must not be below /var/cache/group, where others"
    )
    assert list(group_s.iterdir()) == []
    (users.cache / "link").symlink_to("group")
    assert "must not be below /var/cache/group" in users.use(0, IMS_CACHE_DIR="/var/cache/link/chosen")["error"]
    (users.cache / "link").unlink()
    group_s.rmdir()


NAMESPACE = """
import ctypes, os, sys, pathlib
import ims.kernel_folder as cache
os.setgroups([])
os.setresgid(1234, 1234, 1234)
os.setresuid(1234, 1234, 1234)
ctypes.CDLL(None).prctl(4, 1)  # PR_SET_DUMPABLE: /proc/self is its own
if ctypes.CDLL(None).unshare(0x10000000):
    sys.exit("no user namespace can be made here")
pathlib.Path("/proc/self/uid_map").write_text("0 1234 1")
print(os.geteuid(), os.stat("/").st_uid, cache.replacer_of(pathlib.Path("/srv/x/y")))
"""


def test_in_a_namespace_of_his_own_a_user_is_root_below_folders_of_no_user() -> None:
    done = subprocess.run(
        [sys.executable, "-c", NAMESPACE], capture_output=True, text=True, check=False,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},  # who has threads can't enter one
    )  # fmt: skip
    if "no user namespace" in done.stderr:
        pytest.skip("no user namespace can be made here")
    assert done.stdout.split() == ["0", "65534", "None"], done.stderr


def test_what_an_earlier_version_gave_to_the_sensor_s_user_is_taken_back() -> None:
    folder = Path("/var/cache") / f"ims-test-{os.getpid()}"
    try:
        (folder / "kernels-1" / "x").mkdir(parents=True)
        (folder / "kernels-1" / "x" / "y.nbi").write_bytes(b"")
        (folder / "link").symlink_to("/etc")
        for path in (folder, folder / "kernels-1"):
            give(path)
        folder.chmod(0o700)
        prepare(folder)
        assert list(folder.iterdir()) == []
        assert (folder.stat().st_uid, folder.stat().st_mode & 0o777) == (0, 0o755)
        (folder / "kernels-2").mkdir()
        prepare(folder)
        assert [path.name for path in folder.iterdir()] == ["kernels-2"]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_a_folder_below_one_of_a_user_s_is_not_prepared(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(PermissionError, match="others than root can write to"):
        prepare(tmp_path / "ims")
