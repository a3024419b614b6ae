"""From root to a user who may do nothing: the kernel's own words say that it is so; and whose a store may be."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ims.process.privileges import prepare_store, refuse_owner, user_name, user_to_become

from .conftest import OTHER, USER, give

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user; CI is root")
NO_USER = 3_000_000_001
BECOME = """
import json, os, pwd, sys
from pathlib import Path
from ims.process.privileges import become, capabilities
name, stay = sys.argv[1], sys.argv[2] == "stay"
os.setgroups([0, 12])
become(pwd.getpwnam(name) if name else None, stay)
try:
    os.setuid(0)
    back = True
except PermissionError:
    back = False
status = dict(line.split(":\\t", 1) for line in Path("/proc/self/status").read_text().splitlines())
kept = ("Uid", "Gid", "Groups", "NoNewPrivs", "CapEff", "CapPrm", "CapAmb")
print(json.dumps({name: status[name].split() for name in kept} | {"back": back, "ours": capabilities()}))
"""


def after(name: str, stay: str = "") -> dict[str, object]:
    words = [sys.executable, "-c", BECOME, name, stay]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    found: dict[str, object] = json.loads(done.stdout)
    return found


@as_root
def test_there_is_no_way_back_from_another_user() -> None:
    found, user = after(OTHER), pwd.getpwnam(OTHER)
    assert found["Uid"] == [str(user.pw_uid)] * 4
    assert found["Gid"] == [str(user.pw_gid)] * 4
    assert (found["Groups"], found["NoNewPrivs"], found["back"]) == ([], ["1"], False)
    assert {int(value, 16) for name in ("CapEff", "CapPrm", "CapAmb") for value in found[name]} == {0}  # type: ignore[attr-defined]


@as_root
def test_who_stays_loses_root_s_powers_unless_they_are_asked_for() -> None:
    lost, kept = after(""), after("", "stay")
    assert (lost["CapEff"], lost["CapPrm"]) == (["0" * 16], ["0" * 16])
    assert kept["CapEff"] != lost["CapEff"]
    assert lost["NoNewPrivs"] == kept["NoNewPrivs"] == ["1"]
    for found in (lost, kept):
        assert {name: int(found[name][0], 16) for name in ("CapEff", "CapPrm", "CapAmb")} == {  # type: ignore[index]
            name: value for name, value in found["ours"].items() if name != "CapInh"  # type: ignore[attr-defined]
        }  # fmt: skip


@as_root
def test_the_user_to_become_is_the_named_one_and_never_root_unless_asked_for() -> None:
    assert user_to_become("root") is None
    named, usual = user_to_become(USER), user_to_become(None)
    assert named is not None
    assert usual is not None
    assert named.pw_name == USER
    assert usual.pw_name in ("ims", "nobody")
    with pytest.raises(ValueError, match="there is no user 'nobody-at-all'"):
        user_to_become("nobody-at-all")


def test_who_is_not_root_becomes_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert user_to_become("nobody-at-all") is None


def test_a_user_without_a_name_is_a_number() -> None:
    assert user_name(0) == "root"
    assert user_name(NO_USER) == f"user {NO_USER}"


@as_root
def test_a_store_of_another_is_refused_and_only_a_store_is_said_to_be_given_away(place: Path) -> None:
    user = pwd.getpwnam(OTHER)
    store = place / "own" / "a store"
    refuse_owner(store, user)  # absent
    store.mkdir()
    give(store, USER)
    refuse_owner(store, user)  # empty
    (store / "notes").touch()
    refuse_owner(store, pwd.getpwnam(USER))
    with pytest.raises(ValueError, match=f"belongs to {USER}, and the sensor becomes {OTHER}; it is no store") as said:
        refuse_owner(store, user)
    assert "chown" not in str(said.value)
    (store / "store.json").touch()
    with pytest.raises(ValueError, match=f"; chown -R {OTHER} '{store}', or set `user`$"):
        refuse_owner(store, user)
    with pytest.raises(ValueError, match=f"the sensor stays root.*set user = '{USER}'"):
        refuse_owner(store, None)
    os.chown(store, NO_USER, 0)
    with pytest.raises(ValueError, match=r"give it to root$"):
        refuse_owner(store, None)
    assert store.stat().st_uid == NO_USER


@as_root
def test_an_empty_store_is_given_and_a_full_one_left(place: Path) -> None:
    user, store = pwd.getpwnam(OTHER), place / "STORE"
    prepare_store(store, None)
    assert not store.exists()
    prepare_store(store, user)
    assert (store.stat().st_uid, store.stat().st_gid) == (user.pw_uid, user.pw_gid)
    (store / "file").touch()
    prepare_store(store, user)
    assert (store / "file").stat().st_uid == 0
    shutil.rmtree(store)
