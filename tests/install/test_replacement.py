"""`make install` of a small stand-in, by the project's own script: what is there is replaced as a whole, or stays."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ims.install.replacement import relocate, replace

from ..stores import needs_programs
from .test_install import PREFIX, ROOT, alone
from .wheel import locked, write_wheel

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can install for all users; CI is root")
STANDIN = {
    "Makefile": "install:\n\t@sh scripts/install.sh\n",
    "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "wheel"\nbackend-path = ["."]\n'
    '[project]\nname = "ims"\ndynamic = ["version"]\n',
    "VERSION": "1",
    "src/ims/__init__.py": "import importlib.metadata as m\n\ndef main():\n    print('ims', m.version('ims'))\n",
    "src/ims/install/__init__.py": "",
    "src/ims/install/kernels.py": "",
}
COPIED = {
    "scripts/install.sh": "scripts/install.sh", "scripts/python.sh": "scripts/python.sh", "wheel.py": "tests/install/wheel.py",
    "src/ims/install/replacement.py": "src/ims/install/replacement.py", "src/ims/cause.py": "src/ims/cause.py",
}  # fmt: skip
LARGE = 4 << 20
BEGIN = f"""
set -e
state() {{ echo "$1: $(cd / && ims), $(cd / && '{PREFIX}/bin/python' -c 'import importlib.metadata as m
print(*sorted(d.name for d in m.distributions() if d.name not in ("pip", "setuptools", "ims")))')"; }}
refused() {{ if make install; then echo "not refused: $1"; else state "$1"; fi; }}
cp first.txt packaging/lock.txt
make install
"""
UPGRADES = f"""
'{PREFIX}/bin/python' -m pip install --quiet gamma
state "at first"
ls -A '{PREFIX}' >before
echo 2 >VERSION
sed 's/sha256:..../sha256:0000/' second.txt >packaging/lock.txt
refused "a wrong hash"
cp second.txt packaging/lock.txt
mv wheels away
refused "no network"
mv away wheels
mount -o remount,size=$(($(du -sk /srv | cut -f1) + 1024))k /srv
refused "no room"
ls -A '{PREFIX}' | diff before -
mount -o remount,size=1G /srv
make install
state "at last"
grep -rl '/[.]ims-new' '{PREFIX}/bin' '{PREFIX}/pyvenv.cfg' || true
ls -A '{PREFIX}' | diff before -
"""
REPAIRS = f"""
mkdir '{PREFIX}/.ims-old' '{PREFIX}/.ims-new' '{PREFIX}/.ims-gone' '{PREFIX}/store'
chown nobody '{PREFIX}/store'
mv '{PREFIX}/lib' '{PREFIX}/pyvenv.cfg' '{PREFIX}/.ims-old'
mkdir '{PREFIX}/lib'
mv wheels away
sed 's/alpha==1/alpha==2/' first.txt >packaging/lock.txt
refused "killed"
cp first.txt packaging/lock.txt
mv away wheels
make install
state "and upgraded"
chown nobody '{PREFIX}'/lib/python*/site-packages/ims/__init__.py
make install
find '{PREFIX}' ! -user root
state "no longer a user's"
flock '{PREFIX}' make install || echo "while another one works: $?"
umount -l /srv
mount -t tmpfs -o mode=700 tmpfs /srv
PREFIX=/srv make install || echo "closed: $?"
umount -l /srv
mount -t tmpfs -o mode=755,size=1M tmpfs /srv
make install || ls -A /srv
mount -t tmpfs -o mode=755 tmpfs /srv
mkdir /srv/lost+found
PREFIX=/srv make install
ls -A /srv
"""


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout that is installed within seconds: two locks, of a package each, and one that an operator adds."""
    if alone("true", ROOT).returncode:
        pytest.skip("file systems can't be mounted here")
    folder = tmp_path_factory.mktemp("standin") / "a checkout"
    for name, text in STANDIN.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for name, source in COPIED.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / source, folder / name)
    for name in ("packaging", "wheels"):
        (folder / name).mkdir()
    first = write_wheel(folder / "wheels", "alpha", "1", {"alpha.py": b""})
    second = write_wheel(folder / "wheels", "beta", "1", {"beta.bin": os.urandom(LARGE), "beta.py": b""})
    write_wheel(folder / "wheels", "gamma", "1", {"gamma.py": b""})
    (folder / "first.txt").write_text(locked(first))
    (folder / "second.txt").write_text(locked(second))
    return folder


def installed(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    (folder / "VERSION").write_text("1")
    settings = {"PIP_CONFIG_FILE": "/dev/null", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "wheels"}
    done = alone(BEGIN + script, folder, **settings)
    assert done.returncode == 0, done.stderr
    return done


def said(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stdout.splitlines() if not line.startswith("make")]


@needs_root
@needs_programs("make", "unshare")
def test_an_upgrade_is_whole_or_leaves_what_was_there(standin: Path) -> None:
    done = installed(standin, UPGRADES)
    assert said(done) == [
        "at first: ims 1, alpha gamma", "a wrong hash: ims 1, alpha gamma", "no network: ims 1, alpha gamma",
        "no room: ims 1, alpha gamma", "at last: ims 2, beta gamma",
    ]  # fmt: skip
    assert done.stderr.count("install: not done: what was installed before is as it was (pip's error is above)\n") == 3
    assert done.stderr.count("No space left on device") == 1


@pytest.mark.exhaustive
@needs_root
@needs_programs("make", "unshare")
def test_what_is_broken_or_not_root_s_alone_is_made_anew(standin: Path) -> None:
    done = installed(standin, REPAIRS)
    assert said(done) == [
        "killed: ims 1, alpha", "and upgraded: ims 1, alpha", f"{PREFIX}/store", "no longer a user's: ims 1, alpha", "while another one works: 2", "closed: 2",
        "bin", "include", "lib", "lib64", "lock.txt", "lost+found", "pyvenv.cfg",
    ]  # fmt: skip
    assert f"install: making all anew, for others than root can write to {PREFIX}/lib/python3" in done.stderr
    assert f"install: another make install is at work in {PREFIX}\n" in done.stderr
    assert "No space left on device" in done.stderr


def made(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_scripts_name_their_last_place_and_the_former_ones_stay(tmp_path: Path) -> None:
    prefix = tmp_path / "a place"
    new = made(
        prefix / ".ims-new",
        {"pyvenv.cfg": f"command = venv {prefix}/.ims-new\n", "bin/new": f"#!{prefix}/.ims-new/bin/python\n"},
    )
    (prefix / "former").write_text("#!/bin/sh\n")
    (new / "bin" / "former").hardlink_to(prefix / "former")
    (new / "bin" / "new").chmod(0o755)
    relocate(new, prefix)
    assert (new / "pyvenv.cfg").read_text() == f"command = venv {prefix}\n"
    assert (new / "bin" / "new").read_text() == f"#!{prefix}/bin/python\n"
    assert (new / "bin" / "new").stat().st_mode & 0o777 == 0o755
    assert (new / "bin" / "former").samefile(prefix / "former")
    assert sorted(path.name for path in (new / "bin").iterdir()) == ["former", "new"]


@needs_root
def test_folders_of_a_container_s_image_are_replaced_too(tmp_path: Path) -> None:
    """There they can't be renamed."""
    files = {"bin/ims": "1", "lib/deep/ims": "1", "lib/deep/gone": ""}
    image, layer, work, root = (made(tmp_path / name, {}) for name in ("image", "layer", "work", "root"))
    made(image / "opt" / "ims", files)
    (image / "opt/ims/lib64").symlink_to("lib")
    (image / "opt/ims/lib").chmod(0o711)
    for folder in (layer, work, root):
        folder.mkdir()
    options = f"lowerdir={image},upperdir={layer},workdir={work}"
    words = ["mount", "-t", "overlay", "-o", options, "overlay", str(root)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("file systems can't be mounted here")
    try:
        prefix = root / "opt" / "ims"
        with pytest.raises(OSError, match="Invalid cross-device link"):
            (prefix / "lib").rename(prefix / "other")
        new = made(prefix / ".ims-new", {"bin/ims": "2", "lib/deep/ims": "2", "store": "2"})
        (prefix / "store").mkdir()  # an operator's
        with pytest.raises(FileExistsError):
            replace(new, prefix)
        assert {name: (prefix / name).read_text() for name in files} == files
        assert (prefix / "lib").stat().st_mode & 0o777 == 0o711
        (new / "store").unlink()
        replace(new, prefix)
        assert (prefix / "lib/deep/ims").read_text() == "2"
        assert sorted(path.name for path in prefix.rglob("*")) == [
            ".ims-new", "bin", "deep", "ims", "ims", "lib", "store",
        ]  # fmt: skip
    finally:
        subprocess.run(["umount", str(root)], check=True)


def test_what_can_t_be_put_in_place_leaves_all_where_it_was(tmp_path: Path) -> None:
    prefix = made(tmp_path, {"bin/ims": "1", "lib/ims": "1"})
    new = made(prefix / ".ims-new", {"bin/ims": "2", "lib/ims": "2"})
    (new / "lost+found").write_text("2")
    (prefix / "lost+found" / "inner").mkdir(parents=True)  # it stays
    with pytest.raises(FileExistsError, match="lost"):
        replace(new, prefix)
    assert sorted(str(path.relative_to(prefix)) for path in prefix.rglob("ims")) == [
        ".ims-new/bin/ims", ".ims-new/lib/ims", "bin/ims", "lib/ims",
    ]  # fmt: skip
    assert (prefix / "bin/ims").read_text() == "1"
    (new / "lost+found").unlink()
    replace(new, prefix)
    assert (prefix / "bin/ims").read_text() == (prefix / "lib/ims").read_text() == "2"
    assert sorted(path.name for path in prefix.iterdir()) == [".ims-new", "bin", "lib", "lost+found"]
