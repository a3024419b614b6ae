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
from ims.portal.fault import REFUSED_OURS, Fault
from ims.portal.registry import RegisteredSensor

NO_TLS = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "HTTPS_PROXY_REQUEST",
    "PACKET_LENGTH_TOO_LONG",
    "RECORD_LAYER_FAILURE",
)
"""OpenSSL's reasons where what comes is no TLS."""

HUNG_UP = "it hangs up once it has seen the portal's certificate"


def diagnosed(sensor: RegisteredSensor, credentials: Credentials, seconds: float) -> Fault | None:
    """The fault, if it is one of the two certificates'; None where they are right or it can't be seen."""
    wanted = sensor.identity
    if wanted is None:
        return None
    now = datetime.now(UTC)
    if now > credentials.expires:
        return Fault("certificate", f"the portal's own certificate expired on {credentials.expires:%Y-%m-%d}")
    try:
        found, alert = handshake(sensor, credentials, seconds)
    except ssl.SSLError as error:
        if error.reason in NO_TLS:
            return Fault("garbage", "what answers there doesn't speak TLS", str(error))
        return None
    except (OSError, ValueError):
        return None
    complaint = complaint_of(found, wanted, credentials, now)
    if complaint is not None:
        return Fault("certificate", complaint)
    return alert


def complaint_of(found: x509.Certificate, wanted: Identity, credentials: Credentials, now: datetime) -> str | None:
    """What is wrong with a certificate that should be this sensor's; None where nothing is."""
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


def handshake(
    sensor: RegisteredSensor, credentials: Credentials, seconds: float
) -> tuple[x509.Certificate, Fault | None]:
    """Whatever certificate is shown there, and what is said against ours, which in TLS 1.3 comes after the handshake
    (RFC 8446, section 4.4.2.4). Nothing is sent but a handshake."""
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
        alert = _alert(secure)
    if not shown:
        raise ValueError("no certificate was shown")
    return x509.load_der_x509_certificate(shown), alert


def _alert(secure: ssl.SSLSocket) -> Fault | None:
    """What the other side has against our certificate: TLS's word for it, or, as gRPC's servers do, hanging up. One
    that takes it begins to speak HTTP/2 by itself."""
    try:
        if secure.recv(1):
            return None
    except ssl.SSLError as error:
        return Fault("refused", REFUSED_OURS, str(error)) if "ALERT" in (error.reason or "") else None
    except ConnectionError:
        pass
    except OSError:
        return None
    return Fault("refused", HUNG_UP)
