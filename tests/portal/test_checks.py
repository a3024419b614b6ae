"""What a portal looks at before it starts: each file is named that won't do, and nothing is changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from ims.pki.authority import create_authority
from ims.portal.auth.accounts import Accounts
from ims.portal.checks import needs, portal_checks
from ims.portal.config import PortalConfig, checked_portal
from ims.process.file_access import Way
from ims.process.start_checks import refuse

from ..origin.mmdb_files import country, write_mmdb
from .test_doctor import config

__all__ = ["config"]  # a fixture


@pytest.mark.parametrize("scheme", ["", "file://", "FILE://"])
def test_a_lake_in_a_folder_is_tried_whole_however_it_is_named(
    tmp_path: Path, config: PortalConfig, scheme: str
) -> None:
    lake = tmp_path / "a lake"
    uri = f"{scheme}{str(lake).replace(' ', '%20') if scheme else lake}"
    data = config.model_dump(exclude_defaults=True) | {"lake": {"uri": uri}}
    [need] = [need for need in needs(checked_portal(data)) if need.named == "the lake"]
    assert (need.path, need.way) == (lake, Way.READ_ALL)


def test_a_lake_in_a_bucket_is_no_file(config: PortalConfig) -> None:
    data = config.model_dump(exclude_defaults=True) | {"lake": {"uri": "s3://bucket/prefix"}}
    assert "the lake" not in [need.named for need in needs(checked_portal(data))]


def said(config: PortalConfig, subject: str, **settings: Any) -> str:
    """What the check of this subject says that is wrong, or else what is well."""
    [check] = [check for check in portal_checks(changed(config, **settings)) if check.subject == subject]
    try:
        return check.look()
    except (OSError, ValueError) as error:
        assert "\n" not in str(error)
        return str(error)


def changed(config: PortalConfig, **settings: Any) -> PortalConfig:
    return checked_portal(config.model_dump(exclude_defaults=True) | settings)


def test_nothing_is_changed_by_looking(tmp_path: Path, config: PortalConfig) -> None:
    before = sorted(tmp_path.rglob("*"))
    refuse(portal_checks(config))
    assert sorted(tmp_path.rglob("*")) == before


def https(folder: Path, certificate: str, key: str) -> dict[str, Any]:
    return {"listen": "127.0.0.1:8443", "https": {"certificate": folder / certificate, "key": folder / key}}


def test_a_key_of_another_certificate_and_files_that_are_none_are_named(tmp_path: Path, config: PortalConfig) -> None:
    """The server would fail when the first caller comes, or with OpenSSL's words."""
    authority = create_authority(tmp_path / "PKI", "Test", 900)
    for name in ("a", "b"):
        authority.issue(name, "portal", tmp_path)
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("no PEM\n")
    both = said(config, "https", **https(tmp_path, "a.pem", "a.key"))
    assert both == f"{tmp_path}/a.pem and {tmp_path}/a.key belong together"
    other = said(config, "https", **https(tmp_path, "a.pem", "b.key"))
    assert f"{tmp_path}/b.key is not the private key of {tmp_path}/a.pem" in other
    for name in ("absent", "empty", "text", "PKI"):
        assert f"{tmp_path / name}" in said(config, "https", **https(tmp_path, name, "a.key"))
        assert f"{tmp_path / name}" in said(config, "https", **https(tmp_path, "a.pem", name))


def test_a_key_under_a_password_is_refused_by_its_name(tmp_path: Path, config: PortalConfig) -> None:
    create_authority(tmp_path / "PKI", "Test", 900).issue("a", "portal", tmp_path)
    key = load_pem_private_key((tmp_path / "a.key").read_bytes(), None)
    secret = BestAvailableEncryption(b"secret")
    (tmp_path / "a.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, secret))
    assert f"{tmp_path}/a.key" in said(config, "https", **https(tmp_path, "a.pem", "a.key"))


def test_without_an_account_only_loopback_is_listened_on(tmp_path: Path, config: PortalConfig) -> None:
    create_authority(tmp_path / "PKI", "Test", 900).issue("a", "portal", tmp_path)
    everywhere = https(tmp_path, "a.pem", "a.key") | {"listen": "0.0.0.0:8443"}  # is not listened on
    assert said(config, "accounts") == ""
    assert "ims account add" in said(config, "accounts", **everywhere)
    accounts = Accounts(config.accounts)
    assert "ims account add" in said(config, "accounts", **everywhere)
    accounts.add("alice", "operator", "correct horse battery")
    accounts.close()
    assert said(config, "accounts", **everywhere) == f"{config.accounts} holds accounts"


def test_accounts_that_others_may_read_or_that_are_none_are_named(config: PortalConfig) -> None:
    config.accounts.touch(0o644)
    assert "chmod 600" in said(config, "accounts")
    config.accounts.chmod(0o600)
    config.accounts.write_bytes(b"not a database at all" * 100)
    assert f"{config.accounts} doesn't hold accounts" in said(config, "accounts")


@pytest.mark.parametrize("name", ["audit.jsonl", "audit-unknown.jsonl"])
def test_an_audit_log_that_is_a_link_or_a_folder_is_refused(tmp_path: Path, config: PortalConfig, name: str) -> None:
    (tmp_path / name).symlink_to(tmp_path / "elsewhere")
    assert f"{tmp_path / name} is a link" in said(config, "audit")
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    assert f"{tmp_path / name} is a folder" in said(config, "audit")


def test_all_that_a_portal_writes_is_tried(tmp_path: Path, config: PortalConfig) -> None:
    written = {need.path for need in needs(changed(config, export_folder=tmp_path)) if need.way is Way.CHANGE}
    assert written == {config.accounts, config.audit, tmp_path}


def test_files_that_tell_countries_are_read_before_a_start(tmp_path: Path, config: PortalConfig) -> None:
    good = write_mmdb(tmp_path / "x.mmdb", {"192.0.2.0/24": country("XA")}, name="GeoLite2-Country")
    assert said(config, "mmdb") == ""
    assert said(config, "mmdb", mmdb=[good]).startswith(f"{good}: GeoLite2-Country of 20")
    assert said(config, "mmdb", mmdb=[good, tmp_path / "absent"]) == f"{tmp_path / 'absent'}: No such file or directory"
    (tmp_path / "text").write_text("no such file")
    assert f"{tmp_path / 'text'} isn't in MMDB format" in said(config, "mmdb", mmdb=[tmp_path / "text"])
    assert good in [need.path for need in needs(changed(config, mmdb=[good])) if need.way is Way.READ]
