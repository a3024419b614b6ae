"""SipHash, a keyed hash for short inputs (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012).

Without the key nobody can make two inputs collide, or choose an input's place in a table. SipHash-c-d does c rounds a
word and d at the end: 2-4 is the paper's, 1-3 the faster one of Rust's and Python's tables.

The kernels are `@proven`: the range is checked once, at entry, and every read lies inside it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ims.kernels import add64, kernel, proven
from ims.packet.octets import le64_proven


@proven
def _rotate(word, bits):
    return word << np.uint64(bits) | word >> np.uint64(64 - bits)


@proven
def _round(v0, v1, v2, v3):
    v0 = add64(v0, v1)
    v1 = _rotate(v1, 13) ^ v0
    v0 = _rotate(v0, 32)
    v2 = add64(v2, v3)
    v3 = _rotate(v3, 16) ^ v2
    v0 = add64(v0, v3)
    v3 = _rotate(v3, 21) ^ v0
    v2 = add64(v2, v1)
    v1 = _rotate(v1, 17) ^ v2
    v2 = _rotate(v2, 32)
    return v0, v1, v2, v3


@proven
def _last_word(octets, at, n):
    """The n % 8 octets that fill no word, and n % 256 above them. The caller has checked octets[at:at+n].

    Proof: from 8 octets on, the word that ends with the input is read and shifted; it begins at at+n-8 >= at.
    Below that, octets at to at+n-1 are read one by one.
    """
    word = np.uint64(n & 0xFF) << np.uint64(56)
    rest = n & 7
    if rest == 0:
        return word
    if n >= 8:
        return word | le64_proven(octets, at + n - 8) >> np.uint64(64 - 8 * rest)
    for i in range(rest):
        word |= np.uint64(octets[at + i]) << np.uint64(8 * i)
    return word


@proven
def _initial(key0, key1):
    v0, v1 = key0 ^ np.uint64(0x736F6D6570736575), key1 ^ np.uint64(0x646F72616E646F6D)
    return v0, v1, key0 ^ np.uint64(0x6C7967656E657261), key1 ^ np.uint64(0x7465646279746573)


@proven
def _rounds(v0, v1, v2, v3, count):
    for _ in range(count):
        v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    return v0, v1, v2, v3


@proven
def _absorb(v0, v1, v2, v3, word, count):
    v0, v1, v2, v3 = _rounds(v0, v1, v2, v3 ^ word, count)
    return v0 ^ word, v1, v2, v3


def _variant(compression: int, finalization: int) -> tuple[Any, Any, Any]:
    """The kernels of SipHash-c-d: 64 bits, 128 bits, 128 bits of two words. The rounds are constants to the compiler,
    which unrolls them."""

    @proven
    def siphash64(octets, at, n, key0, key1):
        """64-bit SipHash of octets[at:at+n], as uint64; 0 if that isn't inside `octets`.

        Proof: 0 <= at and at + n <= size after the first line (size - n can't overflow, n >= 0); the loop
        reads 8 octets while at least 8 are left, `_last_word` what is left.
        """
        if at < 0 or n < 0 or at > octets.size - n:
            return np.uint64(0)
        v0, v1, v2, v3 = _initial(key0, key1)
        for i in range(n >> 3):
            v0, v1, v2, v3 = _absorb(v0, v1, v2, v3, le64_proven(octets, at + 8 * i), compression)
        v0, v1, v2, v3 = _absorb(v0, v1, v2, v3, _last_word(octets, at, n), compression)
        v0, v1, v2, v3 = _rounds(v0, v1, v2 ^ np.uint64(0xFF), v3, finalization)
        return v0 ^ v1 ^ v2 ^ v3

    @proven
    def _finish128(v0, v1, v2, v3, word):
        v0, v1, v2, v3 = _absorb(v0, v1, v2, v3, word, compression)
        v0, v1, v2, v3 = _rounds(v0, v1, v2 ^ np.uint64(0xEE), v3, finalization)
        low = v0 ^ v1 ^ v2 ^ v3
        v0, v1, v2, v3 = _rounds(v0, v1 ^ np.uint64(0xDD), v2, v3, finalization)
        return low, v0 ^ v1 ^ v2 ^ v3

    @proven
    def siphash128(octets, at, n, key0, key1):
        """128-bit SipHash of octets[at:at+n], as two uint64 (the first holds octets 0 to 7 of the reference's
        output, least significant first); (0, 0) if that isn't inside `octets`. Proof: as in siphash64."""
        if at < 0 or n < 0 or at > octets.size - n:
            return np.uint64(0), np.uint64(0)
        v0, v1, v2, v3 = _initial(key0, key1)
        v1 ^= np.uint64(0xEE)
        for i in range(n >> 3):
            v0, v1, v2, v3 = _absorb(v0, v1, v2, v3, le64_proven(octets, at + 8 * i), compression)
        return _finish128(v0, v1, v2, v3, _last_word(octets, at, n))

    @proven
    def siphash128_pair(first, second, key0, key1):
        """128-bit SipHash of the 16 octets of two uint64, least significant first. It reads no array."""
        v0, v1, v2, v3 = _initial(key0, key1)
        v0, v1, v2, v3 = _absorb(v0, v1 ^ np.uint64(0xEE), v2, v3, first, compression)
        v0, v1, v2, v3 = _absorb(v0, v1, v2, v3, second, compression)
        return _finish128(v0, v1, v2, v3, np.uint64(16) << np.uint64(56))

    return siphash64, siphash128, siphash128_pair


siphash_2_4, siphash128_2_4, siphash128_2_4_pair = _variant(2, 4)
_, siphash128_1_3, siphash128_1_3_pair = _variant(1, 3)


@kernel
def siphash_rows(words, key0, key1, hashes):
    """64-bit SipHash-2-4 of each row of `words` (uint64, n x k, each word least significant octet first) into
    `hashes` (uint64, n): what siphash_2_4 gives for the row's 8 k octets."""
    for row in range(words.shape[0]):
        v0, v1, v2, v3 = _initial(key0, key1)
        for i in range(words.shape[1]):
            v0, v1, v2, v3 = _absorb(v0, v1, v2, v3, words[row, i], 2)
        v0, v1, v2, v3 = _absorb(v0, v1, v2, v3, np.uint64(8 * words.shape[1] & 0xFF) << np.uint64(56), 2)
        v0, v1, v2, v3 = _rounds(v0, v1, v2 ^ np.uint64(0xFF), v3, 4)
        hashes[row] = v0 ^ v1 ^ v2 ^ v3
