"""Random numbers inside kernels: xoshiro256++ (Blackman and Vigna, "Scrambled linear pseudorandom number
generators", 2021), and hashes for what is random but never changes (a host's address, its system).

Values are made by integers and exact divisions only; logarithms and powers are only compared with. So a seed gives the
same bytes on every machine (except where one comparison in 10**16 differs).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ims.kernels import add64, kernel, mul64
from ims.membership import insertion_point

Stream = np.ndarray[Any, np.dtype[np.uint64]]
ONE = 1.0 / (1 << 53)


def stream(seed: int, number: int) -> Stream:
    """The state of the stream of this number: uint64 (4,), from the seed through NumPy's SeedSequence."""
    return np.random.SeedSequence([seed, number]).generate_state(4, np.uint64).astype(np.uint64)


@kernel
def mix(word):
    """SplitMix64's finalizer: each bit of the uint64 result depends on all of `word`."""
    word = mul64(word ^ (word >> np.uint64(30)), np.uint64(0xBF58476D1CE4E5B9))
    word = mul64(word ^ (word >> np.uint64(27)), np.uint64(0x94D049BB133111EB))
    return word ^ (word >> np.uint64(31))


@kernel
def trait(key, number, salt):
    """uint64 that belongs to `number` (int64) of what `key` (uint64) names; another one for each `salt`."""
    return mix(mix(np.uint64(number) ^ key) ^ mul64(np.uint64(salt + 1), np.uint64(0x9E3779B97F4A7C15)))


@kernel
def share(word):
    """A uint64 as a number in [0, 1)."""
    return np.float64(np.int64(word >> np.uint64(11))) * ONE


@kernel
def _rotated(word, bits):
    return word << np.uint64(bits) | word >> np.uint64(64 - bits)


@kernel
def next64(state):
    """The next uint64 of a stream."""
    number = add64(_rotated(add64(state[0], state[3]), 23), state[0])
    shifted = state[1] << np.uint64(17)
    state[2] ^= state[0]
    state[3] ^= state[1]
    state[1] ^= state[2]
    state[0] ^= state[3]
    state[2] ^= shifted
    state[3] = _rotated(state[3], 45)
    return number


@kernel
def unit(state):
    """A number in [0, 1): a multiple of 2**-53."""
    return share(next64(state))


@kernel
def below(state, limit):
    """A whole number from 0 to limit - 1, int64; the bias is below limit / 2**53."""
    return np.int64(unit(state) * limit)


@kernel
def poisson(state, mean):
    """How many events of a Poisson process fall where `mean` are expected (Knuth, 3.4.1, algorithm Q, in parts of
    at most 64: one draw an event)."""
    count = 0
    while mean > 0.0:
        part = min(mean, 64.0)
        mean -= part
        floor = math.exp(-part)
        product = unit(state)
        while product > floor:
            count += 1
            product *= unit(state)
    return count


@kernel
def binomial(state, trials, chance):
    """How many of `trials` happen, each with `chance` (0 to 1): waiting times (Devroye, 1986, X.4.3), one draw a
    success."""
    if chance <= 0.0 or trials <= 0:
        return 0
    if chance >= 1.0:
        return trials
    count, at, scale = 0, 0, math.log1p(-chance)
    while True:
        step = math.log(1.0 - unit(state)) / scale
        if step >= trials - at:
            return count
        at += 1 + np.int64(step)
        count += 1


@kernel
def chosen(state, cumulative, first, count):
    """Index among cumulative[first:first+count] (ascending, its last 1 or more), by weight."""
    last = first + count - 1
    return insertion_point(cumulative, first, last, unit(state) * cumulative[last])
