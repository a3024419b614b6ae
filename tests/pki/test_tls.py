"""What was issued, in TLS as sensors and portals speak it: Arrow Flight's, in all combinations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pyarrow.flight as flight
import pytest

from ims.link.identity import parse_identity
from ims.pki.authority import Authority, create_authority
from ims.pki.credentials import Credentials

from .conftest import ROLES, credentials


class WhoIsThere(flight.FlightServerBase):  # type: ignore[misc]
    """Answers with its peer's identity."""

    def do_action(self, context: Any, action: Any) -> list[bytes]:
        return [context.peer_identity()]


@contextmanager
def served(own: Credentials, trusted: bytes | None = None) -> Iterator[int]:
    server = WhoIsThere(
        "grpc+tls://127.0.0.1:0",
        tls_certificates=[(own.certificate, own.key)],
        verify_client=True,
        root_certificates=own.ca if trusted is None else trusted,
    )
    try:
        yield server.port
    finally:
        server.shutdown()


def asked(port: int, own: Credentials | None, hostname: str, trusted: bytes) -> str:
    """Whom the server sees. Raises FlightError."""
    shown = {} if own is None else {"cert_chain": own.certificate, "private_key": own.key}
    with flight.FlightClient(
        f"grpc+tls://127.0.0.1:{port}", tls_root_certs=trusted, override_hostname=hostname, **shown
    ) as client:
        [answer] = client.do_action("who", flight.FlightCallOptions(timeout=20))
        return answer.body.to_pybytes().decode()


def refused(port: int, own: Credentials | None, hostname: str, trusted: bytes) -> None:
    with pytest.raises(flight.FlightUnavailableError):
        asked(port, own, hostname, trusted)


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory, now: datetime) -> dict[str, Credentials]:
    """Of one authority, by role: good ones, and those that are valid no more or not yet."""
    folder = tmp_path_factory.mktemp("bad")
    old = create_authority(folder / "old", "Test", 3650, now - timedelta(days=100))
    found = {}
    for when, moment in {"expired": now - timedelta(days=50), "not yet valid": now + timedelta(days=50)}.items():
        for role in ROLES:
            out = folder / f"{when} {role}"
            old.issue(role, role, out, days=10, now=moment)
            found[f"{when} {role}"] = Credentials.read(
                out / f"{role}.pem", out / f"{role}.key", out / "ca.pem", now=moment
            )
    for role in ROLES:
        old.issue(role, role, folder / role, now=now)
        found[role] = Credentials.read(
            folder / role / f"{role}.pem", folder / role / f"{role}.key", folder / "old/ca.pem"
        )
    return found


@pytest.mark.parametrize("role", ["portal", "operator"])
def test_a_sensor_serves_those_who_call_and_sees_who_they_are(pki: Authority, role: str) -> None:
    sensor, caller = credentials(pki, "sensor"), credentials(pki, role)
    with served(sensor) as port:
        seen = asked(port, caller, sensor.identity.hostname, caller.ca)
    assert parse_identity(seen) == caller.identity


def test_a_sensor_does_not_serve_a_sensor_nor_who_shows_nothing(pki: Authority) -> None:
    sensor = credentials(pki, "sensor")
    with served(sensor) as port:
        refused(port, sensor, sensor.identity.hostname, sensor.ca)
        refused(port, None, sensor.identity.hostname, sensor.ca)


@pytest.mark.parametrize("role", ["portal", "operator"])
def test_who_calls_can_not_serve(pki: Authority, role: str) -> None:
    server, caller = credentials(pki, role), credentials(pki, "portal")
    with served(server) as port:
        refused(port, caller, server.identity.hostname, caller.ca)


def test_another_authority_of_the_same_name_is_foreign_both_ways(pki: Authority, foreign: Authority) -> None:
    ours, theirs = credentials(pki, "sensor"), credentials(foreign, "portal")
    with served(ours) as port:
        refused(port, theirs, ours.identity.hostname, ours.ca)
        refused(port, credentials(pki, "portal"), ours.identity.hostname, theirs.ca)
    strange = credentials(foreign, "sensor")
    with served(strange, trusted=ours.ca) as port:
        refused(port, credentials(pki, "portal"), strange.identity.hostname, ours.ca)


def test_a_caller_reaches_the_one_certificate_it_asks_for_or_none(pki: Authority) -> None:
    sensor, portal = credentials(pki, "sensor"), credentials(pki, "portal")
    other, _ = pki.issue("sensor", "sensor", pki.folder / "again")
    with served(sensor) as port:
        for hostname in (other.identity.hostname, portal.identity.hostname, "127.0.0.1", "localhost", "sensor.ims"):
            refused(port, portal, hostname, portal.ca)
        assert asked(port, portal, sensor.identity.hostname, portal.ca)


@pytest.mark.parametrize("when", ["expired", "not yet valid"])
def test_dates_count_on_both_sides(bad: dict[str, Credentials], when: str) -> None:
    sensor, portal = bad["sensor"], bad["portal"]
    with served(sensor) as port:
        assert asked(port, portal, sensor.identity.hostname, portal.ca)
        for role in ("portal", "operator"):
            refused(port, bad[f"{when} {role}"], sensor.identity.hostname, portal.ca)
    with served(bad[f"{when} sensor"]) as port:
        refused(port, portal, bad[f"{when} sensor"].identity.hostname, portal.ca)


def test_a_key_without_its_certificate_is_of_no_use(pki: Authority) -> None:
    sensor, portal, operator = (credentials(pki, name) for name in ("sensor", "portal", "operator"))
    mixed = Credentials(portal.certificate, operator.key, portal.ca)
    with served(sensor) as port, pytest.raises(flight.FlightError):
        asked(port, mixed, sensor.identity.hostname, portal.ca)


def test_two_authorities_are_trusted_while_one_replaces_the_other(pki: Authority, foreign: Authority) -> None:
    sensor, old, new = credentials(pki, "sensor"), credentials(pki, "portal"), credentials(foreign, "portal")
    both = old.ca + new.ca
    with served(sensor, trusted=both) as port:
        for caller in (old, new):
            assert parse_identity(asked(port, caller, sensor.identity.hostname, both)) == caller.identity
