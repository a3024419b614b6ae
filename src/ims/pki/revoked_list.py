"""Lists of revoked certificates (X.509 CRLs, RFC 5280 section 5): signed, and read again with the signature checked.

A list is valid as long as the authority's certificate: an offline authority can't sign one each week. Its number is the
time of signing or, within the same second, the last number + 1: it grows even after an authority's restore from backup.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from ims.pki.certificate import authority_identifier, check_dates, common_name, common_names, moment, serial_text

STATES = ("missing", "unreadable", "damaged", "foreign", "expired", "older")
"""Reasons to reject a list."""
_BLOCK = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", re.DOTALL)


class ListError(ValueError):
    """Why a list is rejected: `state` is one of STATES, the text names the file and what is wrong with it."""

    def __init__(self, state: str, text: str) -> None:
        super().__init__(text)
        self.state = state


def sign_list(
    revoked: Iterable[x509.RevokedCertificate],
    authority: x509.Certificate,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    last_number: int = 0,
) -> x509.CertificateRevocationList:
    """A list of these, signed now. Raises ValueError if the authority is not yet valid or has expired."""
    check_dates(authority, f"the authority {common_name(authority)!r}", now)
    now = now.replace(microsecond=0)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.subject)
        .last_update(now)
        .next_update(authority.not_valid_after_utc)
        .add_extension(x509.CRLNumber(max(last_number + 1, int(now.timestamp()))), critical=False)
        .add_extension(authority_identifier(authority), critical=False)
    )
    for entry in revoked:
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(key, hashes.SHA256())


def entry_of(serial: str, now: datetime) -> x509.RevokedCertificate:
    """A list's entry for this certificate."""
    number = int(serial, 16)
    return x509.RevokedCertificateBuilder().serial_number(number).revocation_date(now.replace(microsecond=0)).build()


def read_lists(
    pem: bytes, authorities: Sequence[x509.Certificate], named: object
) -> list[x509.CertificateRevocationList]:
    """The newest list of each of the authorities, in their order; `named`: the text's name for errors. Raises ListError
    if one is damaged, missing, or signed by none of them."""
    blocks = _BLOCK.findall(pem)
    if not blocks or len(blocks) != pem.count(b"-----BEGIN"):
        raise ListError("damaged", f"{named} is no list of revoked certificates in PEM, or a damaged one")
    newest: dict[int, x509.CertificateRevocationList] = {}
    for block in blocks:
        try:
            found = x509.load_pem_x509_crl(block)
            number = number_of(found)
            bound = any(extension.critical for extension in found.extensions)
        except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.ExtensionNotFound):
            raise ListError("damaged", f"{named} is a damaged list of revoked certificates") from None
        if bound:
            raise ListError("foreign", f"{named} is not a whole list of revoked certificates: it holds for a part only")
        signer = next((at for at, authority in enumerate(authorities) if _signed_by(found, authority)), None)
        if signer is None:
            names = common_names(authorities)
            raise ListError("foreign", f"{named} is not signed by the authority {names}: foreign, or altered")
        if signer not in newest or number > number_of(newest[signer]):
            newest[signer] = found
    for at, authority in enumerate(authorities):
        if at not in newest:
            text = f"{named} has no list of the authority {common_name(authority)!r}; expected one of each"
            raise ListError("missing", text)
    return [newest[at] for at in range(len(authorities))]


def check_current(found: Iterable[x509.CertificateRevocationList], named: object, now: datetime) -> None:
    """Raises ListError if one of these lists has expired: a newer one was due (RFC 5280, 5.1.2.5). Ours are valid as
    long as the authority; another program's may not be."""
    for one in found:
        until = one.next_update_utc
        if until is not None and until < now:
            raise ListError("expired", f"{named} expired on {moment(until)}; this machine's clock says {moment(now)}")


def _signed_by(found: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    key = authority.public_key()
    return (
        found.issuer == authority.subject
        and isinstance(key, ec.EllipticCurvePublicKey)
        and found.is_signature_valid(key)
    )


def number_of(found: x509.CertificateRevocationList) -> int:
    """A list's number. Raises x509.ExtensionNotFound."""
    return found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def serials_of(found: x509.CertificateRevocationList) -> dict[str, datetime]:
    """The serial numbers that a list holds, and since when."""
    return {serial_text(entry.serial_number): entry.revocation_date_utc for entry in found}
