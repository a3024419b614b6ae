"""A sensor's identity as it says now: its certificate, the names in its store, the blocks that it watches."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime

from ims.link.contract import Ask
from ims.link.identity import Identity
from ims.pki.certificate import identity_of
from ims.pki.credentials import Credentials
from ims.portal.federation.diagnosis import complaint_of, handshake, not_tls
from ims.portal.federation.fault import Fault
from ims.portal.federation.merge import MergeEngines
from ims.portal.federation.peer import Peer
from ims.portal.federation.registry import RegisteredSensor
from ims.query.question import Question
from ims.query.request import Request
from ims.query_run import coverage_rows
from ims.settings.toml import checked
from ims.text import first_line

SECONDS = 10.0
SAME_MOMENT_US = 2_000_000
ANY_SERIAL = "0" * 32


@dataclass(frozen=True)
class SensorIdentity:
    """`identity`: of its certificate, None without TLS on loopback; `sensors`: names in its store; `blocks`: (name,
    prefix) of what each of them watched last."""

    identity: Identity | None
    sensors: tuple[str, ...]
    store: str
    blocks: tuple[tuple[str, str], ...]


def ask_identity(sensor: RegisteredSensor, credentials: Credentials | None, merging: MergeEngines) -> SensorIdentity:
    """Ask a sensor who it is; its `name` and `serial` aren't compared. Raises Fault."""
    question = Question(plan="coverage", request=Request(verb="coverage"))
    expected = {f"0/{name}": schema for name, schema in merging.schemas(question).items()}
    identity = None
    if credentials is not None and not (sensor.is_local and sensor.serial is None):
        identity = _certificate(sensor, credentials)
        sensor = sensor.model_copy(update={"name": identity.name, "serial": identity.serial})
    peer = Peer(sensor, credentials)
    try:
        hello = peer.hello(SECONDS)
        ask = Ask(version=peer.version, questions=(question,), seconds=SECONDS, octets=256 << 20)
        parts, _ = peer.ask(ask, expected)
    finally:
        peer.close()
    return SensorIdentity(identity, hello.sensors, hello.store, _watched_last(coverage_rows(parts["0/rows"])))


def address_of(address: str) -> RegisteredSensor:
    """A sensor of which only the address is known. Raises ValueError where it is none."""
    return checked(RegisteredSensor, {"name": "unknown", "address": address, "serial": ANY_SERIAL})


def _certificate(sensor: RegisteredSensor, credentials: Credentials) -> Identity:
    try:
        shown, alert = handshake(sensor, credentials, SECONDS)
    except ssl.SSLError as error:
        raise not_tls(error) or Fault("certificate", f"the TLS handshake fails: {error.reason}", str(error)) from None
    except (OSError, ValueError) as error:
        raise Fault("unreachable", f"it can't be reached: {first_line(error)}", str(error)) from None
    try:
        identity = identity_of(shown)
    except ValueError as error:
        raise Fault("certificate", f"its certificate contains no identity: {error}") from None
    complaint = complaint_of(shown, identity, credentials, datetime.now(UTC))
    if complaint is not None:
        raise Fault("certificate", complaint)
    if alert is not None:
        raise alert
    return identity


def _watched_last(rows: list[dict[str, object]]) -> tuple[tuple[str, str], ...]:
    """Blocks of the newest period of each sensor."""
    newest: dict[object, int] = {}
    for row in rows:
        newest[row["sensor"]] = max(newest.get(row["sensor"], 0), int(str(row["until_us"])))
    last = (row for row in rows if int(str(row["until_us"])) >= newest[row["sensor"]] - SAME_MOMENT_US)
    return tuple(sorted({(first_line(row["block"]), first_line(row["prefix"])) for row in last}))
