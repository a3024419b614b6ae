"""Services from a scenario's tables: the messages of a connection, and how much that may come to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ims.simulate.kernels.conversation import ANY
from ims.simulate.kernels.persona import PERSONAS
from ims.simulate.scenario import payloads
from ims.simulate.scenario.models import ServiceModel
from ims.simulate.scenario.tables import PROTOCOLS, Service
from ims.simulate.scenario.world import World

NS = 1_000_000_000
HEADERS = 80
"""Octets of a frame without payload, at most, with rare exceptions."""
FOLLOWING = 8
"""Connections that come after the first, at most."""
FRAGMENTS = {None: ANY, "first": 0x2000, "later": 0x0010}
"""More fragments; 16 times 8 octets on."""


def service_of(model: ServiceModel, depth: int = 0) -> Service:
    """A service from its model. Raises ValueError."""
    if depth > FOLLOWING:
        raise ValueError(f"port {model.port!r}: more than {FOLLOWING} connections, one after the other")
    name, slash, number = model.port.partition("/")
    if name not in PROTOCOLS or (number == "") != (name == "icmp") or (slash and not number):
        raise ValueError(f"port {model.port!r}: expected tcp/N, udp/N, tcp/*, udp/* or icmp")
    port = ANY
    if number not in ("", "*"):
        if not (number.isascii() and number.isdecimal() and len(number) <= 5) or int(number) > 65_535:
            raise ValueError(f"port {model.port!r}: {number[:40]} is not a port")
        port = int(number)
    low, high = map(int, model.fresh_octets.split("-"))
    if not 1 <= low <= high <= payloads.SEGMENT:
        raise ValueError(f"fresh_octets {model.fresh_octets!r}: expected LOW-HIGH, 1 to {payloads.SEGMENT}")
    head = payloads.spoken(model.fresh_after) if model.fresh_after else b""
    if model.fresh > 0 and len(head) >= low:
        raise ValueError(f"fresh_octets {model.fresh_octets!r}: {len(head)} come from fresh_after; expected more")
    whole = [part for text in model.says for part in payloads.segments(payloads.spoken(text))]
    alternatives = [(1.0, whole)] if model.says else []
    for rank, text in enumerate(model.or_says, 2):
        alternatives.append((1.0 / rank, payloads.segments(payloads.spoken(text))))
    after = round(model.after * NS)
    return Service(
        PROTOCOLS[name], port, alternatives, model.weight, ANY if model.source_port is None else model.source_port,
        model.speaks if alternatives or model.fresh else 0.0, model.fresh, (low, high), head, model.salted,
        ANY if model.repeats is None else model.repeats, FRAGMENTS[model.fragment],
        follow=service_of(model.follow, depth + 1) if model.follow else None, follow_ns=(after, 2 * after),
    )  # fmt: skip


def size_of(services: Sequence[Service], personas: Iterable[str], world: World) -> tuple[float, float]:
    """Packets and octets of a conversation, at most."""
    most = max([PERSONAS[name].repeats for name in personas], default=0)
    weights = sum(each.weight for each in services)
    packets = sum(
        each.weight * max(each.packets(answered, most) for answered in set(world.answers)) for each in services
    )
    octets = sum(each.weight * each.octets() for each in services)
    return packets / weights, packets / weights * HEADERS + octets / weights
