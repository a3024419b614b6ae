"""Services from a scenario's tables: what is said on a connection, and how much that may come to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ims.simulate.kernels.conversation import ANY
from ims.simulate.kernels.persona import PERSONAS
from ims.simulate.scenario import payloads as said
from ims.simulate.scenario.models import ServiceModel
from ims.simulate.scenario.tables import PROTOCOLS, Service
from ims.simulate.scenario.world import World

NS = 1_000_000_000
HEADERS = 80
"""Octets of a frame without payload, at most, nearly always."""
FOLLOWING = 8
"""Connections that come after the first, at most."""
FRAGMENTS = {None: ANY, "first": 0x2000, "later": 0x0010}
"""More fragments; 16 times 8 octets on."""


def service_of(model: ServiceModel, depth: int = 0) -> Service:
    """A service from its model. Raises ValueError."""
    if depth > FOLLOWING:
        raise ValueError(f"port {model.port!r}: more than {FOLLOWING} connections, one after the other")
    name, slash, number = model.port.partition("/")
    if name not in PROTOCOLS or (slash == "") != (name == "icmp"):
        raise ValueError(f"port {model.port!r}: expected tcp/N, udp/N, tcp/*, udp/* or icmp")
    port = ANY
    if number not in ("", "*"):
        if not number.isdecimal() or int(number) > 65_535:
            raise ValueError(f"port {model.port!r}: {number} is no port")
        port = int(number)
    low, high = map(int, model.fresh_octets.split("-"))
    if not 1 <= low <= high <= said.SEGMENT:
        raise ValueError(f"fresh_octets {model.fresh_octets!r}: expected LOW-HIGH, 1 to {said.SEGMENT}")
    head = said.spoken(model.fresh_after) if model.fresh_after else b""
    if model.fresh > 0 and len(head) >= low:
        raise ValueError(
            f"fresh_octets {model.fresh_octets!r}: {len(head)} of them come from fresh_after; expected more"
        )
    whole = [said.spoken(text) for text in model.says]
    alternatives = [(1.0, [part for message in whole for part in said.segments(message)])] if whole else []
    for rank, text in enumerate(model.or_says, 2):
        alternatives.append((1.0 / rank, said.segments(said.spoken(text))))
    after = round(model.after * NS)
    return Service(
        PROTOCOLS[name], port, alternatives, model.weight, ANY if model.source_port is None else model.source_port,
        model.speaks if alternatives or model.fresh else 0.0, model.fresh, (low, high),
        head, model.salted,
        ANY if model.repeats is None else model.repeats, FRAGMENTS[model.fragment],
        follow=service_of(model.follow, depth + 1) if model.follow else None,
        follow_ns=(after, 2 * after),
    )  # fmt: skip


def size_of(services: Sequence[Service], personas: Iterable[str], world: World) -> tuple[float, float]:
    """Packets and octets of a conversation, at most."""
    most = max([PERSONAS[name].repeats for name in personas], default=0)
    weights = sum(service.weight for service in services)
    packets = sum(
        service.weight * max(service.packets(answered, most) for answered in set(world.answers)) for service in services
    )
    octets = sum(service.weight * service.octets() for service in services)
    return packets / weights, packets / weights * HEADERS + octets / weights
