"""From a scenario's tables to populations: what each sends in a while of time, by its kernel.

A population has `write`, which adds its packets of [since, until) to a draft, and `expected`, how many packets and octets
that may come to, so that whiles can be cut to fit.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from ims.simulate import payloads as said
from ims.simulate.background import background_services
from ims.simulate.backscatter import ATTACK, scatter
from ims.simulate.cast import PROTOCOLS, Cast, Service
from ims.simulate.conversation import ANY, Tables
from ims.simulate.dice import Dice
from ims.simulate.draft import Draft
from ims.simulate.hosts import ALL, NEVER, REST, Law, address_of, infected, is_inhabited, numbers_in
from ims.simulate.misconfigured import DRIP, drip
from ims.simulate.persona import NAMES, PERSONAS
from ims.simulate.scanning import Groups, scan
from ims.simulate.scenario import (
    AttackModel,
    BackgroundModel,
    MisconfigurationModel,
    Scenario,
    ScannerModel,
    ServiceModel,
    WormModel,
)
from ims.simulate.stream import stream
from ims.simulate.sweep import PERMUTATION, RANDOM, SEQUENTIAL, SHARED, SWEEP, dark_positions, sweep

Array = np.ndarray[Any, Any]
NS = 1_000_000_000
HEADERS = 80
"""Octets of a frame without payload, at most, nearly always."""
ORDERS = {"random": RANDOM, "sequential": SEQUENTIAL, "permutation": PERMUTATION, "shared-permutation": SHARED}
FRAGMENTS = {None: ANY, "first": 0x2000, "later": 0x0010}
"""More fragments; 16 times 8 octets on."""
HOURS = {"never": NEVER, "rest": REST, "all": ALL}
NOBODY_LIVES_IN = (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/16",
    "192.88.0.0/16", "192.168.0.0/16", "198.18.0.0/15", "198.51.0.0/16", "203.0.0.0/16", "224.0.0.0/3",
)  # fmt: skip
"""RFC 6890, by /16s; the networks of a scenario's blocks are inhabited all the same."""


class World(NamedTuple):
    """The darknet, and where hosts live."""

    first: Array
    """int64: first and last addresses of the blocks, sorted"""
    last: Array
    names: tuple[str, ...]
    answers: tuple[bool, ...]
    activity: Array
    inhabited: Array
    """uint8 (65536,)"""

    def reach(self, reached: list[int]) -> Array:
        """float64: cumulative number of addresses of these blocks; the others count as none."""
        sizes = np.zeros(self.first.size)
        sizes[reached] = (self.last - self.first + 1.0)[reached]
        return np.cumsum(sizes)


class Population(Protocol):
    """Somebody who sends."""

    def write(self, draft: Draft, packet: Any, tables: Tables, since: int, until: int) -> bool:
        """Add what begins in [since, until) ns; False where the draft has no room."""

    def expected(self, since: int, until: int) -> tuple[float, float]:
        """Packets and octets in that while, on average and at most."""


def world_of(scenario: Scenario) -> World:
    """The scenario's blocks and networks."""
    blocks = scenario.blocks()
    inhabited = np.ones(1 << 16, np.uint8)
    for prefix in NOBODY_LIVES_IN:
        inhabited[_sixteens(ipaddress.IPv4Network(prefix))] = 0
    for block in blocks:
        around = ipaddress.IPv4Network(block.network or block.prefix)
        if around.prefixlen > 16:
            around = around.supernet(new_prefix=16)
        inhabited[_sixteens(around)] = 1
    prefixes = [ipaddress.IPv4Network(block.prefix) for block in blocks]
    return World(
        np.array([int(prefix[0]) for prefix in prefixes], np.int64),
        np.array([int(prefix[-1]) for prefix in prefixes], np.int64),
        tuple(block.name for block in blocks), tuple(block.answers for block in blocks),
        np.array([block.activity for block in blocks]), inhabited,
    )  # fmt: skip


def _sixteens(network: ipaddress.IPv4Network) -> slice:
    return slice(int(network[0]) >> 16, (int(network[-1]) >> 16) + 1)


def populations_of(scenario: Scenario, cast: Cast, world: World) -> list[Population]:
    """All populations of a scenario; their events, services and payloads go to the cast. Raises ValueError."""
    makers: list[tuple[str, Any]] = [
        ("worm", _worm), ("scanner", _scanner), ("attack", _attack), ("misconfiguration", _misconfiguration),
        ("background", _background),
    ]  # fmt: skip
    answer: list[Population] = []
    for kind, make in makers:
        for model in getattr(scenario, kind):
            answer.append(make(scenario, model, cast, world, stream(cast.seed, len(answer) + 1)))
    return answer


def service_of(model: ServiceModel) -> Service:
    """A service from its model. Raises ValueError."""
    name, slash, number = model.port.partition("/")
    if name not in PROTOCOLS or (slash == "") != (name == "icmp"):
        raise ValueError(f"port {model.port!r}: wanted tcp/N, udp/N, tcp/*, udp/* or icmp")
    port = ANY
    if number not in ("", "*"):
        if not number.isdecimal() or int(number) > 65_535:
            raise ValueError(f"port {model.port!r}: {number} is no port")
        port = int(number)
    low, high = map(int, model.fresh_octets.split("-"))
    if not 1 <= low <= high <= said.SEGMENT:
        raise ValueError(f"fresh_octets {model.fresh_octets!r}: wanted LOW-HIGH, 1 to {said.SEGMENT}")
    whole = [said.spoken(text) for text in model.says]
    alternatives = [(1.0, [part for message in whole for part in said.segments(message)])] if whole else []
    for rank, text in enumerate(model.or_says, 2):
        alternatives.append((1.0 / rank, said.segments(said.spoken(text))))
    after = round(model.after * NS)
    return Service(
        PROTOCOLS[name], port, alternatives, model.weight, ANY if model.source_port is None else model.source_port,
        model.speaks if alternatives or model.fresh else 0.0, model.fresh, (low, high),
        said.spoken(model.fresh_after) if model.fresh_after else b"", model.salted,
        ANY if model.repeats is None else model.repeats, FRAGMENTS[model.fragment], follow=service_of(model.follow) if model.follow else None,
        follow_ns=(after, 2 * after),
    )  # fmt: skip


def _window(scenario: Scenario, model: Any) -> tuple[float, float]:
    return scenario.offset(model.since, 0.0), scenario.offset(model.until, scenario.duration)


def _reached(model: Any, world: World) -> list[int]:
    return [index for index, name in enumerate(world.names) if not model.blocks or name in model.blocks]


def _size(services: Sequence[Service], personas: Iterable[str], world: World) -> tuple[float, float]:
    """Packets and octets of a conversation, at most."""
    most = max([PERSONAS[name].repeats for name in personas], default=0)
    weights = sum(service.weight for service in services)
    packets = sum(
        service.weight * max(service.packets(answered, most) for answered in set(world.answers)) for service in services
    )
    octets = sum(service.weight * service.octets() for service in services)
    return packets / weights, packets / weights * HEADERS + octets / weights


class Scanning:
    """Hosts without number: scanning.scan."""

    def __init__(self, law: Law, groups: Groups, state: Array, size: tuple[float, float], window: tuple[float, float]):
        self.law, self.groups, self._state, self._size = law, groups, state, size
        self._since, self._until = round(window[0] * NS), round(window[1] * NS)
        self._everywhere = float(groups.rate[groups.count < 0].sum())
        self._listed = float((groups.rate * np.maximum(groups.count, 0)).sum())

    def write(self, draft: Draft, packet: Any, tables: Tables, since: int, until: int) -> bool:
        """As Population."""
        since, until = max(since, self._since), min(until, self._until)
        if since >= until:
            return True
        return bool(scan(draft, packet, tables, self.law, self.groups, self._state, since, until))

    def expected(self, since: int, until: int) -> tuple[float, float]:
        """As Population."""
        since, until = max(since, self._since), min(until, self._until)
        if since >= until:
            return 0.0, 0.0
        hosts = infected(self.law, until / NS)
        runs = (hosts * self._everywhere + self._listed) * (until - since) / NS
        return runs * self.groups.run[0] * self._size[0], runs * self.groups.run[0] * self._size[1]


def law_of(
    keys: Array, world: World, counts: tuple[float, float, float], *, doubling: float | None = None,
    half_life: float | None = None, outbreak: float = 0.0, decline: float = math.inf, midnight: float = 0.0,
    rest: tuple[float, float, float] = (0.0, 0.0, 10.0), hours: int = NEVER, zones: Array | None = None,
    skew: float = 1.0,
) -> Law:  # fmt: skip
    """The law of a population: its hosts at first, their limit, how many are ever infected; times in seconds."""
    live = 0
    for first, last in zip(world.first, world.last, strict=True):  # dark addresses among inhabited /16s
        whole = np.arange(first >> 16, (last >> 16) + 1)
        sizes = np.minimum(last, whole * 65_536 + 65_535) - np.maximum(first, whole * 65_536) + 1
        live -= int(sizes[world.inhabited[whole] == 1].sum())
    live += int(world.inhabited.sum()) * 65_536
    return Law(
        keys, np.array(counts, np.float64),
        np.array([math.log(2) / doubling if doubling else 0.0, math.log(2) / half_life if half_life else 0.0]),
        np.array([outbreak, decline, midnight]), np.array(rest, np.float64), np.array([hours], np.int64),
        np.ones(24).cumsum() if zones is None else zones, world.inhabited, np.array([live / (1 << 32)]),
        np.array([skew]),
    )  # fmt: skip


def _groups(
    world: World, reached: list[int], law: Law, runs: float, targets: dict[str, float], services: tuple[int, int],
    run: tuple[int, float], apart: float | None,
) -> Groups:  # fmt: skip
    """`runs` a second and host, in the shares of `targets`."""
    weights = sum(targets.values())
    length = run[0]
    rows: list[tuple[int, int, int, int, int, float]] = []
    lists: list[Array] = []
    listed = 0
    most = math.ceil(law.counts[2] / law.share[0])
    for block in reached:
        low, high = max(0, int(world.first[block]) - length + 1), int(world.last[block])
        for scope, weight in targets.items():
            if scope == "any":
                rows.append((0, -1, block, low, high, runs * weight / weights * (high - low + 1) / (1 << 32)))
                continue
            size = 1 << (32 - int(scope[1:]))
            for around in range(low // size * size, high + 1, size):
                begin, end = max(low, around), min(high, around + size - 1)
                found = _living_in(law, world, most, around, around + size - 1)
                if found.size:
                    rate = runs * weight / weights * (end - begin + 1) / size
                    rows.append((listed, found.size, block, begin, end, rate))
                    lists.append(found)
                    listed += found.size
    columns = list(zip(*rows, strict=True)) if rows else [()] * 6
    gap = round(run[1] * NS)
    return Groups(
        np.concatenate(lists) if lists else np.zeros(1, np.int64),
        *(np.array(columns[index], np.int64) for index in range(5)), np.array(columns[5], np.float64),
        world.first, world.last, np.array(services, np.int64), np.array([length, gap // 2, gap + gap // 2], np.int64),
        np.array([round(apart * NS) if apart else 0], np.int64),
    )  # fmt: skip


def _living_in(law: Law, world: World, most: int, lowest: int, highest: int) -> Array:
    """Numbers of the hosts of a range of addresses."""
    found = np.zeros(1 << 12, np.int64)
    while True:
        count = numbers_in(law, most, lowest, highest, world.first, world.last, found)
        if count <= found.size:
            return found[:count].copy()
        found = np.zeros(count, np.int64)


def _worm(scenario: Scenario, model: WormModel, cast: Cast, world: World, state: Array) -> Population:
    since, until = _window(scenario, model)
    scale = scenario.scale
    decline = scenario.offset(model.decline, math.inf)
    start, limit = (model.hosts or model.initial or 0) * scale, (model.hosts or model.limit or 0) * scale
    ever = limit
    if model.doubling is not None:
        grown = math.exp(-math.log(2) / model.doubling * (min(decline, until) - since))
        ever = limit / (1 + (limit / start - 1) * grown)
    zones = np.cumsum([model.zones.get(f"{hour:+d}", 0.0) for hour in range(-11, 13)])
    keys = cast.keys(f"pool {model.pool}" if model.pool else f"hosts {model.name}")
    law = law_of(
        keys, world, (start, limit, ever), doubling=model.doubling, half_life=model.half_life, outbreak=since,
        decline=decline, midnight=_second_of_day(scenario), rest=(model.rest, model.always_on, model.hours_a_day),
        hours=HOURS[model.hours], zones=zones,
    )  # fmt: skip
    services = [service_of(service) for service in model.service]
    event = cast.event(
        model.name, "worm",
        {
            "like": model.like, "hosts_ever": ever, "hosts_at_first": start, "limit": limit,
            "doubling_seconds": model.doubling, "growth_per_hour": math.log(2) / model.doubling * 3600 if model.doubling else None,
            "outbreak": scenario.shown(since), "decline": scenario.shown(decline) if model.decline is not None else None,
            "half_life_seconds": model.half_life, "rest": model.rest, "hours": model.hours,
            "runs_per_hour": model.runs_per_hour, "run_length": model.run_length, "targets": model.targets,
            "ports": [service.port for service in model.service],
        },
    )  # fmt: skip
    population = cast.population(keys, model.personas)
    groups = _groups(
        world, _reached(model, world), law, model.runs_per_hour / 3600, model.targets,
        cast.services(services, population, event), (model.run_length, model.run_gap), model.apart,
    )  # fmt: skip
    return Scanning(law, groups, state, _size(services, model.personas, world), (since, until))


def _second_of_day(scenario: Scenario) -> float:
    start = scenario.start
    return start.hour * 3600 + start.minute * 60 + start.second


def _background(scenario: Scenario, model: BackgroundModel, cast: Cast, world: World, state: Array) -> Population:
    reached = _reached(model, world)
    keys = cast.keys(f"hosts {model.name}")
    hosts = max(1.0, model.sources * scenario.scale)
    law = law_of(keys, world, (hosts, hosts, hosts), skew=3.0, midnight=_second_of_day(scenario))
    conversations = model.packets_per_24 * scenario.scale * world.activity * (world.last - world.first + 1) / 256
    total = float(conversations[reached].sum())
    answered = float(conversations[[index for index in reached if world.answers[index]]].sum())
    services = background_services(model, Dice(cast.seed), total, answered)
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
        np.array(reached, np.int64), world.first[reached], world.last[reached], np.array(rates), world.first, world.last,
        np.array([first, count], np.int64), np.array([1, 0, 0], np.int64), np.zeros(1, np.int64),
    )  # fmt: skip
    return Scanning(law, groups, state, _size(services, model.personas, world), _window(scenario, model))


class Sweeping:
    """Scanners in a table: sweep.sweep."""

    def __init__(
        self, sweeps: Array, population: int, world: World, reached: list[int], permutation: Array, state: Array,
        size: tuple[float, float],
    ):  # fmt: skip
        self.sweeps, self._population, self._world, self._permutation = sweeps, population, world, permutation
        self._state, self._size, self._reach = state, size, world.reach(reached)
        self._positions = np.zeros(0, np.uint32)
        if (sweeps["order"] == SHARED).any():
            self._positions = np.zeros(int(self._reach[-1]), np.uint32)
            dark_positions(permutation, world.first[reached], world.last[reached], self._positions)
            self._positions.sort()

    def write(self, draft: Draft, packet: Any, tables: Tables, since: int, until: int) -> bool:
        """As Population."""
        return bool(
            sweep(
                draft, packet, tables, self.sweeps, self._population, self._reach, self._world.first, self._positions,
                self._permutation, self._state, since, until,
            )
        )  # fmt: skip

    def expected(self, since: int, until: int) -> tuple[float, float]:
        """As Population."""
        rows = self.sweeps
        active = np.maximum(np.minimum(until, rows["until"]) - np.maximum(since, rows["since"]), 0) / NS * rows["rate"]
        inside = rows["order"] == SEQUENTIAL  # it may be in the darknet all the while
        probes = float(active[inside].sum() + active[~inside].sum() * self._reach[-1] / (1 << 32))
        return probes * self._size[0], probes * self._size[1]


def _scanner(scenario: Scenario, model: ScannerModel, cast: Cast, world: World, state: Array) -> Population:
    since, until = _window(scenario, model)
    keys = cast.keys(f"hosts {model.name}")
    services = [service_of(service) for service in model.service]
    event = cast.event(
        model.name, "scanner",
        {
            "sources": model.sources, "order": model.order, "tool": model.tool, "range": model.range,
            "probes_a_second_each": model.rate * scenario.scale, "ports": [service.port for service in model.service],
        },
    )  # fmt: skip
    population = cast.population(keys, model.tool)
    first, count = cast.services(services, population, event)
    dice = Dice(int(keys[4] >> np.uint64(1)))
    through = ipaddress.IPv4Network(model.range or "0.0.0.0/0")
    rows = np.zeros(model.sources, SWEEP)
    rows["order"], rows["since"], rows["until"] = ORDERS[model.order], round(since * NS), round(until * NS)
    rows["rate"], rows["service"], rows["services"] = model.rate * scenario.scale, first, count
    rows["number"], rows["source"] = _first_hosts(keys, world, model.sources)
    rows["size"] = through.num_addresses if model.order == "sequential" else 1 << 32
    rows["first"] = int(through[0]) if model.order == "sequential" else 0
    if model.range is not None and model.order != "sequential":
        raise ValueError(f"scanner {model.name}: only a sequential one has a range")
    if model.start == "anywhere" and model.order in ("sequential", "shared-permutation"):
        rows["start"] = dice.below(int(rows["size"][0]), model.sources)
    return Sweeping(
        rows, population, world, _reached(model, world), cast.keys("the shared permutation"), state,
        _size(services, model.tool, world),
    )  # fmt: skip


def _first_hosts(keys: Array, world: World, count: int) -> tuple[Array, Array]:
    """Numbers and addresses of the first `count` hosts that live somewhere."""
    numbers, addresses, number = [], [], 0
    while len(numbers) < count:
        address = address_of(keys, number)
        if is_inhabited(address, world.inhabited, world.first, world.last):
            numbers.append(number)
            addresses.append(address)
        number += 1
    return np.array(numbers, np.int64), np.array(addresses, np.int64)


class Scattering:
    """Victims: backscatter.scatter."""

    def __init__(self, attacks: Array, world: World, reached: list[int], state: Array):
        self.attacks, self._first, self._reach, self._state = attacks, world.first, world.reach(reached), state

    def write(self, draft: Draft, packet: Any, tables: Tables, since: int, until: int) -> bool:
        """As Population."""
        return bool(scatter(draft, packet, tables, self.attacks, self._reach, self._first, self._state, since, until))

    def expected(self, since: int, until: int) -> tuple[float, float]:
        """As Population."""
        rows = self.attacks
        active = np.maximum(np.minimum(until, rows["until"]) - np.maximum(since, rows["since"]), 0) / NS
        packets = float((active * rows["rate"] * (1 + rows["repeats"])).sum() * self._reach[-1] / (1 << 32))
        return packets, packets * HEADERS


def _attack(scenario: Scenario, model: AttackModel, cast: Cast, world: World, state: Array) -> Population:
    reached = _reached(model, world)
    since, until = _window(scenario, model)
    dice = Dice(int(cast.keys(f"attacks {model.name}")[0] >> np.uint64(1)))
    lasts = min(model.duration or until - since, until - since)
    rows = np.zeros(model.count, ATTACK)
    begins = [since] if model.count == 1 else (since + dice.below(1 << 53, model.count) / (1 << 53) * (until - since - lasts))
    rows["since"] = np.round(np.asarray(begins) * NS).astype(np.int64)
    rows["until"] = rows["since"] + round(lasts * NS)
    if model.victim is not None:
        rows["victim"] = int(ipaddress.IPv4Address(model.victim))
    else:
        rows["victim"] = _first_hosts(cast.keys(f"victims {model.name}"), world, model.count)[1]
    weights = sum(model.answers.values())
    rows["syn_ack"] = model.answers.get("syn-ack", 0.0) / weights
    rows["reset"] = model.answers.get("reset", 0.0) / weights
    rows["port"], rows["rate"], rows["repeats"] = model.port, model.rate * scenario.scale, model.repeats
    rows["icmp_code"], rows["persona"] = 13, NAMES.index(model.persona)
    rows["event"] = cast.event(
        model.name, "attack",
        {
            "victims": [str(ipaddress.IPv4Address(int(victim))) for victim in rows["victim"][:1000]], "port": model.port,
            "begins": [scenario.shown(at / NS) for at in rows["since"][:1000]], "duration_seconds": lasts,
            "rate": model.rate * scenario.scale, "answers": model.answers,
            "share_of_ipv4": float(world.reach(reached)[-1]) / (1 << 32),
        },
    )  # fmt: skip
    return Scattering(rows, world, reached, state)


class Dripping:
    """Misconfigured hosts: misconfigured.drip."""

    def __init__(self, drips: Array, state: Array, size: tuple[float, float]):
        self.drips, self._state, self._size = drips, state, size

    def write(self, draft: Draft, packet: Any, tables: Tables, since: int, until: int) -> bool:
        """As Population."""
        return bool(drip(draft, packet, tables, self.drips, self._state, since, until))

    def expected(self, since: int, until: int) -> tuple[float, float]:
        """As Population."""
        turns = float(((until - since) / self.drips["interval"] + 1).sum())
        return turns * self._size[0], turns * self._size[1]


def _misconfiguration(
    scenario: Scenario, model: MisconfigurationModel, cast: Cast, world: World, state: Array
) -> Population:
    since, until = _window(scenario, model)
    if model.block not in world.names:
        raise ValueError(f"misconfiguration {model.name}: there is no block {model.block!r}")
    block = world.names.index(model.block)
    destination = int(world.first[block]) + model.destination
    if destination > world.last[block]:
        raise ValueError(
            f"misconfiguration {model.name}: block {model.block} has {world.last[block] - world.first[block] + 1} "
            f"addresses, none of number {model.destination}"
        )
    service = service_of(model.service)
    keys = cast.keys(f"hosts {model.name}")
    event = cast.event(
        model.name, "misconfiguration",
        {
            "sources": model.sources, "destination": str(ipaddress.IPv4Address(destination)), "port": model.service.port,
            "interval_seconds": model.interval,
        },
    )  # fmt: skip
    population = cast.population(keys, model.personas)
    rows = np.zeros(model.sources, DRIP)
    rows["number"], rows["source"] = _first_hosts(keys, world, model.sources)
    rows["destination"], rows["block"] = destination, block
    interval = round(model.interval * NS)
    rows["interval"], rows["jitter"] = interval, int(interval * model.jitter)
    rows["since"] = round(since * NS) + Dice(int(keys[4] >> np.uint64(1))).below(interval, model.sources)
    rows["until"] = round(until * NS)
    rows["service"] = cast.services([service], population, event)[0]
    return Dripping(rows, state, _size([service], model.personas, world))
