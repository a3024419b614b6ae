"""What a sensor says of itself when it is asked now: its certificate, the names in its store, the blocks it watches."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime

from ims.link.contract import Ask
from ims.link.identity import Identity
from ims.pki.certificate import identity_of
from ims.pki.credentials import Credentials
from ims.portal.federation.diagnosis import NO_TLS, complaint_of, handshake
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
    """One sensor's own words. `identity`: of its certificate, None without TLS on loopback; `sensors`: names in its
    store; `blocks`: (name, prefix) of what each of them watched last."""

    identity: Identity | None
    sensors: tuple[str, ...]
    store: str
    blocks: tuple[tuple[str, str], ...]


def ask_identity(sensor: RegisteredSensor, credentials: Credentials | None, merging: MergeEngines) -> SensorIdentity:
    """Ask a sensor who it is; its `name` and `serial` are not held to what it says. Raises Fault."""
    identity = None
    if credentials is not None and not (sensor.is_local and sensor.serial is None):
        identity = _certificate(sensor, credentials)
        sensor = sensor.model_copy(update={"name": identity.name, "serial": identity.serial})
    peer = Peer(sensor, credentials)
    try:
        hello = peer.hello(SECONDS)
        rows = _coverage(peer, merging)
    finally:
        peer.close()
    return SensorIdentity(identity, hello.sensors, hello.store, _watched_last(rows))


def address_of(address: str) -> RegisteredSensor:
    """Stands for a sensor of which no more than the address is known. Raises ValueError where it is none."""
    return checked(RegisteredSensor, {"name": "unknown", "address": address, "serial": ANY_SERIAL})


def _certificate(sensor: RegisteredSensor, credentials: Credentials) -> Identity:
    try:
        shown, alert = handshake(sensor, credentials, SECONDS)
    except ssl.SSLError as error:
        if error.reason in NO_TLS:
            raise Fault("garbage", "what answers there doesn't speak TLS", str(error)) from None
        raise Fault("certificate", f"the TLS handshake fails: {error.reason}", str(error)) from None
    except (OSError, ValueError) as error:
        raise Fault("unreachable", f"it can't be reached: {first_line(error)}", str(error)) from None
    try:
        identity = identity_of(shown)
    except ValueError as error:
        raise Fault("certificate", f"its certificate names nobody: {error}") from None
    complaint = complaint_of(shown, identity, credentials, datetime.now(UTC))
    if complaint is not None:
        raise Fault("certificate", complaint)
    if alert is not None:
        raise alert
    return identity


def _coverage(peer: Peer, merging: MergeEngines) -> list[dict[str, object]]:
    question = Question(plan="coverage", request=Request(verb="coverage"))
    wanted = {f"0/{name}": schema for name, schema in merging.schemas(question).items()}
    ask = Ask(version=peer.version, questions=(question,), seconds=SECONDS, octets=256 << 20)
    parts, _ = peer.ask(ask, wanted)
    return coverage_rows(parts["0/rows"])


def _watched_last(rows: list[dict[str, object]]) -> tuple[tuple[str, str], ...]:
    """Blocks of the newest period of each sensor."""
    newest: dict[object, int] = {}
    for row in rows:
        newest[row["sensor"]] = max(newest.get(row["sensor"], 0), int(str(row["until_us"])))
    last = (row for row in rows if int(str(row["until_us"])) >= newest[row["sensor"]] - SAME_MOMENT_US)
    return tuple(sorted({(first_line(row["block"]), first_line(row["prefix"])) for row in last}))
