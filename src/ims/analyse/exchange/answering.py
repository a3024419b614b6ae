"""What answered where: a block's policy at a time, as its coverage tells, and sources that get no reply."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

import pyarrow as pa

from ims import arrow
from ims.respond.policy import NEVER, PRIVATE
from ims.respond.policy_text import BY_PORT, PASSIVE, RecordedPolicy, recorded_policy

NOT_TOLD = RecordedPolicy(None)
LAST = "\U0010ffff"
"""After every text."""


@dataclass(frozen=True)
class Answering:
    """By sensor and block, when each policy began (microseconds), in the order of time. `texts`: what each says;
    `networks`: of each sensor's blocks, to which it never replies; another sensor does."""

    periods: dict[tuple[str, str], list[tuple[int, str]]]
    texts: dict[str, RecordedPolicy]
    networks: Mapping[str, frozenset[str]]

    def at(self, sensor: str, block: str, time: int) -> RecordedPolicy:
        """What answered there then. Between two periods it is what the earlier one had."""
        periods = self.periods.get((sensor, block))
        if not periods:
            return NOT_TOLD
        return self.texts[periods[max(bisect_right(periods, (time, LAST)) - 1, 0)][1]]

    def is_never_answered(self, source: str, sensor: str) -> bool:
        """Whether no settings let this source have a reply of this sensor."""
        address = IPv4Address(source)
        return any(address in IPv4Network(prefix) for prefix in (*NEVER, *self.networks.get(sensor, ())))

    @property
    def is_by_unknown_port(self) -> bool:
        """Whether a policy by port isn't told."""
        return any(text.startswith(BY_PORT) and each.ports is None for text, each in self.texts.items())


def is_private(source: str) -> bool:
    """Whether a source has a reply only if its sensor's settings say so."""
    return any(IPv4Address(source) in IPv4Network(prefix) for prefix in PRIVATE)


def answering_of(coverage: pa.Table, pairs: Sequence[tuple[str, str]]) -> Answering:
    """`coverage`: the verb's table; `pairs`: the sensors and blocks that matter. Periods in which nothing answered,
    such as those of a capture in a second store of the sensor, don't count: their packets say themselves that no
    responder ran."""
    needed = set(pairs)
    periods: defaultdict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    names = (coverage.column(name).to_pylist() for name in ("sensor", "block", "policy"))
    for sensor, block, policy, since in zip(*names, arrow.numbers(coverage.column("since")).tolist(), strict=True):
        if (sensor, block) in needed and policy != PASSIVE:
            periods[sensor, block].append((since, policy))
    for each in periods.values():
        each.sort()
    texts = {text: recorded_policy(text) for each in periods.values() for _, text in each}
    networks: defaultdict[str, set[str]] = defaultdict(set)
    if "prefix" in coverage.column_names:
        for sensor, prefix in zip(*(coverage.column(name).to_pylist() for name in ("sensor", "prefix")), strict=True):
            networks[sensor].add(prefix)
    return Answering(dict(periods), texts, {sensor: frozenset(each) for sensor, each in networks.items()})
