"""`make install`, in a mount namespace: a program for all users, upgraded in place; what can't be done leaves it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ..stores import needs_programs

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can install for all users; CI is root"),
    needs_programs("git", "make", "unshare"),
]
PLACES = ("/srv", "/var/cache", "/usr/local/bin", "/etc/systemd/system")
"""Empty in the namespace, so that nothing of this machine is changed."""
PREFIX = "/srv/i m s"
BARE = {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "PREFIX": PREFIX}


def alone(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A shell's script where `PLACES` are empty."""
    mounts = "".join(f"mount -t tmpfs -o mode=755 tmpfs {place} && " for place in PLACES)
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", f"{mounts} cd \"$0\" && {{ {script}\n}}", folder], env={**os.environ, **BARE, **environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is here, whether or not it is committed, as a repository in a folder with a space."""
    if alone("true", ROOT).returncode:
        pytest.skip("file systems can't be mounted here")
    folder = tmp_path_factory.mktemp("install") / "a checkout"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name, follow_symlinks=False)
    subprocess.run(["sh", "-c", "git init -q && git add . && git -c user.name=a -c user.email=a@example.org commit -qm a"],
                   cwd=folder, check=True)  # fmt: skip
    return folder


@pytest.mark.parametrize(("before", "prefix", "said"), [
    ("", "/usr", "PREFIX=/usr: expected a folder for ims alone, such as /opt/ims"),
    ("", "ims", "PREFIX=ims: expected a whole path, such as /opt/ims"),
    ("", "/home/somebody/ims", "PREFIX=/home/somebody/ims: services can't reach it there; expected a folder such as /opt/ims"),
    ("", "/srv/it's", "PREFIX=/srv/it's: systemd starts no program there; expected no quotes and backslashes"),
    ("mkdir /srv/x && touch /srv/x/y", "/srv/x", "/srv/x holds something else than an installation of ims: move it away, or "
     "say PREFIX=FOLDER"),
    ("", "/srv/../usr/", "PREFIX=/usr: expected a folder for ims alone, such as /opt/ims"),
    ("mkdir -m 1777 /srv/all", "/srv/all/a/ims",
     "PREFIX=/srv/all/a/ims: others than root can write to /srv/all (owner 0, mode 1777)"),
    ("mkdir -m 775 /srv/group", "/srv/group/ims",
     "PREFIX=/srv/group/ims: others than root can write to /srv/group (owner 0, mode 775)"),
    ("mkdir /srv/x && chown nobody /srv/x", "/srv/x", "PREFIX=/srv/x: others than root can write to /srv/x (owner 65534, mode 755)"),
    ("ln -s /srv/y /srv/x", "/srv/x/ims", "PREFIX=/srv/x/ims: a link is on the way there; expected PREFIX=/srv/y/ims"),
    ("touch /srv/x", "/srv/x/ims", "PREFIX=/srv/x/ims: /srv/x is not a folder"),
    ("touch /usr/local/bin/ims", "/srv/x", "/usr/local/bin/ims is there already and is no link: move it away"),
])  # fmt: skip
def test_what_must_not_be_is_refused_before_anything_is_done(
    checkout: Path, before: str, prefix: str, said: str
) -> None:
    done = alone(f"{before or ':'}\nmake install; status=$?; ls -A /var/cache; exit $status", checkout, PREFIX=prefix)
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == f"install: {said}"
    assert done.stdout == ""


def test_others_than_root_are_refused(checkout: Path) -> None:
    done = alone(
        'setpriv --reuid=nobody --regid=nogroup --clear-groups sh -c "$(cat scripts/install.sh)" /dev/fd/x', checkout
    )
    assert done.returncode == 2
    assert done.stderr == "install: only root can install for all users: sudo make install\n"


WHOLE = f"""
set -e
mount -o remount,size=1M /var/cache
make install || echo "without room: $?"
mount -o remount,size=1G /var/cache
make install
echo "at first: $(cd / && ims --version)"
find /var/cache/ims ! -user root -o -perm /022
cp packaging/lock.txt lock.good
sed -i 's/^xxhash==[0-9.]*/xxhash==0.0.0/' packaging/lock.txt
make install || echo "refused: $?"
echo "then: $(cd / && ims --version)"
mv lock.good packaging/lock.txt
chmod 700 /var/cache/ims && chown nobody /var/cache/ims
mkdir /var/cache/ims/kernels-of-before
touch /etc/systemd/system/ims-sensor.service
echo >> src/ims/install/settings/lake.env
make install
echo "at last: $(cd / && ims --version)"
ls /var/cache/ims | wc -l
ims install-service sensor --dry-run | tail -n 1
'{PREFIX}/bin/python' -c 'import ims; print(ims.__file__)'
ls '{PREFIX}/share/doc/ims/sensor.md'
"""


@pytest.mark.exhaustive
def test_a_machine_without_ims_gets_it_is_upgraded_and_keeps_it_where_it_can_t_be(checkout: Path) -> None:
    head = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], cwd=checkout, capture_output=True, text=True, check=True
    ).stdout.strip()
    done = alone(WHOLE, checkout)
    assert done.returncode == 0, done.stderr
    [without_room, at_first, refused, then, at_last, kernels, planned, module, page] = [
        line for line in done.stdout.splitlines() if not line.startswith("make")
    ]
    assert without_room == "without room: 2"
    [full] = [line for line in done.stderr.splitlines() if "No space left on device" in line]
    assert full.startswith("install: the kernel cache /var/cache/ims/kernels-")
    assert full.endswith(": No space left on device")
    assert at_first == f"at first: ims 0.1.0 ({head})"
    assert refused == "refused: 2"
    assert "install: not done: what was installed before is as it was (pip's error is above)" in done.stderr
    assert then == f"then: ims 0.1.0 ({head})"
    assert at_last == f"at last: ims 0.1.0 ({head}+changes)"
    assert kernels == "1"
    assert planned == "would replace the unit /etc/systemd/system/ims-sensor.service"
    assert module.startswith(f"{PREFIX}/lib/python3")
    assert page == f"{PREFIX}/share/doc/ims/sensor.md"
    assert "install: next: ims install-service sensor && systemctl restart ims-sensor" in done.stderr
