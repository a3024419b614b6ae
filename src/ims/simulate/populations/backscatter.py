"""Backscatter: responses of the victims of floods with spoofed sources, to addresses that sent nothing.

With sources spoofed uniformly over all of IPv4, each response of a victim reaches n dark addresses with probability
n / 2**32 (Moore, Voelker and Savage, USENIX Security 2001, section 3.1): a Poisson process at that share of the
attack's rate.
"""

from __future__ import annotations

import ipaddress
from typing import Any

import numpy as np

from ims.kernels import kernel
from ims.packet.field_values import ACK, DO_NOT_FRAGMENT, RST, SYN
from ims.packet.field_values import PROTOCOL_ICMP as ICMP
from ims.packet.field_values import PROTOCOL_TCP as TCP
from ims.simulate.kernels.conversation import MILLISECOND
from ims.simulate.kernels.frame_buffer import NO_PAYLOAD, QUOTE, put_packet
from ims.simulate.kernels.hosts import hops_to
from ims.simulate.kernels.persona import NAMES
from ims.simulate.kernels.prng import below, chosen, next64, poisson, unit
from ims.simulate.populations.sender import Sender, active
from ims.simulate.random_columns import RandomColumns
from ims.simulate.scenario.models import AttackModel
from ims.simulate.scenario.scenario import Scenario
from ims.simulate.scenario.services import HEADERS
from ims.simulate.scenario.tables import Cast
from ims.simulate.scenario.world import World, first_hosts, reached_by

Array = np.ndarray[Any, Any]
NS = 1_000_000_000

ATTACK = np.dtype(
    [
        ("since", "i8"), ("until", "i8"),  # ns
        ("victim", "i8"), ("port", "i8"),
        ("rate", "f8"),  # packets a second that reach the victim and are answered
        ("syn_ack", "f8"),  # share of the answers that are SYN-ACKs,
        ("reset", "f8"),  # that are RSTs; the others are ICMP errors
        ("icmp_code", "i8"),  # of type 3
        ("repeats", "i8"),  # SYN-ACKs after the first: nobody acknowledges it
        ("persona", "i8"), ("event", "i8"),
    ]
)  # fmt: skip


@kernel
def scatter(draft, packet, tables, attacks, reach, first, state, since, until):
    """Write what begins in [since, until) ns; False where the draft has no room.

    `reach`: float64, cumulative number of addresses of the blocks; `first`: their first addresses.
    """
    addresses = reach[reach.size - 1]
    for index in range(attacks.size):
        attack = attacks[index]
        begin, end = max(since, attack["since"]), min(until, attack["until"])
        if begin >= end:
            continue
        for _ in range(poisson(state, attack["rate"] * addresses / 4294967296.0 * ((end - begin) / NS))):
            time = begin + below(state, end - begin)
            block = chosen(state, reach, 0, reach.size)
            size = reach[block] - (reach[block - 1] if block > 0 else 0.0)
            packet["destination"] = first[block] + below(state, size)
            packet["time"], packet["block"], packet["event"] = time, block, attack["event"]
            if not _answer(draft, packet, tables, attack, state):
                return False
    return True


@kernel
def _answer(draft, packet, tables, attack, state):
    """One response to a SYN whose source port and sequence number were random."""
    persona, kind, word = tables.personas[attack["persona"]], unit(state), next64(state)
    error = kind >= attack["syn_ack"] + attack["reset"]
    packet["source"] = attack["victim"]
    packet["hops"] = hops_to(packet["source"], packet["block"])
    packet["ttl"] = (255 if error else persona["ttl"]) - packet["hops"]
    packet["ip_id"] = np.int64(word >> np.uint64(48))
    packet["persona"] = -1
    packet["fragment"] = 0 if error else DO_NOT_FRAGMENT
    packet["payload"], packet["payload_length"], packet["fresh"] = NO_PAYLOAD, 0, np.uint64(0)
    packet["source_port"] = attack["port"]
    packet["destination_port"] = 1024 + below(state, 64_512)
    packet["acknowledgment"] = np.int64(word & np.uint64(0xFFFFFFFF))
    if error:
        packet["protocol"], packet["icmp_type"], packet["icmp_code"] = ICMP, 3, attack["icmp_code"]
        packet["icmp_rest"], packet["payload"] = 0, QUOTE
        packet["sequence"] = packet["acknowledgment"]
        return put_packet(draft, packet, tables.personas, tables.shelf)
    packet["protocol"] = TCP
    if kind >= attack["syn_ack"]:
        packet["flags"], packet["window"], packet["sequence"] = RST | ACK, 0, 0
        return put_packet(draft, packet, tables.personas, tables.shelf)
    packet["flags"], packet["window"] = SYN | ACK, persona["window"]
    packet["persona"] = attack["persona"]
    packet["sequence"] = np.int64(next64(state) >> np.uint64(32))
    packet["timestamp"] = max(1, packet["time"] // MILLISECOND & 0xFFFFFFFF)
    wait = 3000 * MILLISECOND
    for _ in range(attack["repeats"] + 1):
        if not put_packet(draft, packet, tables.personas, tables.shelf):
            return False
        packet["time"] += wait + below(state, MILLISECOND)
        wait *= 2
    return True


class Backscatter(Sender):
    """Victims; columns: ATTACK, reach and first of `scatter`, stream."""

    def conversations(self, since: int, until: int) -> float:
        """As Sender."""
        rows, reach, *_ = self.columns
        packets = (active(rows, since, until) / NS * rows["rate"] * (1 + rows["repeats"])).sum()
        return float(packets * reach[-1] / (1 << 32))


def attack_of(scenario: Scenario, model: AttackModel, cast: Cast, world: World, state: Array) -> Backscatter:
    """The victims of a scenario's attacks, at the times that they are attacked. Raises ValueError."""
    reach = world.reach(reached_by(model, world))
    since, until = scenario.window(model)
    random = RandomColumns(int(cast.keys(f"attacks {model.name}")[0] >> np.uint64(1)))
    lasts = min(model.duration or until - since, until - since)
    rows = np.zeros(model.count, ATTACK)
    delays = random.below(1 << 53, model.count) / (1 << 53) * (until - since - lasts) if model.count > 1 else 0.0
    rows["since"] = np.round((since + np.asarray(delays)) * NS).astype(np.int64)
    rows["until"] = rows["since"] + round(lasts * NS)
    if model.victim is not None:
        rows["victim"] = int(ipaddress.IPv4Address(model.victim))
    else:
        rows["victim"] = first_hosts(cast.keys(f"victims {model.name}"), world, model.count)[1]
    weights = sum(model.answers.values())
    rows["syn_ack"] = model.answers.get("syn-ack", 0.0) / weights
    rows["reset"] = model.answers.get("reset", 0.0) / weights
    rows["port"], rows["rate"], rows["repeats"] = model.port, model.rate * scenario.scale, model.repeats
    rows["icmp_code"], rows["persona"] = 13, NAMES.index(model.persona)
    rows["event"] = cast.event(
        model.name, "attack",
        {
            "victims": [str(ipaddress.IPv4Address(int(victim))) for victim in rows["victim"][:1000]],
            "port": model.port,
            "begins": [scenario.shown(at / NS) for at in rows["since"][:1000]], "duration_seconds": lasts,
            "rate": model.rate * scenario.scale, "answers": model.answers,
            "share_of_ipv4": float(reach[-1]) / (1 << 32),
        },
    )  # fmt: skip
    return Backscatter(scatter, (rows, reach, world.first, state), (1.0, HEADERS))
