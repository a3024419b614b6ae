"""The distinct TCP options of a batch: few in practice, so they are passed on as a dictionary."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ims.kernels import kernel, mul64, proven
from ims.packet.octets import le64_proven
from ims.records import TCP_OPTIONS

LONGEST = 40
WORD = 8
SPREAD = np.uint64(0x9E3779B97F4A7C15)
PROBES = 16
"""Colliding options of an attacker become duplicates in the dictionary, which are harmless, and cost no more time."""


class OptionsTable(NamedTuple):
    """Value `i` is octets[offsets[i]:offsets[i + 1]]; the first one is empty. count[0] values are there."""

    octets: np.ndarray[Any, np.dtype[np.uint8]]
    offsets: np.ndarray[Any, np.dtype[np.int32]]
    slots: np.ndarray[Any, np.dtype[np.int32]]
    count: np.ndarray[Any, np.dtype[np.int64]]  # type: ignore[assignment]


def options_table(rows: int) -> OptionsTable:
    """A table for all options of `rows` packets; untouched memory costs nothing."""
    slots = 1 << (2 * rows - 1).bit_length()
    table = OptionsTable(
        np.empty((rows + 1) * LONGEST, np.uint8),
        np.zeros(rows + 2, np.int32),
        np.empty(slots, np.int32),
        np.zeros(1, np.int64),
    )
    reset_options(table)
    return table


def reset_options(table: OptionsTable) -> None:
    """Forget all values but the empty one. (2 MB for 262,144 rows: 0.1 ms.)"""
    table.slots.fill(-1)
    table.count[0] = 1
    table.offsets[:2] = 0


@proven
def last_word(octets, at, length):
    """The last 8 octets of a value, or all of a shorter one, as a number. The caller has checked 0 < length, and that
    octets[at:at + length] exists."""
    if length >= WORD:
        return le64_proven(octets, at + length - WORD)
    word = np.uint64(0)
    for step in range(length):
        word |= np.uint64(octets[np.uint64(at) + np.uint64(step)]) << np.uint64(8 * step)
    return word


@proven
def mixed_words(octets, at, length):
    """A hash of a value; the caller has checked as for `last_word`."""
    mixed = np.uint64(length)
    for step in range(0, length - WORD, WORD):
        mixed = mul64(mixed ^ le64_proven(octets, at + step), SPREAD)
        mixed ^= mixed >> np.uint64(29)
    mixed = mul64(mixed ^ last_word(octets, at, length), SPREAD)
    return mixed ^ mixed >> np.uint64(32)


@proven
def same_octets(octets, at, length, known, begin):
    """Whether two values of one length are the same; the caller has checked both as for `last_word`."""
    for step in range(0, length - WORD, WORD):
        if le64_proven(octets, at + step) != le64_proven(known, begin + step):
            return False
    return last_word(octets, at, length) == last_word(known, begin, length)


@kernel
def collect_options(octets, batch, first, last, table):
    """Enter the options of rows [first, last) and set their `options_entry`: -1 where they are null, 0 where there are
    none. (Eight octets at a time: 20 -> 16 ns a packet with benchmarks/traffic.py, where 28 in 100 have some.)"""
    known, offsets, slots, counts = table.octets, table.offsets, table.slots, table.count
    layers, entries = batch.layers, batch.options_entry
    lengths, begins = batch.options_length, batch.options_offset
    mask = slots.size - 1
    for row in range(first, last):
        if layers[row] & TCP_OPTIONS == 0:
            entries[row] = -1
            continue
        length = np.int64(lengths[row])
        at = begins[row]
        if length <= 0 or length > LONGEST or at < 0 or at + length > octets.size:
            entries[row] = 0
            continue
        slot = np.int64(mixed_words(octets, at, length) & np.uint64(mask))
        entry = free = np.int64(-1)
        for _ in range(PROBES):
            candidate = np.int64(slots[slot])
            if candidate < 0:
                free = slot
                break
            begin = np.int64(offsets[candidate])
            if np.int64(offsets[candidate + 1]) - begin == length and same_octets(octets, at, length, known, begin):
                entry = candidate
                break
            slot = (slot + 1) & mask
        if entry < 0:
            entry = counts[0]
            begin = np.int64(offsets[entry])
            for step in range(length):
                known[begin + step] = octets[at + step]
            offsets[entry + 1] = begin + length
            counts[0] = entry + 1
            if free >= 0:
                slots[free] = entry
        entries[row] = entry
