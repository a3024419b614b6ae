"""Certificates as `ims pki show` prints them: a row each, and warnings."""

from __future__ import annotations

from collections import ChainMap
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509

from ims.pki.authority import Authority
from ims.pki.certificate import common_name, fingerprint, identity_of, is_authority, issuer_of, moment, serial_text
from ims.pki.credentials import WARN_WITHIN, expiry_warning, parse_authorities
from ims.pki.pem import parse_certificate, read_file
from ims.pki.revoked_list import read_lists, serials_of

COLUMNS = ("name", "role", "serial", "state", "since", "until", "days_left", "revoked", "fingerprint")
"""`revoked`: since when; `state`: valid, revoked, expired, not yet valid, foreign, or unknown if there is no list."""
RENEW = "issue another"


class CertificateRow(NamedTuple):
    """Rows of COLUMNS, a sentence about the authority, and warnings."""

    rows: list[dict[str, Any]]
    authority: str
    warnings: list[str]


def show_log(folder: Path, what: str | None, now: datetime | None = None) -> CertificateRow:
    """What the authority issued: all, or a name's or serial number's. Raises ValueError or OSError."""
    now = now or datetime.now(UTC)
    authority = Authority(folder)
    issued, problems = authority.log()
    if what is not None:
        issued = authority.find(what)
        if not issued:
            raise authority.unknown(what)
    rows, warnings = [], problems
    for one in issued:
        rows.append(_row(one.certificate, one.identity.name, one.identity.role, now, one.revoked))
        replaced = any(
            other.identity[:2] == one.identity[:2]
            and other.revoked is None
            and other.certificate.not_valid_after_utc > one.certificate.not_valid_after_utc
            for other in issued
        )
        long_gone = now - one.certificate.not_valid_after_utc > WARN_WITHIN
        if one.revoked is None and not replaced and not long_gone:
            warnings += expiry_warning(one.certificate, now, RENEW)
    warnings += expiry_warning(authority.certificate, now, RENEW)
    return CertificateRow(rows, _sentence(authority.certificate), warnings)


def show_file(path: Path, folder: Path, now: datetime | None = None) -> CertificateRow:
    """A certificate in a file; ca.pem and revoked.pem of the authority's folder or else beside it, if they are there.
    Raises ValueError or OSError."""
    now = now or datetime.now(UTC)
    certificate = parse_certificate(read_file(path, "a certificate"), path)
    if is_authority(certificate):
        row = _row(certificate, common_name(certificate), "authority", now, None)
        return CertificateRow([row], "", expiry_warning(certificate, now, RENEW))
    try:
        identity = identity_of(certificate)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    row = _row(certificate, identity.name, identity.role, now, None)
    home = next((place for place in (folder, path.parent) if (place / "ca.pem").exists()), None)
    if home is None:
        row["state"] = "unknown" if row["state"] == "valid" else row["state"]
        unknown = f"no ca.pem in {folder} nor beside {path}: whether it is issued by yours, or revoked, is unknown"
        return CertificateRow([row], "", [unknown, *expiry_warning(certificate, now, RENEW)])
    authorities = parse_authorities(read_file(home / "ca.pem", "an authority"), home / "ca.pem")
    issuer = issuer_of(certificate, authorities)
    if issuer is None:
        row["state"] = "foreign"
        return CertificateRow([row], "", [f"{path} was not issued by the authority of {home / 'ca.pem'}"])
    lists = read_lists(read_file(home / "revoked.pem", "the authority's list"), authorities, home / "revoked.pem")
    revoked = ChainMap(*map(serials_of, lists)).get(identity.serial)
    row = _row(certificate, identity.name, identity.role, now, revoked)
    return CertificateRow([row], _sentence(issuer), [] if revoked else expiry_warning(certificate, now, RENEW))


def _row(
    certificate: x509.Certificate, name: str, role: str, now: datetime, revoked: datetime | None
) -> dict[str, Any]:
    since, until = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    state = "revoked" if revoked else "expired" if until < now else "not yet valid" if now < since else "valid"
    serial, days_left = serial_text(certificate.serial_number), (until - now).days
    row = (name, role, serial, state, since, until, days_left, revoked, fingerprint(certificate))
    return dict(zip(COLUMNS, row, strict=True))


def _sentence(authority: x509.Certificate) -> str:
    until = moment(authority.not_valid_after_utc)
    return f"authority {common_name(authority)!r}, until {until}, fingerprint {fingerprint(authority)}"
