"""The background of a darknet: well-known ports, a long tail of others, and payloads of which most come again and
again.

How many of the packets with a payload bring a new one is set (paper, Figure 8: 4 %): a day's payloads from the shelf
are each new once, and so many are made up as are missing to that share. Payloads are short: the paper calls their
distribution "heavily skewed to packets with little or no payload" (section 2.3).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ims.packet.field_values import PROTOCOL_ICMP as ICMP
from ims.packet.field_values import PROTOCOL_TCP as TCP
from ims.packet.field_values import PROTOCOL_UDP as UDP
from ims.simulate.kernels.scanning import Groups
from ims.simulate.populations.epidemic import Epidemic, law_of
from ims.simulate.random_columns import RandomColumns
from ims.simulate.scenario import payloads as said
from ims.simulate.scenario.models import BackgroundModel
from ims.simulate.scenario.scenario import Scenario
from ims.simulate.scenario.services import size_of
from ims.simulate.scenario.tables import PROTOCOLS, Cast, Service
from ims.simulate.scenario.world import World, reached_by

Array = np.ndarray[Any, Any]
LENGTHS = ((1, 16, 50), (17, 64, 30), (65, 256, 15), (257, 1000, 5))
"""From, to, weight."""
UDP_OF_TAIL = 5
"""One in so many ports of the tail is UDP's."""


def background_services(
    model: BackgroundModel, dice: RandomColumns, conversations: float, answered: float
) -> list[Service]:
    """The services of a background of so many `conversations` a day, of which so many meet blocks that answer.

    Raises ValueError for a port that is none.
    """
    ports = [(*_port(text), weight) for text, weight in model.ports.items()]
    rank = np.arange(1, (model.tail_ports if model.tail > 0 else 0) + 1)
    tail = 1 / rank / (1 / rank).sum() * model.tail
    for index, number in enumerate((rank * 7919 % 64_511 + 1025).tolist()):
        ports.append((UDP if index % UDP_OF_TAIL == UDP_OF_TAIL - 1 else TCP, number, float(tail[index])))
    weights = sum(weight for _, _, weight in ports)
    if weights <= 0:
        raise ValueError(f"background {model.name}: neither ports nor a tail; expected at least one of them")

    spoken = [
        weight / weights * (answered * model.speaks if protocol == TCP else conversations)
        for protocol, _, weight in ports
    ]
    total = sum(spoken)
    wanted = (1 - model.hit_rate) * total
    shelf = _shelf(dice, int(min(max(wanted / 4, 4), 200)))
    services, known = [], 0.0
    for (protocol, port, weight), count in zip(ports, spoken, strict=True):
        says = _says(protocol, port, shelf)
        known += (
            sum(1 - math.exp(-count * share) for share in _shares(says))
            if (_NAMES[protocol], port) in said.BY_PORT
            else 0.0
        )
        services.append(
            Service(
                protocol, port, says, weight=max(weight, 1e-12), speaks=model.speaks if protocol == TCP else 1.0,
                fresh_lengths=(16, 200),
            )
        )  # fmt: skip
    known += len(shelf)
    fresh = min(1.0, max(0.0, (wanted - known) / max(total - known, 1e-9)))
    return [_with_fresh(service, fresh) for service in services]


def _with_fresh(service: Service, fresh: float) -> Service:
    return Service(
        service.protocol, service.port, service.says, service.weight, speaks=service.speaks, fresh=fresh,
        fresh_lengths=service.fresh_lengths,
    )  # fmt: skip


def _port(text: str) -> tuple[int, int]:
    name, _, number = text.partition("/")
    if name == "icmp" and not number:
        return ICMP, 0
    if name not in PROTOCOLS or not number.isdecimal() or int(number) > 65_535:
        raise ValueError(f"port {text!r}: expected tcp/N, udp/N or icmp")
    return PROTOCOLS[name], int(number)


_NAMES = {number: name for name, number in PROTOCOLS.items()}


def _says(protocol: int, port: int, shelf: Sequence[bytes]) -> list[tuple[float, Sequence[bytes]]]:
    """What is said to a port: its own, or one or two of the shelf."""
    own = said.BY_PORT.get((_NAMES[protocol], port))
    contents = own or (shelf[port % len(shelf)], shelf[(port // 7) % len(shelf)])
    return [(1 / rank, (content,)) for rank, content in enumerate(contents, 1)]


def _shares(says: Sequence[tuple[float, Sequence[bytes]]]) -> list[float]:
    total = sum(weight for weight, _ in says)
    return [weight / total for weight, _ in says]


def _shelf(dice: RandomColumns, count: int) -> list[bytes]:
    """So many payloads, each always the same."""
    band = dice.pick(range(len(LENGTHS)), count, [weight for _, _, weight in LENGTHS])
    contents = []
    for number, index in enumerate(band.tolist()):
        low, high, _ = LENGTHS[index]
        length = low + int(dice.below(high - low + 1, 1)[0])
        contents.append(said.made(f"payload {number}", length) if length > 40 else dice.bytes(length))
    return contents


def background_of(scenario: Scenario, model: BackgroundModel, cast: Cast, world: World, state: Array) -> Epidemic:
    """The hosts of a background, of which a few send most. Raises ValueError."""
    reached = reached_by(model, world)
    keys = cast.keys(f"hosts {model.name}")
    hosts = max(1.0, model.sources * scenario.scale)
    law = law_of(keys, world, (hosts, hosts, hosts), skew=3.0, midnight=scenario.second_of_day())
    conversations = model.packets_per_24 * scenario.scale * world.activity * (world.last - world.first + 1) / 256
    total = float(conversations[reached].sum())
    blocks = scenario.blocks()  # played live, `world` doesn't answer, but a sensor does
    answered = float(conversations[[index for index in reached if blocks[index].answers]].sum())
    services = background_services(model, RandomColumns(cast.seed), total, answered)
    event = cast.event(
        model.name, "background",
        {"sources": hosts, "conversations_a_day": total, "hit_rate": model.hit_rate, "ports": list(model.ports)},
    )  # fmt: skip
    population = cast.population(keys, model.personas)
    first, count = cast.services(services, population, event)
    # Numbers whose address nobody has are drawn too, and dropped: so many more are drawn.
    everybody = math.ceil(hosts / law.share[0])
    rates = [conversations[block] / 86_400 / everybody / law.share[0] for block in reached]
    groups = Groups(
        np.zeros(1, np.int64), np.zeros(len(reached), np.int64), np.full(len(reached), -1, np.int64),
        np.array(reached, np.int64), world.first[reached], world.last[reached], np.array(rates),
        world.first, world.last, np.array([first, count], np.int64), np.array([1, 0, 0], np.int64),
        np.zeros(1, np.int64),
    )  # fmt: skip
    return Epidemic(law, groups, state, size_of(services, model.personas, world), scenario.window(model))
