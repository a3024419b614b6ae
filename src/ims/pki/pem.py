"""PEM files: read whole or refused, with one line that says which file, what was found and what would be right."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from ims.cause import denied

MOST_OCTETS = 16 << 20
"""The longest file; a list of 300,000 revoked certificates is that long."""
MARKERS = {
    b"PRIVATE KEY-----": "a private key", b"BEGIN CERTIFICATE-----": "a certificate",
    b"X509 CRL-----": "a list of revoked certificates",
}  # fmt: skip


def read_file(path: Path, expected: str) -> bytes:
    """The content of a regular file; `expected`: what is expected there, for messages.

    Raises FileNotFoundError, PermissionError, ValueError for what is no file or too long, and OSError.
    """
    return _read(path, expected)[0]


def read_secret(path: Path) -> bytes:
    """A private key's PEM. Only its owner may read the file, this user or root; if it is root's, a group may too, for
    daemons that have dropped privileges (PostgreSQL's rule). Raises as `read_file`, and PermissionError if others may.
    """
    octets, found = _read(path, "a private key")
    if found.st_uid not in (0, os.geteuid()):
        raise PermissionError(f"{path} belongs to user {found.st_uid}; a private key must be its reader's, or root's")
    if open_to_others(found):
        mode = f"{stat.S_IMODE(found.st_mode):04o}"
        raise PermissionError(f"{path} is accessible to others (mode {mode}); expected `chmod 600 {path}`")
    return octets


def open_to_others(found: os.stat_result) -> bool:
    """Whether others may use a secret's file: anybody but its owner, or but root and a group."""
    return bool(stat.S_IMODE(found.st_mode) & (0o037 if found.st_uid == 0 else 0o077))


def _read(path: Path, expected: str) -> tuple[bytes, os.stat_result]:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe without a writer mustn't hang
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"{path} isn't there; expected {expected}") from None
    except PermissionError:
        raise PermissionError(f"{path} may not be read by this user: {denied(path)}; expected {expected}") from None
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            kind = "a folder" if stat.S_ISDIR(found.st_mode) else "no file"
            raise ValueError(f"{path} is {kind}; expected {expected}")
        with open(fd, "rb", closefd=False) as file:
            octets = file.read(MOST_OCTETS + 1)
    finally:
        os.close(fd)
    if len(octets) > MOST_OCTETS:
        raise ValueError(f"{path} is longer than {MOST_OCTETS >> 20} MiB; expected {expected}")
    return octets, found


def parse_certificate(pem: bytes, named: object) -> x509.Certificate:
    """The one certificate of a PEM text; `named` is what errors call it. Raises ValueError."""
    found = parse_certificates(pem, named)
    if len(found) != 1:
        raise ValueError(f"{named} holds {len(found)} certificates; expected one")
    return found[0]


def parse_certificates(pem: bytes, named: object) -> list[x509.Certificate]:
    """The certificates of a PEM text, one at least; `named` is what errors call it. Raises ValueError."""
    try:
        found = x509.load_pem_x509_certificates(pem)
        for certificate in found:
            _ = certificate.public_key(), certificate.extensions, certificate.subject  # parsed when asked for
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension):
        raise ValueError(f"{named} holds no certificate in PEM{_found(pem)}") from None
    return found


def parse_key(pem: bytes, named: object) -> ec.EllipticCurvePrivateKey:
    """The private key of a PEM text; `named` is what errors call it. Raises ValueError."""
    try:
        found = load_pem_private_key(pem, password=None)
    except TypeError:
        raise ValueError(f"{named} is locked with a passphrase; expected a private key without one") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(f"{named} holds no private key in PEM{_found(pem)}") from None
    if not isinstance(found, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{named} holds a key of another kind; expected one on an elliptic curve")
    return found


def _found(pem: bytes) -> str:
    """What the text seems to be instead."""
    for marker, kind in MARKERS.items():
        if marker in pem:
            return f"; found {kind}, or a damaged one"
    return "; it is empty" if not pem.strip() else ""


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A private key as PKCS #8 (RFC 5958) in PEM, without a passphrase: daemons start unattended."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def pem(thing: x509.Certificate | x509.CertificateRevocationList) -> bytes:
    """A certificate or a list in PEM."""
    return thing.public_bytes(Encoding.PEM)
