from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ims.pki.authority import Authority
from ims.pki.report import COLUMNS, show_file, show_log

from .conftest import credentials
from .test_certificate import needs_openssl, openssl


def states(pki: Authority, now: datetime) -> dict[str, str]:
    return {row["name"]: row["state"] for row in show_log(pki.folder, None, now).rows}


def test_each_certificate_has_a_row(pki: Authority, now: datetime) -> None:
    pki.revoke(credentials(pki, "portal").identity.serial)
    shown = show_log(pki.folder, None, now)
    assert [tuple(row) for row in shown.rows] == [COLUMNS] * 3
    assert states(pki, now) == {"operator": "valid", "portal": "revoked", "sensor": "valid"}
    assert set(states(pki, now - timedelta(days=2)).values()) == {"not yet valid", "revoked"}
    assert set(states(pki, now + timedelta(days=366)).values()) == {"expired", "revoked"}
    [row] = show_log(pki.folder, "sensor", now).rows
    assert show_log(pki.folder, row["serial"].upper(), now).rows == [row]
    assert row["serial"] == credentials(pki, "sensor").identity.serial
    assert shown.warnings == []


@needs_openssl
def test_fingerprints_are_openssl_s(pki: Authority, now: datetime) -> None:
    [row] = show_log(pki.folder, "sensor", now).rows
    words = ["x509", "-in", pki.folder / "issued" / f"{row['serial']}.pem", "-noout", "-fingerprint", "-sha256"]
    assert openssl(*words).split("=")[1].strip().replace(":", "").lower() == row["fingerprint"]


def test_what_ends_soon_is_warned_of_until_it_is_replaced_revoked_or_long_gone(pki: Authority, now: datetime) -> None:
    later = now + timedelta(days=350)
    assert len(show_log(pki.folder, None, later).warnings) == 3
    pki.revoke(credentials(pki, "portal").identity.serial)
    pki.issue("operator", "operator", pki.folder / "again", now=later)
    [line] = show_log(pki.folder, None, later).warnings
    assert "sensor sensor" in line
    assert "expires in 1" in line
    assert "expired, on" in show_log(pki.folder, None, now + timedelta(days=370)).warnings[0]
    assert show_log(pki.folder, "sensor", now + timedelta(days=400)).warnings == []
    assert "authority 'Test' expires in" in show_log(pki.folder, None, now + timedelta(days=3640)).warnings[0]


def test_who_is_unknown_is_said_with_who_is_known(pki: Authority) -> None:
    with pytest.raises(
        ValueError, match="issued nothing to 'nobody'; it has issued certificates to operator, portal, sensor"
    ):
        show_log(pki.folder, "nobody")


def test_a_file_is_held_to_the_list_beside_it(
    pki: Authority, foreign: Authority, tmp_path: Path, now: datetime
) -> None:
    away = Path(shutil.copytree(pki.folder / "out" / "portal", tmp_path / "away"))
    none = tmp_path / "no folder"
    [row] = show_file(away / "portal.pem", none, now).rows
    assert (row["state"], row["role"], row["revoked"]) == ("valid", "portal", None)
    pki.revoke(row["serial"])
    assert show_file(away / "portal.pem", pki.folder, now).rows[0]["state"] == "revoked"
    shutil.copy(pki.folder / "revoked.pem", away)
    assert show_file(away / "portal.pem", none, now).rows[0]["state"] == "revoked"
    shown = show_file(away / "portal.pem", foreign.folder, now)
    assert shown.rows[0]["state"] == "foreign"
    assert "was not issued by the authority of" in shown.warnings[0]
    (away / "ca.pem").unlink()
    shown = show_file(away / "portal.pem", none, now)
    assert shown.rows[0]["state"] == "unknown"
    assert "is unknown" in shown.warnings[0]


def test_an_authority_s_own_certificate_is_shown(pki: Authority, now: datetime) -> None:
    [row] = show_file(pki.folder / "ca.pem", pki.folder, now).rows
    assert (row["name"], row["role"], row["state"]) == ("Test", "authority", "valid")
