"""What is wrong with a sensor's certificate, in words: after a connection failed it is read without trust."""

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
    "WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE",
)  # fmt: skip
"""OpenSSL's reasons where the other side doesn't speak TLS."""
UNREACHED: dict[type[OSError] | int, str] = {
    socket.gaierror: "its name has no address (DNS)",
    ConnectionRefusedError: "nobody listens at its port",
    TimeoutError: "nothing comes back from its address",
    errno.ENETUNREACH: "there is no route to its network",
    errno.EHOSTUNREACH: "there is no route to its address",
}
"""By an error's type or number."""
HUNG_UP = "it hangs up once it has seen the portal's certificate"


def diagnosed(sensor: RegisteredSensor, credentials: Credentials | None, seconds: float) -> Fault | None:
    """Why the sensor can't be reached now, or what is wrong with one of the two certificates; None if unknown."""
    expected = sensor.identity
    now = datetime.now(UTC)
    if credentials is not None and expected is not None and now > credentials.expires:
        return Fault("certificate", f"the portal's own certificate expired on {credentials.expires:%Y-%m-%d}")
    try:
        if expected is None or credentials is None:
            _connection(sensor, seconds).close()
            return None
        found, alert = handshake(sensor, credentials, seconds)
    except ssl.SSLError as error:
        return not_tls(error)
    except ValueError:
        return None
    except OSError as error:  # its text names no address; its detail does
        why = next((why for key, why in UNREACHED.items() if error.errno == key or type(error) is key), None)
        detail = f"{sensor.address}: {error.strerror or error}"
        return None if why is None else Fault("unreachable", f"it can't be reached: {why}", detail)
    complaint = complaint_of(found, expected, credentials, now)
    if complaint is not None:
        return Fault("certificate", complaint, _found(found, expected))
    if alert is not None:  # where TLS refuses our certificate, the sensor's log lacks its serial number
        own = credentials.identity
        alert.detail += "; " * bool(alert.detail) + (
            f"the portal's is serial {own.serial}, of {own.role} {own.name}, until "
            f"{credentials.expires:%Y-%m-%d}; the sensor's log says why it is refused"
        )
    return alert


def not_tls(error: ssl.SSLError) -> Fault | None:
    """The fault of one that doesn't speak TLS; None where a handshake failed otherwise."""
    return Fault("garbage", "what answers there doesn't speak TLS", str(error)) if error.reason in NO_TLS else None


def _found(found: x509.Certificate, expected: Identity) -> str:
    """Whose certificate was found, and whose was expected, by serial numbers."""
    try:
        identity = identity_of(found)
    except ValueError:
        return f"found one of {found.subject.rfc4514_string()[:100]!r}; expected {expected.serial}, of {expected.name}"
    return (
        f"found serial {identity.serial}, of {identity.role} {identity.name}; "
        f"expected {expected.serial}, of {expected.role} {expected.name}"
    )


def _connection(sensor: RegisteredSensor, seconds: float) -> socket.socket:
    return socket.create_connection((sensor.host, sensor.port), timeout=seconds)


def complaint_of(found: x509.Certificate, expected: Identity, credentials: Credentials, now: datetime) -> str | None:
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
        return "its certificate contains no identity"
    if identity.role != "sensor":
        return f"its certificate is a {identity.role}'s, not a sensor's"
    if identity != expected:
        return "its certificate isn't the one that is registered"
    return None


def handshake(
    sensor: RegisteredSensor, credentials: Credentials, seconds: float
) -> tuple[x509.Certificate, Fault | None]:
    """Whatever certificate the other side has, and its objection to ours, which in TLS 1.3 comes after the handshake
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
    with _connection(sensor, seconds) as plain, context.wrap_socket(plain) as secure:
        shown = secure.getpeercert(binary_form=True)
        alert = _alert(secure)
    if not shown:
        raise ValueError("no certificate was shown")
    return x509.load_der_x509_certificate(shown), alert


def _alert(secure: ssl.SSLSocket) -> Fault | None:
    """The objection to our certificate: TLS's alert, or, as by gRPC, hanging up. One that accepts it sends HTTP/2."""
    try:
        return None if secure.recv(1) else Fault("refused", HUNG_UP)
    except ssl.SSLError as error:
        return Fault("refused", REFUSED_OURS, str(error)) if "ALERT" in (error.reason or "") else None
    except ConnectionError:
        return Fault("refused", HUNG_UP)
    except OSError:
        return None
