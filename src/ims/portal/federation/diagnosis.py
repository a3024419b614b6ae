"""What is wrong with a sensor's certificate: looked at with no trust, once a connection failed, to say it in words."""

from __future__ import annotations

import errno
import socket
import ssl
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from ims.link.identity import Identity
from ims.pki.certificate import identity_of, issued_by
from ims.pki.credentials import Credentials, parse_authorities
from ims.portal.federation.fault import REFUSED_OURS, Fault
from ims.portal.federation.registry import RegisteredSensor

NO_TLS = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "HTTPS_PROXY_REQUEST",
    "PACKET_LENGTH_TOO_LONG",
    "RECORD_LAYER_FAILURE",
)
"""OpenSSL's reasons where what comes is no TLS."""

UNREACHED: dict[type[OSError], str] = {
    socket.gaierror: "its name has no address (DNS)",
    ConnectionRefusedError: "nobody listens at its port",
    TimeoutError: "nothing comes back from its address",
}
UNREACHED_BY_NUMBER = {
    errno.ENETUNREACH: "there is no route to its network",
    errno.EHOSTUNREACH: "there is no route to its address",
}

HUNG_UP = "it hangs up once it has seen the portal's certificate"


def diagnosed(sensor: RegisteredSensor, credentials: Credentials | None, seconds: float) -> Fault | None:
    """The fault as it is now: that nobody is reached, and why, or one of the two certificates'; None where they are
    right or it can't be seen."""
    wanted = sensor.identity
    if wanted is None or credentials is None:
        return _unreachable(sensor, seconds)
    now = datetime.now(UTC)
    if now > credentials.expires:
        return Fault("certificate", f"the portal's own certificate expired on {credentials.expires:%Y-%m-%d}")
    try:
        found, alert = handshake(sensor, credentials, seconds)
    except ssl.SSLError as error:
        if error.reason in NO_TLS:
            return Fault("garbage", "what answers there doesn't speak TLS", str(error))
        return None
    except ValueError:
        return None
    except OSError as error:
        return _cause(sensor, error)
    complaint = complaint_of(found, wanted, credentials, now)
    if complaint is not None:
        return Fault("certificate", complaint, _found(found, wanted))
    if alert is not None:
        alert.detail = "; ".join(filter(None, (alert.detail, _shown(credentials))))
    return alert


def _found(found: x509.Certificate, wanted: Identity) -> str:
    """Whose certificate there is, and whose was expected, by serial numbers."""
    try:
        identity = identity_of(found)
    except ValueError:
        return f"found one of {found.subject.rfc4514_string()[:100]!r}; expected {wanted.serial}, of {wanted.name}"
    return (
        f"found serial {identity.serial}, of {identity.role} {identity.name}; "
        f"expected {wanted.serial}, of {wanted.role} {wanted.name}"
    )


def _shown(credentials: Credentials) -> str:
    """Our own certificate, whose serial number the sensor's log doesn't have where TLS refuses it."""
    identity = credentials.identity
    return (
        f"the portal's is serial {identity.serial}, of {identity.role} {identity.name}, until "
        f"{credentials.expires:%Y-%m-%d}; the sensor's log says why it is refused"
    )


def _unreachable(sensor: RegisteredSensor, seconds: float) -> Fault | None:
    try:
        _connection(sensor, seconds).close()
    except OSError as error:
        return _cause(sensor, error)
    return None


def _cause(sensor: RegisteredSensor, error: OSError) -> Fault | None:
    """Why nobody is reached, in words that name no address; `detail` does."""
    why = next((said for kind, said in UNREACHED.items() if isinstance(error, kind)), None)
    why = why or UNREACHED_BY_NUMBER.get(error.errno or 0)
    if why is None:
        return None
    return Fault("unreachable", f"it can't be reached: {why}", f"{sensor.address}: {error.strerror or error}")


def _connection(sensor: RegisteredSensor, seconds: float) -> socket.socket:
    return socket.create_connection((sensor.host, int(sensor.address.rpartition(":")[2])), timeout=seconds)


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
    with (
        _connection(sensor, seconds) as plain,
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
