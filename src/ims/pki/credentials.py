"""A daemon's certificate, private key and trusted authorities: read once and checked."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from cryptography import x509

from ims.link.identity import ROLES, Identity
from ims.pki.certificate import check_dates, common_name, common_names, identity_of, is_authority, issuer_of, moment
from ims.pki.pem import parse_certificate, parse_certificates, parse_key, read_file, read_secret
from ims.text import quantity

WARN_WITHIN = timedelta(days=30)


@dataclass(frozen=True)
class Credentials:
    """PEM texts, as TLS takes them. `read` makes checked ones."""

    certificate: bytes
    key: bytes = field(repr=False)
    ca: bytes

    @classmethod
    def read(
        cls, certificate: Path, key: Path, ca: Path, *, roles: Collection[str] = ROLES, now: datetime | None = None
    ) -> Credentials:
        """Read three files and check them against each other, the clock and the expected roles.

        `ca` may hold several authorities, while one is replaced by another. Raises ValueError or OSError, with one
        line, for a file that is missing, unreadable or no PEM; a key that others may read or of another certificate; a
        certificate that none of the authorities issued, that is expired, not yet valid, or for another role.
        """
        made = cls(read_file(certificate, "a certificate"), read_secret(key), read_file(ca, "an authority"))
        own = parse_certificate(made.certificate, certificate)
        authorities = parse_authorities(made.ca, ca)
        now = now or datetime.now(UTC)
        if parse_key(made.key, key).public_key() != own.public_key():
            raise ValueError(f"{key} is not the private key of {certificate}")
        issuer = issuer_of(own, authorities)
        if issuer is None:
            raise ValueError(f"{certificate} was not issued by the authority {common_names(authorities)} of {ca}")
        check_dates(own, certificate, now)
        check_dates(issuer, f"the authority of {ca}", now)
        try:
            identity = identity_of(own)
        except ValueError as error:
            raise ValueError(f"{certificate}: {error}") from None
        if identity.role not in roles:
            raise ValueError(f"{certificate} has the role {identity.role}; expected {' or '.join(roles)}")
        return made

    @cached_property
    def parsed(self) -> x509.Certificate:
        """The certificate."""
        return parse_certificate(self.certificate, "the certificate")

    @cached_property
    def identity(self) -> Identity:
        """Role, name and serial number."""
        return identity_of(self.parsed)

    @property
    def expires(self) -> datetime:
        """The certificate's last second."""
        return self.parsed.not_valid_after_utc

    @property
    def days_left(self) -> int:
        """Whole days until then; negative once it is past."""
        return (self.expires - datetime.now(UTC)).days


def parse_authorities(pem: bytes, named: object) -> list[x509.Certificate]:
    """The authorities of a PEM text, at least one; `named`: for errors. Raises ValueError."""
    found = parse_certificates(pem, named)
    for certificate in found:
        if not is_authority(certificate):
            raise ValueError(f"{named} holds the certificate of {common_name(certificate)!r}, which is no authority")
    return found


def expiry_warnings(credentials: Credentials, now: datetime) -> list[str]:
    """A line for the certificate, and one for each authority, that ends within 30 days or has ended."""
    who = credentials.identity
    renew = f"renew it with `ims pki issue {who.name} --role {who.role}`"
    authorities = parse_authorities(credentials.ca, "ca.pem")
    return [line for each in (credentials.parsed, *authorities) for line in expiry_warning(each, now, renew)]


def expiry_warning(certificate: x509.Certificate, now: datetime, advice: str) -> list[str]:
    """One line, if the certificate ends within 30 days or has ended. `advice`: for one that is no authority's."""
    until = certificate.not_valid_after_utc
    if until - now > WARN_WITHIN:
        return []
    if is_authority(certificate):
        named, advice = f"the authority {common_name(certificate)!r}", "what it issued ends with it"
    else:
        who = identity_of(certificate)
        named = f"the certificate of {who.role} {who.name} ({who.serial})"
    days = (until - now).days
    left = "today" if days == 0 else f"in {quantity(days, 'day')}"
    return [f"{named} {'expired' if until < now else f'expires {left}'}, on {moment(until)}; {advice}"]
