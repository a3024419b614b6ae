"""Why a sensor can't be talked to, as a handshake shows: whose certificate it is that won't do, and what is wrong with it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.flight as fl
import pytest
import structlog

from ims.pki.authority import Authority, create_authority
from ims.pki.credentials import Credentials
from ims.pki.revocations import Refusal
from ims.portal.federation.diagnosis import diagnosed
from ims.portal.federation.fault import Fault
from ims.portal.federation.peer import Peer
from ims.portal.federation.registry import RegisteredSensor, Registry
from ims.portal.federation.sensors import Sensors

from ...free_port import free_port

SECONDS = 20.0


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    folder = tmp_path_factory.mktemp("pki") / "PKI"
    return create_authority(folder, "Test", 900, now=datetime.now(UTC) - timedelta(days=60))


def credentials(authority: Authority, folder: Path, name: str, role: str, expired: bool = False) -> Credentials:
    now = datetime.now(UTC) - timedelta(days=40 if expired else 0)
    authority.issue(name, role, folder, days=10 if expired else 300, now=now)
    return Credentials.read(folder / f"{name}.pem", folder / f"{name}.key", folder / "ca.pem", now=now)


@contextlib.contextmanager
def daemon(own: Credentials, trusted: bytes) -> Iterator[RegisteredSensor]:
    """A server that wants callers' certificates of the authority `trusted`, and how it is registered."""
    with fl.FlightServerBase(
        "grpc+tls://127.0.0.1:0",
        tls_certificates=[(own.certificate, own.key)],
        verify_client=True,
        root_certificates=trusted,
    ) as server:
        yield RegisteredSensor(name="a", address=f"127.0.0.1:{server.port}", serial=own.identity.serial)


def test_two_good_certificates_are_no_fault(authority: Authority, tmp_path: Path) -> None:
    portal = credentials(authority, tmp_path / "portal", "portal", "portal")
    with daemon(credentials(authority, tmp_path / "a", "a", "sensor"), authority.pem) as sensor:
        assert diagnosed(sensor, portal, SECONDS) is None


def test_a_portal_s_certificate_that_the_sensor_does_not_take_is_the_portal_s_fault(
    authority: Authority, tmp_path: Path
) -> None:
    foreign = create_authority(tmp_path / "foreign", "Foreign", 900)
    portal = credentials(authority, tmp_path / "portal", "portal", "portal")
    with daemon(credentials(authority, tmp_path / "a", "a", "sensor"), foreign.pem) as sensor:
        fault = diagnosed(sensor, portal, SECONDS)
    assert fault is not None
    assert (fault.kind, fault.text) == ("refused", "it hangs up once it has seen the portal's certificate")
    assert fault.detail == (
        f"the portal's is serial {portal.identity.serial}, of portal portal, until {portal.expires:%Y-%m-%d}; "
        "the sensor's log says why it is refused"
    )


def test_an_alert_about_the_portal_s_certificate_is_told(authority: Authority, tmp_path: Path) -> None:
    """As OpenSSL's servers say it; gRPC's hang up."""
    own = credentials(authority, tmp_path / "a", "a", "sensor")
    portal = credentials(authority, tmp_path / "portal", "portal", "portal")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "a" / "a.pem", tmp_path / "a" / "a.key")
    context.verify_mode = ssl.CERT_REQUIRED
    create_authority(tmp_path / "foreign", "Foreign", 900)
    context.load_verify_locations(tmp_path / "foreign" / "ca.pem")
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def shake_hands() -> None:
            with contextlib.suppress(OSError), listening.accept()[0] as plain:
                context.wrap_socket(plain, server_side=True)

        talking = threading.Thread(target=shake_hands)
        talking.start()
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        fault = diagnosed(RegisteredSensor(name="a", address=address, serial=own.identity.serial), portal, SECONDS)
        talking.join()
    assert fault is not None
    assert (fault.kind, fault.text) == ("refused", "it doesn't take the portal's certificate")
    assert "alert" in fault.detail.lower()
    assert portal.identity.serial in fault.detail


def test_a_portal_s_own_certificate_that_expired_is_said_to_be_its_own(authority: Authority, tmp_path: Path) -> None:
    portal = credentials(authority, tmp_path / "portal", "portal", "portal", expired=True)
    sensor = RegisteredSensor(name="a", address="127.0.0.1:9", serial="1" * 32)
    fault = diagnosed(sensor, portal, SECONDS)
    assert fault is not None
    assert fault.text == f"the portal's own certificate expired on {portal.expires:%Y-%m-%d}"


def test_what_speaks_no_tls_is_said_to(authority: Authority, tmp_path: Path) -> None:
    portal = credentials(authority, tmp_path / "portal", "portal", "portal")
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def answer() -> None:
            with plain.accept()[0] as caller:
                caller.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                caller.recv(1 << 16)

        talking = threading.Thread(target=answer)
        talking.start()
        sensor = RegisteredSensor(name="a", address=f"127.0.0.1:{plain.getsockname()[1]}", serial="1" * 32)
        fault = diagnosed(sensor, portal, SECONDS)
        talking.join()
    assert fault is not None
    assert fault.text == "what answers there doesn't speak TLS"


def health_after_a_hello(sensors: Sensors) -> tuple[str, str]:
    """Text and detail of the only sensor's fault."""
    sensors._greet(sensors.peers()["a"])
    [health] = sensors.health()
    assert health.fault is not None
    return health.fault.text, health.fault.detail


def test_the_newest_cause_is_shown_and_logged_with_the_serial_that_is_found(
    authority: Authority, tmp_path: Path
) -> None:
    """A name without address, then a wrong serial, then nobody who listens: never the reason of before."""
    portal = credentials(authority, tmp_path / "portal", "portal", "portal")
    own = credentials(authority, tmp_path / "a", "a", "sensor")
    file = tmp_path / "registry.toml"

    def register(address: str, serial: str) -> None:
        file.write_text(f'[[sensor]]\nname = "a"\naddress = "{address}"\nserial = "{serial}"\n')

    with daemon(own, authority.pem) as sensor, structlog.testing.capture_logs() as logged:
        register(sensor.address, "1" * 32)
        sensors = Sensors(Registry(file), portal, lambda _: None)
        try:
            text, detail = health_after_a_hello(sensors)
            assert text == "its certificate isn't the one that is registered"
            assert detail == f"found serial {own.identity.serial}, of sensor a; expected {'1' * 32}, of sensor a"
            first = sensors.peers()["a"]
            broken = first.sensor.model_copy(update={"address": "no-such-name.invalid:9443"})
            first.close()
            first.sensor = broken  # the same entry, whose name has lost its address meanwhile
            sensors._registry._sensors = (broken,)
            text, detail = health_after_a_hello(sensors)
            assert text == "it can't be reached: its name has no address (DNS)"
            assert "no-such-name.invalid" in detail
        finally:
            sensors.close()
    said = [line["why"] for line in logged if line["event"] == "sensor"]
    assert said == [
        "its certificate isn't the one that is registered", "it can't be reached: its name has no address (DNS)",
    ]  # fmt: skip


def test_another_wrong_certificate_is_logged_anew_and_the_same_one_is_not(authority: Authority, tmp_path: Path) -> None:
    portal = credentials(authority, tmp_path / "portal", "portal", "portal")
    wrong = [credentials(authority, tmp_path / str(number), "a", "sensor") for number in range(2)]
    file = tmp_path / "registry.toml"
    with structlog.testing.capture_logs() as logged, contextlib.ExitStack() as stack:
        for number, own in enumerate(wrong):
            with daemon(own, authority.pem) as sensor:
                if not number:
                    file.write_text(f'[[sensor]]\nname = "a"\naddress = "{sensor.address}"\nserial = "{"1" * 32}"\n')
                    sensors = Sensors(Registry(file), portal, lambda _: None)
                    stack.callback(sensors.close)
                here = sensors.peers()["a"].sensor.model_copy(update={"address": sensor.address})
                sensors.peers()["a"].close()
                sensors.peers()["a"].sensor = here  # what listens at the entry's address has another certificate now
                sensors._registry._sensors = (here,)
                for _ in range(2):
                    assert own.identity.serial in health_after_a_hello(sensors)[1]
    said = [line["detail"] for line in logged if line["event"] == "sensor"]
    assert said == [
        f"found serial {own.identity.serial}, of sensor a; expected {'1' * 32}, of sensor a" for own in wrong
    ]


def test_what_a_question_finds_first_is_logged_at_the_next_hello(tmp_path: Path) -> None:
    file = tmp_path / "registry.toml"
    file.write_text('[[sensor]]\nname = "a"\naddress = "127.0.0.1:9"\n')
    with structlog.testing.capture_logs() as logged:
        sensors = Sensors(Registry(file), None, lambda _: None)
        try:
            fault = diagnosed(sensors.peers()["a"].sensor, None, SECONDS)
            assert fault is not None
            sensors._note({"a": fault}, {})
            health_after_a_hello(sensors)
        finally:
            sensors.close()
    assert [line["why"] for line in logged if line["event"] == "sensor"] == [fault.text]


def test_who_can_be_reached_again_is_connected_to_anew(tmp_path: Path) -> None:
    """Not by a client that waits, as gRPC does for up to two minutes where a name had no address."""
    nowhere = fl.connect(f"grpc://127.0.0.1:{free_port()}")
    with fl.FlightServerBase("grpc://127.0.0.1:0") as server:
        file = tmp_path / "registry.toml"
        file.write_text(f'[[sensor]]\nname = "a"\naddress = "127.0.0.1:{server.port}"\n')
        sensors = Sensors(Registry(file), None, lambda _: None)
        try:
            sensors.peers()["a"]._client = nowhere
            assert health_after_a_hello(sensors)[0] == "it can't be reached"
            assert health_after_a_hello(sensors)[0] == "it sent an invalid response"
        finally:
            sensors.close()
            nowhere.close()


@pytest.mark.parametrize("secure", [True, False])
def test_nobody_who_listens_is_said_to(authority: Authority, tmp_path: Path, secure: bool) -> None:
    portal = credentials(authority, tmp_path / "portal", "portal", "portal") if secure else None
    address = f"127.0.0.1:{free_port()}"
    fault = diagnosed(RegisteredSensor(name="a", address=address, serial="1" * 32 if secure else None), portal, SECONDS)
    assert fault is not None
    assert (fault.kind, fault.text) == ("unreachable", "it can't be reached: nobody listens at its port")
    assert address in fault.detail


@pytest.mark.parametrize(
    ("refusal", "kind", "text"),
    [
        (Refusal("revoked", "the certificate 1 is revoked"), "certificate", "its certificate is revoked"),
        (Refusal("list", "the list of revoked certificates is unreadable"), "list",
         "the portal's list of revoked certificates is unreadable"),
    ],
)  # fmt: skip
def test_only_a_listed_sensor_is_called_revoked(tmp_path: Path, refusal: Refusal, kind: str, text: str) -> None:
    registry = tmp_path / "registry.toml"
    registry.write_text(f'[[sensor]]\nname = "a"\naddress = "127.0.0.1:9"\nserial = "{"1" * 32}"\n')
    sensors = Sensors(Registry(registry), None, lambda _: refusal)
    try:
        with pytest.raises(Fault) as caught:
            sensors._check(Peer(sensors.peers()["a"].sensor, None))
    finally:
        sensors.close()
    assert (caught.value.kind, caught.value.text) == (kind, text)
