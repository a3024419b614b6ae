"""The form of certificates (RFC 5280): the authority's own, and one for each sensor, portal and operator.

A sensor's certificate is only for servers, the others' only for clients (section 4.2.1.12), so a stolen one can't play
another role. The first subject alternative name is the identity (ims.link.identity), the second the host name that
clients ask for. Serial numbers are random, so they are unique across authorities.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ims.link.identity import Identity, check_identity, parse_identity

PURPOSES = {
    "sensor": ExtendedKeyUsageOID.SERVER_AUTH,
    "portal": ExtendedKeyUsageOID.CLIENT_AUTH,
    "operator": ExtendedKeyUsageOID.CLIENT_AUTH,
}
KEY_USES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip
BACKDATED = timedelta(days=1)
"""Certificates are valid from a day before they are made: a machine whose clock is behind can use them at once."""


def new_key() -> ec.EllipticCurvePrivateKey:
    """A private key on P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def new_serial() -> int:
    """127 random bits, the first three not all zero: always 32 hexadecimal digits, and positive in DER."""
    while True:
        serial = secrets.randbits(127)
        if serial >> 124:
            return serial


def serial_text(serial: int) -> str:
    """A serial number as identities write it."""
    return f"{serial:032x}"


def make_authority(key: ec.EllipticCurvePrivateKey, name: str, now: datetime, days: int) -> x509.Certificate:
    """An authority's own certificate; it may sign certificates, and none of them may. Raises ValueError for a name
    that isn't 1 to 64 printable characters (X.520), or for an end past the year 9999."""
    if not 1 <= len(name) <= 64 or not name.isprintable() or not name.strip():
        raise ValueError(f"name {name!r}: expected 1 to 64 printable characters")
    now = now.replace(microsecond=0)
    try:
        until = now + timedelta(days=days)
    except OverflowError:
        raise ValueError(f"{days} days from now is past the year 9999; expected fewer") from None
    builder = _builder(name, key.public_key(), new_serial(), now - BACKDATED, until)
    return (
        builder.issuer_name(_subject(name))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
        .sign(key, hashes.SHA256())
    )


def make_certificate(
    public_key: ec.EllipticCurvePublicKey,
    role: str,
    name: str,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    now: datetime,
    days: int,
) -> x509.Certificate:
    """A certificate for one daemon or person. Raises ValueError for a role or name that can't be, and where it would
    begin before or end after the authority's own."""
    serial = new_serial()
    identity = check_identity(role, name, serial_text(serial))
    now = now.replace(microsecond=0)
    check_dates(authority, f"the authority {common_name(authority)!r}", now)
    most = (authority.not_valid_after_utc - now).days
    if days > most:
        ended = f"{days} days from now the authority {common_name(authority)!r} is no longer valid"
        raise ValueError(f"{ended}; expected {most} at most")
    since = max(now - BACKDATED, authority.not_valid_before_utc)
    names = [x509.UniformResourceIdentifier(identity.uri), x509.DNSName(identity.hostname)]
    builder = _builder(name, public_key, serial, since, now + timedelta(days=days))
    return (
        builder.issuer_name(authority.subject)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage("digital_signature"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([PURPOSES[identity.role]]), critical=False)
        .add_extension(authority_identifier(authority), critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(
    name: str, key: ec.EllipticCurvePublicKey, serial: int, since: datetime, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_subject(name))
        .public_key(key)
        .serial_number(serial)
        .not_valid_before(since)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*allowed: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{use: use in allowed for use in KEY_USES})


def authority_identifier(authority: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """What points from a certificate or a list to the key that signed it. Raises ValueError."""
    try:
        found = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        raise ValueError(f"the authority {common_name(authority)!r} has no key identifier") from None
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(found)


def identity_of(certificate: x509.Certificate) -> Identity:
    """Who a certificate belongs to. Raises ValueError where its names, serial number and purpose don't agree."""
    try:
        names = list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
        purposes = list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except (x509.ExtensionNotFound, x509.UnsupportedGeneralNameType, ValueError):
        raise ValueError("it names no role: no certificate of `ims pki issue`") from None
    if not names or not isinstance(names[0], x509.UniformResourceIdentifier):
        raise ValueError("its first alternative name is no URI ims:ROLE:NAME:SERIAL")
    identity = parse_identity(names[0].value)
    if identity.serial != serial_text(certificate.serial_number):
        raise ValueError(f"it names serial {identity.serial}, but has {serial_text(certificate.serial_number)}")
    if names[1:] != [x509.DNSName(identity.hostname)]:
        raise ValueError(f"its second alternative name isn't {identity.hostname}")
    if purposes != [PURPOSES[identity.role]]:
        raise ValueError(f"its purpose isn't that of a {identity.role}")
    return identity


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether it may sign certificates."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Whether the authority signed it."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return is_authority(authority)


def issuer_of(certificate: x509.Certificate, authorities: Iterable[x509.Certificate]) -> x509.Certificate | None:
    """The authority that signed it; None if none of them did."""
    return next((authority for authority in authorities if issued_by(certificate, authority)), None)


def check_dates(certificate: x509.Certificate, named: object, now: datetime) -> None:
    """Raises ValueError where it is not yet valid or has expired; `named` is what the error calls it."""
    clock = f"this machine's clock says {moment(now)}"
    if now < certificate.not_valid_before_utc:
        raise ValueError(f"{named} is not valid before {moment(certificate.not_valid_before_utc)}; {clock}")
    if now > certificate.not_valid_after_utc:
        raise ValueError(f"{named} expired on {moment(certificate.not_valid_after_utc)}; {clock}")


def moment(time: datetime) -> str:
    """A moment as 2026-01-31T16:00:00Z."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 over its DER, in lower-case hexadecimal."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def common_name(certificate: x509.Certificate) -> str:
    """The common name of its subject, else all of its subject."""
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else certificate.subject.rfc4514_string()


def common_names(certificates: Iterable[x509.Certificate]) -> str:
    """Their common names, quoted, with commas between."""
    return ", ".join(repr(common_name(each)) for each in certificates)
