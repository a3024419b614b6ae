"""What a query daemon looks at before it starts: the first thing that won't do is said in one line."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from ims.pki.authority import Authority
from ims.process.file_access import Way
from ims.process.start_checks import refuse
from ims.queryd.checks import certificate_check, needs, queryd_checks, read_credentials
from ims.queryd.config import QuerydConfig, checked_queryd

from .test_doctor import authority, nobody_s_port, tls

__all__ = ["authority"]  # a fixture
ROOT = {"user": "root"} if os.geteuid() == 0 else {}


def config(store: Path, **settings: Any) -> QuerydConfig:
    return checked_queryd({"store": store, "listen": nobody_s_port()} | ROOT | settings)


def found(config: QuerydConfig) -> str:
    """What the daemon's start ends with."""
    with pytest.raises((OSError, ValueError)) as caught:
        refuse(queryd_checks(config))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_store_is_only_looked_at(tmp_path: Path, one_store: Path, authority: Authority) -> None:
    store = shutil.copytree(one_store, tmp_path / "S")
    before = {path: path.stat().st_mtime_ns for path in sorted(store.rglob("*"))}
    refuse(queryd_checks(config(store, tls=tls(tmp_path / "a"))))
    assert {path: path.stat().st_mtime_ns for path in sorted(store.rglob("*"))} == before


def test_a_store_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    refuse(queryd_checks(config(tmp_path / "later")))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["/", "/etc", "/usr/share"])
def test_a_folder_of_the_system_is_no_store(place: str) -> None:
    assert f"{place} belongs to the system" in found(config(Path(place)))


def test_a_folder_of_something_else_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    assert f"{tmp_path} is not empty and no store" in found(config(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_another_sensor_s_store_is_refused_unless_it_is_named(
    tmp_path: Path, one_store: Path, authority: Authority
) -> None:
    authority.issue("b", "sensor", tmp_path / "b")
    own = tls(tmp_path / "b")
    assert "holds sensor 'a', but the certificate is that of sensor 'b'" in found(config(one_store, tls=own))
    refuse(queryd_checks(config(one_store, tls=own, sensors=["a"])))
    assert "`sensors` names b" in found(config(one_store, sensors=["b"]))


def test_a_certificate_is_said_with_its_name_and_its_end_and_another_role_s_is_refused(
    tmp_path: Path, one_store: Path, authority: Authority
) -> None:
    own = config(one_store, tls=tls(tmp_path / "a")).tls
    assert own is not None
    expires = read_credentials(own, "sensor").expires
    assert certificate_check(own, "sensor").look() == f"of sensor a, until {expires:%Y-%m-%d}"
    with pytest.raises(ValueError, match="sensor"):
        certificate_check(own, "portal").look()
    (tmp_path / "a" / "a.key").write_bytes((tmp_path / "portal" / "portal.key").read_bytes())
    assert f"{tmp_path / 'a' / 'a.key'}" in found(config(one_store, tls=tls(tmp_path / "a")))


def test_all_of_a_store_is_needed_but_what_only_a_sensor_writes_and_reads(
    tmp_path: Path, one_store: Path, authority: Authority
) -> None:
    [store] = needs(config(one_store))
    assert (store.path, store.way) == (one_store, Way.READ_ALL)
    assert "key" in store.without
    _, revoked = needs(config(one_store, tls=tls(tmp_path / "a")))
    assert (revoked.path, revoked.way) == (tmp_path / "a" / "revoked.pem", Way.READ)


def test_one_port_for_answers_and_metrics_is_refused(one_store: Path) -> None:
    port = nobody_s_port()
    assert "are the same" in found(config(one_store, listen=port, metrics=port))
