from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ims.pki.authority import Authority
from ims.pki.credentials import Credentials, expiry_warnings

from .conftest import ROLES, credentials, files


@pytest.mark.parametrize("role", ROLES)
def test_what_was_issued_is_read(pki: Authority, role: str) -> None:
    read = Credentials.read(*files(pki.folder / "out" / role, role), roles=[role])
    assert read.identity.role == read.identity.name == role
    assert read.days_left == 364
    assert read.expires == read.parsed.not_valid_after_utc
    assert read.ca == pki.pem


def test_they_are_frozen_and_do_not_show_the_key(pki: Authority) -> None:
    read = credentials(pki, "sensor")
    with pytest.raises(dataclasses.FrozenInstanceError):
        read.key = b""  # type: ignore[misc]
    assert "PRIVATE" not in repr(read)


def test_each_fault_is_said_in_one_line(pki: Authority, foreign: Authority, tmp_path: Path) -> None:
    certificate, key, ca = files(pki.folder / "out" / "sensor", "sensor")
    other_key = files(pki.folder / "out" / "portal", "portal")[1]
    open_key = tmp_path / "open.key"
    open_key.write_bytes(key.read_bytes())
    open_key.chmod(0o644)
    none = tmp_path / "none.pem"
    cases = [
        (none, key, ca, ROLES, "none.pem isn't there; expected a certificate"),
        (certificate, none, ca, ROLES, "none.pem isn't there; expected a private key"),
        (certificate, key, none, ROLES, "none.pem isn't there; expected an authority"),
        (certificate, open_key, ca, ROLES, "open.key is accessible to others (mode 0644); expected `chmod 600"),
        (key, key, ca, ROLES, "sensor.key holds no certificate in PEM; found a private key"),
        (certificate, key, key, ROLES, "sensor.key holds no certificate in PEM"),
        (certificate, other_key, ca, ROLES, "portal.key is not the private key of"),
        (certificate, key, certificate, ROLES, "holds the certificate of 'sensor', which is no authority"),
        (certificate, key, foreign.folder / "ca.pem", ROLES, "sensor.pem was not issued by the authority 'Test' of"),
        (certificate, key, ca, ("portal", "operator"), "has the role sensor; expected portal or operator"),
        (ca, pki.folder / "ca.key", ca, ROLES, "ca.pem: it names no role"),
    ]
    for *paths, roles, says in cases:
        with pytest.raises((ValueError, OSError)) as caught:
            Credentials.read(*paths, roles=roles)
        assert says in str(caught.value)
        assert "\n" not in str(caught.value)


def test_the_clock_is_named_where_dates_are_wrong(pki: Authority, now: datetime) -> None:
    with pytest.raises(ValueError, match=r"sensor.pem expired on \S+Z; this machine's clock says \S+Z$"):
        credentials(pki, "sensor", now + timedelta(days=366))
    with pytest.raises(ValueError, match=r"sensor.pem is not valid before \S+Z; this machine's clock says \S+Z$"):
        credentials(pki, "sensor", now - timedelta(days=2))


def test_a_clock_an_hour_behind_is_good_enough(pki: Authority, now: datetime) -> None:
    assert credentials(pki, "sensor", now - timedelta(hours=1))


def test_an_authority_may_be_replaced_by_another(pki: Authority, foreign: Authority, tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(foreign.pem + pki.pem)
    for authority in (pki, foreign):
        certificate, key, _ = files(authority.folder / "out" / "portal", "portal")
        assert Credentials.read(certificate, key, both).identity.name == "portal"


def test_warnings_begin_thirty_days_before_the_end(pki: Authority) -> None:
    read = credentials(pki, "sensor")
    serial = read.identity.serial
    assert expiry_warnings(read, read.expires - timedelta(days=30, seconds=1)) == []
    for left, says in {
        timedelta(days=30): "expires in 30 days",
        timedelta(days=1, seconds=5): "expires in 1 day,",
        timedelta(seconds=5): "expires today",
        timedelta(seconds=-5): "expired, on",
    }.items():
        [line] = expiry_warnings(read, read.expires - left)
        assert line.startswith(f"the certificate of sensor sensor ({serial}) ")
        assert says in line
        assert line.endswith("renew it with `ims pki issue sensor --role sensor`")


def test_an_authority_s_end_is_warned_of_too(pki: Authority) -> None:
    end = pki.certificate.not_valid_after_utc
    lines = expiry_warnings(credentials(pki, "sensor"), end - timedelta(days=3))
    assert len(lines) == 2
    assert lines[1].startswith("the authority 'Test' expires in 3 days")
