"""The background of a darknet: well-known ports, a long tail of others, and payloads most of which are repeated.

The share of packets whose payload is new on its day is set (paper, Figure 8: 4 %): a day's payloads from the shelf are
each new once, and random ones make up the rest of that share. Payloads are short: the paper calls their distribution
"heavily skewed to packets with little or no payload" (section 2.3).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from ims.packet.field_values import PROTOCOL_ICMP as ICMP
from ims.packet.field_values import PROTOCOL_TCP as TCP
from ims.packet.field_values import PROTOCOL_UDP as UDP
from ims.simulate.kernels.scanning import Groups
from ims.simulate.populations.epidemic import Epidemic, law_of
from ims.simulate.random_columns import RandomColumns
from ims.simulate.scenario import payloads
from ims.simulate.scenario.models import BackgroundModel
from ims.simulate.scenario.scenario import Scenario
from ims.simulate.scenario.services import size_of
from ims.simulate.scenario.tables import PROTOCOLS, Cast, Service
from ims.simulate.scenario.world import World, reached_by

Array = np.ndarray[Any, Any]
LENGTHS = ((1, 16, 50), (17, 64, 30), (65, 256, 15), (257, 1000, 5))
"""From, to, weight."""
UDP_OF_TAIL = 5
"""One in so many ports of the tail is of UDP."""


def background_services(
    model: BackgroundModel, random: RandomColumns, conversations: float, answered: float
) -> list[Service]:
    """The services of a background of so many `conversations` a day, `answered` of them with blocks that answer. Raises
    ValueError for a port that is none."""
    ports = [(*_port(text), weight) for text, weight in model.ports.items()]
    rank = np.arange(1, (model.tail_ports if model.tail > 0 else 0) + 1)
    tail = 1 / rank / (1 / rank).sum() * model.tail
    for index, number in enumerate((rank * 7919 % 64_511 + 1025).tolist(), 1):
        ports.append((UDP if index % UDP_OF_TAIL == 0 else TCP, number, float(tail[index - 1])))
    weights = sum(weight for _, _, weight in ports)
    if weights <= 0:
        raise ValueError(f"background {model.name}: neither ports nor a tail; expected at least one of them")

    rates = {TCP: answered * model.speaks}
    counts = [weight / weights * rates.get(protocol, conversations) for protocol, _, weight in ports]
    total = sum(counts)
    expected = (1 - model.hit_rate) * total
    shelf = _shelf(random, int(min(max(expected / 4, 4), 200)))
    services, known = [], 0.0
    for (protocol, port, weight), count in zip(ports, counts, strict=True):
        own = payloads.BY_PORT.get((_NAMES[protocol], port))
        contents = own or (shelf[port % len(shelf)], shelf[(port // 7) % len(shelf)])
        says = [(1 / rank, (content,)) for rank, content in enumerate(contents, 1)]
        if own:
            whole = sum(chance for chance, _ in says)
            known += sum(1 - math.exp(-count * (chance / whole)) for chance, _ in says)
        speaks = model.speaks if protocol == TCP else 1.0
        services.append(Service(protocol, port, says, weight=max(weight, 1e-12), speaks=speaks))
    known += len(shelf)
    fresh = min(1.0, max(0.0, (expected - known) / max(total - known, 1e-9)))
    return [replace(service, fresh=fresh) for service in services]


def _port(text: str) -> tuple[int, int]:
    name, _, number = text.partition("/")
    if name == "icmp" and not number:
        return ICMP, 0
    if name not in PROTOCOLS or not number.isdecimal() or int(number) > 65_535:
        raise ValueError(f"port {text!r}: expected tcp/N, udp/N or icmp")
    return PROTOCOLS[name], int(number)


_NAMES = {number: name for name, number in PROTOCOLS.items()}


def _shelf(random: RandomColumns, count: int) -> list[bytes]:
    """So many payloads, the same for the same seed."""
    band = random.pick(range(len(LENGTHS)), count, [weight for _, _, weight in LENGTHS])
    contents = []
    for number, index in enumerate(band.tolist()):
        low, high, _ = LENGTHS[index]
        length = low + int(random.below(high - low + 1, 1)[0])
        contents.append(payloads.made(f"payload {number}", length) if length > 40 else random.bytes(length))
    return contents


def background_of(scenario: Scenario, model: BackgroundModel, cast: Cast, world: World, state: Array) -> Epidemic:
    """The hosts of a background, a few of which send most. Raises ValueError."""
    reached = reached_by(model, world)
    keys = cast.keys(f"hosts {model.name}")
    hosts = max(1.0, model.sources * scenario.scale)
    law = law_of(keys, world, (hosts, hosts, hosts), skew=3.0, midnight=scenario.second_of_day())
    conversations = model.packets_per_24 * scenario.scale * world.activity * (world.last - world.first + 1) / 256
    total = float(conversations[reached].sum())
    blocks = scenario.blocks()  # played live, `world` doesn't answer, but a sensor does
    answered = float(conversations[[index for index in reached if blocks[index].answers]].sum())
    services = background_services(model, RandomColumns(cast.seed), total, answered)
    about = {"sources": hosts, "conversations_a_day": total, "hit_rate": model.hit_rate, "ports": list(model.ports)}
    event = cast.event(model.name, "background", about)
    population = cast.population(keys, model.personas)
    first, count = cast.services(services, population, event)
    # Numbers without a host are drawn too, and dropped: so many more are drawn.
    everybody = math.ceil(hosts / law.share[0])
    rates = [conversations[block] / 86_400 / everybody / law.share[0] for block in reached]
    groups = Groups(
        np.zeros(1, np.int64), np.zeros(len(reached), np.int64), np.full(len(reached), -1, np.int64),
        np.array(reached, np.int64), world.first[reached], world.last[reached], np.array(rates),
        world.first, world.last, np.array([first, count], np.int64), np.array([1, 0, 0], np.int64),
        np.zeros(1, np.int64),
    )  # fmt: skip
    return Epidemic(law, groups, state, size_of(services, model.personas, world), scenario.window(model))
