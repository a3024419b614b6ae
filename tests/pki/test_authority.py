from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ims.pki.authority import Authority, create_authority
from ims.pki.certificate import new_key
from ims.pki.credentials import Credentials
from ims.pki.pem import key_pem

from ..stores import IMS
from .conftest import credentials, files


def modes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): stat.S_IMODE(path.lstat().st_mode) for path in folder.rglob("*")}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_keys_are_their_owner_s_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        create_authority(tmp_path / "PKI", "Test", 10).issue("a", "sensor", tmp_path / "a", days=1)
    finally:
        os.umask(before)
    found = modes(tmp_path)
    assert found["PKI"] == found["PKI/issued"] == found["a"] == 0o700
    assert found["PKI/ca.key"] == found["a/a.key"] == 0o600


def test_no_copy_of_a_key_stays(pki: Authority, tmp_path: Path) -> None:
    pki.issue("a", "sensor", tmp_path / "a")
    keys = [path for path in pki.folder.rglob("*") if path.is_file() and b"PRIVATE" in path.read_bytes()]
    ours = {
        pki.folder / "ca.key",
        *(pki.folder / "out" / name / f"{name}.key" for name in ("sensor", "portal", "operator")),
    }
    assert set(keys) == ours


def test_an_authority_is_not_made_twice_nor_among_other_things(pki: Authority, tmp_path: Path) -> None:
    before = (pki.folder / "ca.key").read_bytes()
    with pytest.raises(ValueError, match="PKI holds an authority already"):
        create_authority(pki.folder, "Test", 10)
    assert (pki.folder / "ca.key").read_bytes() == before
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thing").touch()
    with pytest.raises(ValueError, match="full is not empty; expected a new folder"):
        create_authority(tmp_path / "full", "Test", 10)
    with pytest.raises(NotADirectoryError, match="thing is a file; expected a folder"):
        create_authority(tmp_path / "full" / "thing", "Test", 10)
    (tmp_path / "empty").mkdir()
    create_authority(tmp_path / "empty", "Test", 10)
    assert create_authority(tmp_path / "deep" / "er", "Test", 10).log().issued == []


def test_of_several_who_make_it_at_once_one_does(tmp_path: Path) -> None:
    outcomes: list[str] = []
    barrier = threading.Barrier(6)

    def make(number: int) -> None:
        barrier.wait()
        try:
            create_authority(tmp_path / "PKI", f"Test {number}", 10)
            outcomes.append("made")
        except ValueError as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=make, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("made") == 1
    assert all("expected a new folder" in outcome for outcome in outcomes if outcome != "made")
    assert names(tmp_path) == {"PKI"}
    assert Authority(tmp_path / "PKI").key


def test_several_processes_issue_and_revoke_at_once(pki: Authority) -> None:
    serial = credentials(pki, "portal").identity.serial
    words = [["issue", f"s{number}", "--role", "sensor"] for number in range(5)] + [["revoke", serial]]
    running = [
        subprocess.Popen([IMS, "pki", *line, "--folder", pki.folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for line in words
    ]
    for process in running:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    issued, problems = pki.log()
    assert problems == []
    assert {one.identity.name for one in issued} == {"sensor", "portal", "operator", *(f"s{n}" for n in range(5))}
    assert [one.identity.name for one in issued if one.revoked] == ["portal"]
    for number in range(5):
        assert credentials(pki, f"s{number}").identity.name == f"s{number}"


KILLED = """
import os, signal, sys
from pathlib import Path
from ims.pki.authority import Authority, create_authority
from ims.pki import certificate, pem, revoked_list

# Kill after each thing that a file system would notice, one process each.
what, folder = sys.argv[1], Path(sys.argv[2])
NOTICED = {"open", "os.rename", "os.mkdir", "os.remove", "fcntl.flock"}
number = 0
while True:
    number += 1
    here = folder / str(number)
    child = os.fork()
    if child == 0:
        left = number
        def audit(event, arguments):
            global left
            if event in NOTICED and (event != "open" or str(folder) in str(arguments[0])):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(audit)
        if what == "init":
            create_authority(here / "PKI", "Test", 10)
        elif what == "issue":
            Authority(here / "PKI").issue("new", "sensor", here / "new")
        else:
            Authority(here / "PKI").revoke("7" * 32)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        sys.exit(os.waitstatus_to_exitcode(status))
    print(number, flush=True)
"""


def killed_at_every_step(what: str, folder: Path, prepared: Path | None) -> list[Path]:
    """Folders in which a process was killed, each a step later than in the one before."""
    for number in range(1, 60):
        (folder / str(number)).mkdir(parents=True)
        if prepared is not None:
            shutil.copytree(prepared, folder / str(number) / "PKI")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, what, str(folder)], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    steps = [int(line) for line in done.stdout.split()]
    assert 5 < len(steps) < 59
    return [folder / str(step) for step in steps]


def test_killed_while_issuing_it_is_whole_and_issues_again(pki: Authority, tmp_path: Path) -> None:
    unfinished = logged = handed_out = 0
    for here in killed_at_every_step("issue", tmp_path / "steps", pki.folder):
        authority = Authority(here / "PKI")
        issued, problems = authority.log()
        assert problems == []
        new = [one for one in issued if one.identity.name == "new"]
        complete = (here / "new" / "new.key").exists()
        logged += len(new)
        handed_out += complete
        if complete:
            assert Credentials.read(*files(here / "new", "new")).identity == new[0].identity
            (here / "new" / "new.key").unlink()
        unfinished += any(path.name.startswith(".") for path in here.rglob("*"))
        again, _ = authority.issue("new", "sensor", here / "new")
        assert Credentials.read(*files(here / "new", "new")).identity == again.identity
        assert names(here / "new") == {"ca.pem", "new.key", "new.pem", "revoked.pem"}
        assert not any(path.name.startswith(".") for path in here.rglob("*"))
    assert unfinished
    assert logged > handed_out > 0


def test_killed_while_revoking_the_list_is_the_old_or_the_new(pki: Authority, tmp_path: Path) -> None:
    pki.revoke(credentials(pki, "portal").identity.serial)
    lengths = set()
    for here in killed_at_every_step("revoke", tmp_path / "steps", pki.folder):
        authority = Authority(here / "PKI")
        lengths.add(len(authority.revoked()))
        authority.revoke("6" * 32)
        assert names(here / "PKI") == names(pki.folder)
    assert lengths == {1, 2}


def test_killed_while_it_is_made_there_is_a_whole_authority_or_none(tmp_path: Path) -> None:
    whole = 0
    for here in killed_at_every_step("init", tmp_path, None):
        if (here / "PKI").exists():
            whole += 1
        else:
            create_authority(here / "PKI", "Test", 10)
        assert Authority(here / "PKI").issue("a", "sensor", days=1)
    assert whole


def test_a_name_may_be_issued_again_before_its_end(pki: Authority, tmp_path: Path) -> None:
    first = credentials(pki, "sensor").identity
    with pytest.raises(ValueError, match=r"sensor.key is there already; move it away, or give another --out"):
        pki.issue("sensor", "sensor")
    second, folder = pki.issue("sensor", "sensor", tmp_path / "next")
    assert folder == tmp_path / "next"
    assert {one.identity.serial for one in pki.find("sensor")} == {first.serial, second.identity.serial}
    [found] = pki.find(":".join(first.serial[at : at + 2] for at in range(0, 32, 2)).upper())
    assert found.identity == first


def test_what_can_not_be_issued_leaves_nothing(pki: Authority, foreign: Authority, tmp_path: Path) -> None:
    before = modes(pki.folder)
    (tmp_path / "file").touch()
    for name, role, out, days, says in [
        ("a/b", "sensor", None, 1, "name 'a/b'"),
        ("..", "sensor", None, 1, "name '..'"),
        ("a", "root", None, 1, "role 'root': expected one of sensor, portal, operator"),
        ("7" * 32, "sensor", None, 1, "looks like a serial number"),
        ("a", "sensor", pki.folder, 1, "is the authority's own folder"),
        ("a", "sensor", foreign.folder / "out" / "sensor", 1, "ca.pem is another authority's"),
        ("a", "sensor", tmp_path / "file", 1, "file is a file; expected a folder"),
        ("a", "sensor", tmp_path / "out", 36500, "is no longer valid; expected 3649 at most"),
    ]:
        with pytest.raises((ValueError, OSError)) as caught:
            pki.issue(name, role, out, days)
        assert says in str(caught.value)
    assert not (tmp_path / "out").exists()
    lock = {"lock": 0o600}
    assert modes(pki.folder) == before | lock


def test_reading_needs_no_private_key_and_changing_does(pki: Authority) -> None:
    (pki.folder / "ca.key").unlink()
    assert len(Authority(pki.folder).log().issued) == 3
    for change in (lambda: Authority(pki.folder).issue("a", "sensor"), lambda: Authority(pki.folder).revoke("7" * 32)):
        with pytest.raises(FileNotFoundError, match=r"ca.key isn't there; expected a private key"):
            change()


def test_a_key_that_others_may_read_or_that_is_another_s_signs_nothing(pki: Authority) -> None:
    (pki.folder / "ca.key").chmod(0o644)
    with pytest.raises(PermissionError, match=r"ca.key is accessible to others \(mode 0644\)"):
        pki.issue("a", "sensor")
    (pki.folder / "ca.key").write_bytes(key_pem(new_key()))
    (pki.folder / "ca.key").chmod(0o600)
    with pytest.raises(ValueError, match=r"ca.key is not the private key of .*ca.pem"):
        pki.issue("a", "sensor")


def test_a_damaged_list_is_never_replaced_by_an_empty_one(pki: Authority) -> None:
    path = pki.folder / "revoked.pem"
    for octets in (b"", path.read_bytes()[:-40], None):
        path.unlink()
        if octets is not None:
            path.write_bytes(octets)
        for change in (lambda: pki.issue("a", "sensor"), lambda: pki.revoke("7" * 32)):
            with pytest.raises((ValueError, OSError), match=r"revoked.pem"):
                change()
        assert (path.read_bytes() if path.exists() else None) == octets
        path.touch()


def test_a_damaged_copy_is_said_and_the_others_are_listed(pki: Authority, foreign: Authority) -> None:
    serial = credentials(pki, "sensor").identity.serial
    (pki.folder / "issued" / f"{serial}.pem").write_bytes(b"")
    stranger = next((foreign.folder / "issued").iterdir())
    shutil.copy(stranger, pki.folder / "issued")
    issued, problems = pki.log()
    assert [one.identity.name for one in issued] == ["operator", "portal"]
    assert len(problems) == 2
    assert any("holds no certificate in PEM; it is empty; left out" in line for line in problems)
    assert any("was not issued by this authority; left out" in line for line in problems)


def test_revoking_again_changes_nothing(pki: Authority) -> None:
    serial = credentials(pki, "portal").identity.serial
    assert pki.revoke(serial)
    before = (pki.folder / "revoked.pem").read_bytes()
    assert not pki.revoke(serial.upper())
    assert (pki.folder / "revoked.pem").read_bytes() == before
    with pytest.raises(ValueError, match="serial 'portal': expected 32 hexadecimal digits"):
        pki.revoke("portal")


def test_an_ended_authority_signs_nothing(tmp_path: Path, now: datetime) -> None:
    authority = create_authority(tmp_path / "PKI", "Test", 10)
    later = now + timedelta(days=11)
    for change in (lambda: authority.issue("a", "sensor", now=later), lambda: authority.revoke("7" * 32, now=later)):
        with pytest.raises(ValueError, match=r"the authority 'Test' expired on .*clock says"):
            change()


@pytest.mark.parametrize("folder", ["/etc", "/usr/lib/PKI", "/bin", "/var/lib", "/"])
def test_nothing_is_made_in_a_folder_of_the_system(folder: str, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    authority = create_authority(tmp_path / "PKI", "x", 10)
    for named in (Path(folder), tmp_path / "link"):
        with pytest.raises(ValueError, match="belongs to the system; expected a folder of its own for the authority"):
            create_authority(named, "x", 10)
        if folder not in ("/var/lib", "/"):  # four files are nobody's harm there, nor on a stick in /mnt
            with pytest.raises(ValueError, match="belongs to the system; expected a folder of its own for certificate"):
                authority.issue("a", "sensor", named)
    assert authority.log().issued == []


def test_a_copy_without_its_log_has_issued_nothing_it_knows_of(tmp_path: Path) -> None:
    """git, and some backups, keep no empty folder."""
    authority = create_authority(tmp_path / "PKI", "x", 10)
    (tmp_path / "PKI" / "issued").rmdir()
    assert authority.log() == ([], [])
    assert authority.find("a") == []
