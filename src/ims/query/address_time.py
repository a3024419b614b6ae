"""Address-time: how many distinct addresses were watched at each moment, summed over any periods, of many groups.

All sums are exact: integers in two halves, since a /0 over a day doesn't fit into 64 bits. Sums from the beginning on
may overflow; the difference of two of them is right as long as it fits by itself, which that of a year does.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]
HALF = 16
"""Bits of the lower half of a number of addresses."""


class Sums(NamedTuple):
    """Of periods: addresses times microseconds in two halves, and microseconds at which any address was watched."""

    high: Array
    low: Array
    spent: Array


class Networks:
    """Different networks, by number: their sizes, and which contain others. Made once for many AddressTimes."""

    def __init__(self, networks: Sequence[ipaddress.IPv4Network]) -> None:
        self.sizes = np.array([network.num_addresses for network in networks], np.int64)
        self.around = _around(networks)
        self.nested = np.zeros(len(networks), np.bool_)
        """Of each whether it contains another one, or is inside one."""
        for network, outer in enumerate(self.around):
            if outer >= 0:
                self.nested[[network, outer]] = True

    def __len__(self) -> int:
        return len(self.around)


def means(area: Sums, spent: Array) -> Array:
    """float64: numbers of addresses, the means over `spent` microseconds (none of them 0) of each period."""
    whole, rest = np.divmod(area.high, spent)
    more, rest = np.divmod((rest << HALF) + area.low, spent)
    return np.asarray(((whole << HALF) + more) + rest / spent)


class AddressTime:
    """How many distinct addresses of each group were watched at each moment: steps in order of group, then time.

    Rows are periods [since, until) in microseconds in which a group (int64, from 0 on) watched `networks[prefixes]`.
    """

    def __init__(
        self,
        groups: Array,
        prefixes: Array,
        since: Array,
        until: Array,
        networks: Networks,
    ) -> None:
        lasts = since < until
        moments, ranks = np.unique(np.concatenate([since[lasts], until[lasts]]), return_inverse=True)
        self._moments, ends = moments, len(moments)
        begin, end = np.split(ranks, 2)
        pairs, begin, end = _united(groups[lasts] * len(networks) + prefixes[lasts], begin, end, ends)
        of_pairs = pairs // max(1, len(networks)) * ends
        places = np.concatenate([of_pairs + begin, of_pairs + end])
        order = np.argsort(places, kind="stable")
        changes = np.repeat(np.array([1, -1]), len(pairs))[order]
        gained = _gained(np.tile(pairs, 2)[order], changes, networks)
        places = places[order]
        last = np.flatnonzero(np.append(places[1:] != places[:-1], len(places) > 0))
        # Before the first step nothing was watched; after a group's last step neither, so that the next one follows.
        self._places = np.concatenate([[-1], places[last]])
        self._sizes = np.concatenate([[0], np.cumsum(gained)[last]])
        self._groups = self._places // max(1, ends)
        self._times = np.concatenate([[0], moments[self._places[1:] % max(1, ends)]])
        length = np.where(self._sizes[:-1] > 0, np.diff(self._times), 0)
        each = self._parts(self._sizes[:-1], length)
        self._sums = Sums(*(np.concatenate([[0], np.cumsum(part)]) for part in each))

    @property
    def steps(self) -> tuple[Array, Array]:
        """Times, and how many addresses were watched from each on: of a single group."""
        return self._times[1:], self._sizes[1:]

    @property
    def watched(self) -> tuple[Array, Array, Array]:
        """Group, begin and end of each period in which the number of addresses stayed the same and wasn't 0, in order
        of group and time."""
        at = np.flatnonzero(self._sizes)
        return self._groups[at], self._times[at], self._times[at + 1]

    def sums(self, groups: Array, since: Array, until: Array) -> Sums:
        """Of each period [since, until) of a group: at most a year."""
        both = zip(self._up_to(groups, until), self._up_to(groups, since), strict=True)
        return Sums(*(after - before for after, before in both))

    def _up_to(self, groups: Array, times: Array) -> Sums:
        rank = np.searchsorted(self._moments, times, "right") - 1
        at = np.searchsorted(self._places, groups * len(self._moments) + rank, "right") - 1
        parts = self._parts(self._sizes[at], times - self._times[at])
        return Sums(*(total[at] + part for total, part in zip(self._sums, parts, strict=True)))

    @staticmethod
    def _parts(sizes: Array, lengths: Array) -> Sums:
        return Sums((sizes >> HALF) * lengths, (sizes & ((1 << HALF) - 1)) * lengths, (sizes > 0) * lengths)


def _united(keys: Array, begin: Array, end: Array, ends: int) -> tuple[Array, Array, Array]:
    """Keys, begins and ends (numbers below `ends`) of the periods of each key; those that overlap or touch are one."""
    order = np.lexsort((begin, keys))
    keys, begin, end = keys[order], begin[order], end[order]
    _, own = np.unique(keys, return_inverse=True)
    reached = np.maximum.accumulate(own * ends + end)
    first = np.flatnonzero(np.append(len(keys) > 0, (own * ends + begin)[1:] > reached[:-1]))
    last = np.append(first[1:], len(keys))[: len(first)] - 1
    return keys[first], begin[first], reached[last] % max(1, ends)


def _gained(pairs: Array, changes: Array, networks: Networks) -> Array:
    """int64: how many addresses more (or fewer) are watched by each change, in order of group and time. `pairs`: group
    times networks plus network; `changes`: 1, or -1 where its period ends."""
    prefixes = pairs % max(1, len(networks))
    gained: Array = networks.sizes[prefixes] * changes
    nested = _Nested(networks)
    for row in np.flatnonzero(networks.nested[prefixes]).tolist():
        gained[row] = nested.change(int(pairs[row]), int(changes[row]))
    return gained


def _around(networks: Sequence[ipaddress.IPv4Network]) -> list[int]:
    """Of each network (all different) the number of the smallest one that contains it; -1: none does."""
    found, open_ = [-1] * len(networks), list[tuple[int, int]]()
    firsts = [(int(network.network_address), network.prefixlen, number) for number, network in enumerate(networks)]
    for first, bits, number in sorted(firsts):
        while open_ and open_[-1][0] < first:
            open_.pop()
        if open_:
            found[number] = open_[-1][1]
        open_.append((first + (1 << (32 - bits)) - 1, number))
    return found


class _Nested:
    """Prefixes inside others, each of which counts only while none around it is watched. A change takes as many steps
    as there are prefixes around its own."""

    def __init__(self, networks: Networks) -> None:
        self._around, self._sizes = networks.around, networks.sizes
        self._watched, self._inside = set[int](), Counter[int]()

    def change(self, pair: int, step: int) -> int:
        """How many addresses more are watched when a prefix comes (1) or goes (-1)."""
        group, prefix = divmod(pair, len(self._sizes))
        base = group * len(self._sizes)
        (self._watched.add if step > 0 else self._watched.remove)(pair)
        gained = step * (int(self._sizes[prefix]) - self._inside[pair])
        while (prefix := self._around[prefix]) >= 0:
            self._inside[base + prefix] += gained
            if base + prefix in self._watched:
                return 0
        return gained
