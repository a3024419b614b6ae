"""What root types on a daemon's files leaves nothing of root's there: the daemon's user goes on with them."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..stores import BLOCK, IMS, cli, udp, write_pcap

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root acts as another user; CI is root")
USER = "games"
PLAIN = os.environ | {"NUMBA_DISABLE_JIT": "1"}
"""A few packets are read faster by kernels that needn't be compiled for another user."""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder of that user's, as a daemon's is, and beside it a capture that root alone can read."""
    folder = Path(tempfile.mkdtemp(prefix="ims-owner-"))
    folder.chmod(0o755)
    (folder / "own").mkdir(mode=0o750)
    shutil.chown(folder / "own", USER, "daemon")
    capture = write_pcap(folder / "root.pcap", [(1_772_582_400 * 10**9, udp(0x01020304, 0xC6336407, 53, b"x"))])
    capture.chmod(0o600)
    yield folder
    shutil.rmtree(folder)


def of_others(folder: Path) -> dict[str, int]:
    """What isn't the user's, and whose it is."""
    own = pwd.getpwnam(USER).pw_uid
    paths = [folder, *folder.rglob("*")]
    return {str(path): path.lstat().st_uid for path in paths if path.lstat().st_uid != own}


def as_user(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """`ims` as that user, who may read this Python wherever it is."""
    caps = ["setpriv", "--reuid", USER, "--regid", "daemon", "--clear-groups"]
    caps += ["--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"]
    command = [*caps, str(IMS), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=PLAIN | {"HOME": "/"})


def root(*words: str | Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [IMS, *map(str, words)], capture_output=True, text=True, check=False, timeout=120, env=PLAIN
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


def test_a_store_and_what_is_shipped_from_it_are_the_folder_s_owner_s(place: Path) -> None:
    store, lake = place / "own" / "STORE", place / "own" / "LAKE"
    done = root("ingest", place / "root.pcap", "--store", store, "--sensor", "a", "--block", BLOCK)
    assert f"ims: root's command acts as {USER}, whose {store} is" in done.stderr
    assert of_others(place / "own") == {}
    assert store.stat().st_gid == (place / "own").stat().st_gid
    root("ship", "--store", store, "--to", lake)
    assert of_others(place / "own") == {}
    assert (store / "_state" / "sensor=a" / "ship.lock").exists()
    for words in (["query", "count", "--store", store], ["query", "coverage", "--store", store],
                  ["query", "count", "--lake", str(lake)], ["doctor", "--ship", store, "--to", str(lake)]):  # fmt: skip
        root(*words)
    assert of_others(place / "own") == {}
    again = as_user("ship", "--store", store, "--to", lake)
    assert again.returncode == 0, again.stderr
    assert as_user("ingest", place / "root.pcap", "--store", store, "--sensor", "b", "--block", BLOCK).returncode == 0


def test_a_replay_s_store_is_the_folder_s_owner_s(place: Path) -> None:
    store = place / "own" / "STORE"
    root("sensor", "--replay", place / "root.pcap", "--speed", "0", "--store", store, "--sensor", "a", "--block", BLOCK)
    assert store.is_dir()
    assert of_others(place / "own") == {}


def test_accounts_are_the_folder_s_owner_s_and_a_token_the_caller_s(place: Path) -> None:
    accounts, token = place / "own" / "accounts.db", place / "token"
    made = cli("account", "add", "alice", "--role", "operator", "--accounts", accounts, input="a long password\n")
    assert made.returncode == 0, made.stderr
    assert of_others(place / "own") == {}
    assert accounts.stat().st_mode & 0o777 == 0o600
    done = cli("account", "token", "alice", "--label", "x", "--out", token, "--accounts", accounts)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert (token.stat().st_mode & 0o777, token.stat().st_uid) == (0o600, 0)
    assert token.read_text().startswith("ims_")
    assert of_others(place / "own") == {}
    listed = as_user("account", "list", "--accounts", accounts, "--format", "csv")
    assert listed.returncode == 0, listed.stderr
    assert "alice,operator" in listed.stdout


def test_a_file_of_root_s_in_a_daemon_s_folder_is_refused_with_the_line_to_type(place: Path) -> None:
    accounts = place / "own" / "accounts.db"
    accounts.touch(0o600)
    done = cli("account", "list", "--accounts", accounts)
    assert done.returncode == 2
    line = f"chown -h {USER}:daemon {accounts}"
    assert f"type `{line}`" in done.stderr
    subprocess.run(line.split(), check=True)
    assert cli("account", "list", "--accounts", accounts).returncode == 0


def test_a_link_of_another_s_is_refused_and_no_line_to_type_gives_away_what_it_leads_to(place: Path) -> None:
    """Whoever owns the folder could have it lead to any file of root's."""
    secret = place / "root's own"
    secret.touch(0o600)
    accounts, store = place / "own" / "accounts.db", place / "own" / "linked"
    for link, target in ((accounts, secret), (store, place)):
        link.symlink_to(target)
        os.lchown(link, pwd.getpwnam(USER).pw_uid, -1)
    for done in (
        cli("account", "list", "--accounts", accounts),
        cli("ingest", place / "root.pcap", "--store", store, "--sensor", "a", "--block", BLOCK),
    ):
        assert done.returncode == 2
        assert "is a symbolic link of" in done.stderr
        assert "chown" not in done.stderr
    assert secret.stat().st_uid == 0


def test_a_lake_that_the_store_s_owner_can_t_make_is_refused_with_the_line_to_type(place: Path) -> None:
    store, lake = place / "own" / "STORE", place / "LAKE"
    root("ingest", place / "root.pcap", "--store", store, "--sensor", "a", "--block", BLOCK)
    done = cli("ship", "--store", store, "--to", lake)
    assert done.returncode == 2
    line = f"install -d -o {USER} {lake}"
    assert f"type `{line}` as root" in done.stderr
    subprocess.run(line.split(), check=True)
    root("ship", "--store", store, "--to", lake)
    assert of_others(lake) == of_others(place / "own") == {}


def test_what_is_root_s_stays_root_s(tmp_path: Path) -> None:
    accounts = tmp_path / "accounts.db"
    done = cli("account", "add", "alice", "--role", "operator", "--accounts", accounts, input="a long password\n")
    assert done.stderr == f"{accounts}: alice, operator\n"
    assert accounts.stat().st_uid == 0


def test_who_can_t_be_become_is_said_with_the_line_to_type(place: Path) -> None:
    words = ["setpriv", "--bounding-set", "-setuid,-setgid", IMS, "account", "list", "--accounts", place / "own" / "a"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"type `runuser -u {USER} -- ims account list --accounts {place}/own/a`" in done.stderr


def test_a_folder_of_the_system_is_no_store_and_no_lake(place: Path) -> None:
    for folder in ("/etc", "/var/lib", "/usr/lib/ims"):
        done = cli("ingest", place / "root.pcap", "--store", folder, "--sensor", "a", "--block", BLOCK)
        assert done.returncode == 2
        assert f"{folder} belongs to the system" in done.stderr


def test_a_token_replaces_no_file_and_leaves_none_where_there_is_no_account(place: Path) -> None:
    accounts, token = place / "own" / "accounts.db", place / "token"
    cli("account", "add", "alice", "--role", "operator", "--accounts", accounts, input="a long password\n")
    done = cli("account", "token", "bob", "--label", "x", "--out", token, "--accounts", accounts)
    assert done.returncode == 2
    assert "bob" in done.stderr
    assert not token.exists()
    token.write_text("mine")
    done = cli("account", "token", "alice", "--label", "x", "--out", token, "--accounts", accounts)
    assert (done.returncode, token.read_text()) == (2, "mine")
    assert "is there already" in done.stderr
