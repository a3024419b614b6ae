"""`ims doctor` finds what would be in a query daemon's way, as the user it becomes finds it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ims.pki.authority import Authority, create_authority
from ims.process.doctor import Finding
from ims.queryd.config import checked_queryd
from ims.queryd.doctor import examine_queryd

from ..free_port import free_port
from ..stores import cli


def nobody_s_port() -> str:
    """Where nobody listens. What this machine has at the port of an installed daemon is not what is tested."""
    return f"127.0.0.1:{free_port()}"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = create_authority(tmp_path / "PKI", "Test", 900, now=datetime.now(UTC) - timedelta(days=60))
    for name, role in (("a", "sensor"), ("portal", "portal")):
        made.issue(name, role, tmp_path / name)
    return made


def tls(place: Path) -> dict[str, Any]:
    name = place.name
    return {"certificate": place / f"{name}.pem", "key": place / f"{name}.key", "ca": place / "ca.pem",
            "revoked": place / "revoked.pem"}  # fmt: skip


def wrong(found: Iterable[Finding]) -> dict[str, str]:
    """What isn't right, by subject; but for the user, who differs from machine to machine."""
    return {f.subject: f"{f.level}: {f.found}" for f in found if f.level != "ok" and f.subject != "user"}


def queryd(place: Path, store: Path, **settings: Any) -> dict[str, str]:
    data = (
        {"store": store, "tls": tls(place / "a"), "listen": nobody_s_port()}
        | ({"user": "root"} if os.geteuid() == 0 else {})
        | settings
    )
    return wrong(examine_queryd(checked_queryd(data)))


def test_a_query_daemon_that_is_well(tmp_path: Path, one_store: Path, authority: Authority) -> None:
    assert queryd(tmp_path, one_store) == {}


def test_an_emptied_heartbeat_is_told_of(tmp_path: Path, one_store: Path, authority: Authority) -> None:
    store = shutil.copytree(one_store, tmp_path / "S")
    heartbeat = next((store / "_state").glob("sensor=*")) / "heartbeat"
    heartbeat.write_bytes(b"")
    assert queryd(tmp_path, store)["store"].startswith(f"warning: {heartbeat}: it was emptied, so no answer says what ")


def test_what_is_wrong_with_a_list_is_said_of_it(tmp_path: Path, one_store: Path, authority: Authority) -> None:
    listed = tmp_path / "a" / "revoked.pem"
    listed.write_text("no list")
    assert queryd(tmp_path, one_store) == {
        "revoked": f"wrong: {listed} is no list of revoked certificates in PEM, or a damaged one; all are refused"
    }
    listed.unlink()
    assert "isn't there" in queryd(tmp_path, one_store)["revoked"]


def test_a_certificate_of_another_role_and_a_store_that_is_none(tmp_path: Path, authority: Authority) -> None:
    found = queryd(tmp_path, tmp_path / "absent", tls=tls(tmp_path / "portal"))
    assert "has the role portal" in found["certificates"]
    assert found["store"].startswith("wrong: ")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user; CI is root")
def test_the_user_it_becomes_is_tried(tmp_path: Path, one_store: Path, authority: Authority) -> None:
    """pytest's folders are closed to others."""
    said = queryd(tmp_path, one_store, user="nobody")["access"]
    assert said.startswith("wrong: the list of revoked certificates") or said.startswith("wrong: the store")
    assert "by nobody, who this process becomes" in said
    assert "has mode 0700 and belongs to root:root" in said


def test_from_the_command_line(tmp_path: Path, one_store: Path) -> None:
    config = tmp_path / "queryd.toml"
    user, asked = ('user = "root"\n', {"user"}) if os.geteuid() == 0 else ("", set())
    config.write_text(f"{user}store = {json.dumps(str(one_store))}\nlisten = '{nobody_s_port()}'\n")
    done = cli("doctor", "--queryd", config, "--format", "json")
    assert done.returncode == 0, done.stderr
    assert {found["subject"] for found in json.loads(done.stdout)} == {"access", "listen", "store"} | asked
    done = cli("doctor")
    assert (done.returncode, done.stderr) == (2, "ims: expected --config FILE, or --ship DIR --to URI\n")
