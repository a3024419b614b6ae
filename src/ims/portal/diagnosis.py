"""What is wrong with a sensor's certificate: looked at with no trust, once a connection failed, to say it in words."""

from __future__ import annotations

import socket
import ssl
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from ims.link.identity import Identity
from ims.pki.certificate import identity_of, issued_by
from ims.pki.credentials import Credentials, parse_authorities
from ims.portal.fault import Fault
from ims.portal.registry import RegisteredSensor


def diagnosed(sensor: RegisteredSensor, credentials: Credentials, seconds: float) -> Fault | None:
    """The fault, if it is the certificate's; None where it is right or can't be seen."""
    wanted = sensor.identity
    if wanted is None:
        return None
    try:
        found = _shown_by(sensor, credentials, seconds)
    except (OSError, ValueError):
        return None
    complaint = _complaint(found, wanted, credentials, datetime.now(UTC))
    return None if complaint is None else Fault("certificate", complaint)


def _complaint(found: x509.Certificate, wanted: Identity, credentials: Credentials, now: datetime) -> str | None:
    if not any(issued_by(found, authority) for authority in parse_authorities(credentials.ca, "the authority")):
        return "its certificate is of a foreign authority"
    if now > found.not_valid_after_utc:
        return f"its certificate expired on {found.not_valid_after_utc:%Y-%m-%d}"
    if now < found.not_valid_before_utc:
        return "its certificate isn't valid yet; one of the clocks is wrong"
    try:
        identity = identity_of(found)
    except ValueError:
        return "its certificate names nobody"
    if identity.role != "sensor":
        return f"its certificate is a {identity.role}'s, not a sensor's"
    if identity != wanted:
        return "its certificate isn't the one that is registered"
    return None


def _shown_by(sensor: RegisteredSensor, credentials: Credentials, seconds: float) -> x509.Certificate:
    """Whatever certificate is shown there. Nothing is sent but a handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with tempfile.TemporaryDirectory() as folder:  # Python's ssl reads keys from files alone
        pair = Path(folder) / "pair.pem"
        pair.touch(0o600)
        pair.write_bytes(credentials.certificate + credentials.key)
        context.load_cert_chain(pair)
    port = int(sensor.address.rpartition(":")[2])
    with (
        socket.create_connection((sensor.host, port), timeout=seconds) as plain,
        context.wrap_socket(plain) as secure,
    ):
        shown = secure.getpeercert(binary_form=True)
    if not shown:
        raise ValueError("no certificate was shown")
    return x509.load_der_x509_certificate(shown)
