"""Hosts that scan: each is a Poisson process of runs of consecutive addresses, of which the darknet sees its share.

A group is all hosts that reach one block in one way: all of them by choosing anywhere in IPv4, or those of the block's
own /8 or /16 by preferring it. A run of n addresses that begins at a uniform address of a range touches a block if it
begins up to n - 1 addresses before it; so only probes that hit are made, and they follow the law exactly (a thinned
Poisson process is a Poisson process: Lewis and Shedler, 1979). Hosts that aren't infected, were cleaned, or are
switched off are thinned out in the same way, one by one.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ims.kernels import inlined, kernel
from ims.simulate.kernels.conversation import converse
from ims.simulate.kernels.hosts import address_of, infected, is_active, is_inhabited
from ims.simulate.kernels.prng import below, chosen, poisson, trait, unit

Array = np.ndarray[Any, Any]

NS = 1_000_000_000
TURN = 20
"""Salt of a host's service in a period."""


class Groups(NamedTuple):
    """A row a group; times in ns."""

    numbers: Array  # int64: the listed hosts of all groups, one group after the other
    first: Array
    count: Array  # type: ignore[assignment]  # hides tuple.count; how many are listed; -1: all hosts
    block: Array
    low: Array  # where runs begin, both ends included
    high: Array
    rate: Array  # float64: runs that begin there, a host and second
    dark_first: Array  # the blocks, sorted
    dark_last: Array
    services: Array  # int64 (2,): the population's services with which a conversation begins: the first, how many
    run: Array  # int64 (3,): addresses in a run, ns between them at least and at most
    apart: Array  # int64 (1,): ns for which a host keeps to one service; 0: none


@kernel
def scan(draft, packet, tables, law, groups, state, since, until):
    """Write what begins in [since, until) ns; False where the draft has no room."""
    seconds = (until - since) / NS
    most = math.ceil(infected(law, until / NS) / law.share[0])
    run = groups.run[0]
    for group in range(groups.first.size):
        listed = groups.count[group]
        hosts = most if listed < 0 else listed
        for _ in range(poisson(state, hosts * groups.rate[group] * seconds)):
            time = since + below(state, until - since)
            if listed < 0:
                point = unit(state)
                number = np.int64(hosts * (point if law.skew[0] == 1.0 else point ** law.skew[0]))
            else:
                number = groups.numbers[groups.first[group] + below(state, listed)]
                if number >= most:
                    continue
            source = address_of(law.keys, number)
            if not is_inhabited(source, law.inhabited, groups.dark_first, groups.dark_last):
                continue
            at = time / NS
            if not is_active(law, number, source, at) or number * law.share[0] > infected(law, at):
                continue
            begin = groups.low[group] + below(state, groups.high[group] - groups.low[group] + 1)
            block = groups.block[group]
            for k in range(run):
                target = begin + k
                if groups.dark_first[block] <= target <= groups.dark_last[block]:
                    service = _service(tables, groups, law, state, number, time)
                    if not converse(draft, packet, tables, state, service, number, source, block, target, time):
                        return False
                time += groups.run[1] + below(state, groups.run[2] - groups.run[1] + 1)
    return True


@inlined
def _service(tables, groups, law, state, number, time):
    """The service with which a conversation begins: any, by weight, or the host's one of this period."""
    first, count = groups.services[0], groups.services[1]
    if count == 1:
        return first
    if groups.apart[0] > 0:
        turn = trait(law.keys[4], number, TURN + time // groups.apart[0])
        return first + np.int64(turn >> np.uint64(33)) % count
    return chosen(state, tables.service_weight, first, count)
