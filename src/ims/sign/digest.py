"""MD5 as a kernel (RFC 1321): a payload's signature, computed without the interpreter, the GIL or a copy.

An attacker can make every payload new, so the digest has to keep up with floods: measured 0.77 GB/s for long
payloads (OpenSSL: 0.92) and 6 million a second of 90 octets. MD5 is the paper's signature and what others
publish; cache.py says what happens when two payloads have the same MD5.
"""

from __future__ import annotations

import numpy as np
from numba.extending import overload

from ims.kernels import MASK32, proven
from ims.packet.octets import le64_proven


def add32(a, b):
    """Sum modulo 2**32 of two numbers below 2**34."""
    return (a + b) & MASK32


def rotate32(word, bits):
    """`word`, below 2**32, rotated left by 1 to 31 bits."""
    return (word << bits | word >> (32 - bits)) & MASK32


# Compiled, numbers are uint32, for the processor's 32-bit rotation; in plain Python int64, which don't warn at 2**32.
@overload(add32, inline="always")
def _add32(a, b):
    return lambda a, b: np.uint32(a + b)


@overload(rotate32, inline="always")
def _rotate32(word, bits):
    return lambda word, bits: np.uint32(np.uint32(word) << bits) | np.uint32(np.uint32(word) >> (32 - bits))


@proven
def _f(x, y, z):
    return z ^ (x & (y ^ z))


@proven
def _g(x, y, z):
    return y ^ (z & (x ^ y))


@proven
def _h(x, y, z):
    return x ^ y ^ z


@proven
def _i(x, y, z):
    return y ^ (x | (z ^ MASK32))


@proven
def _step(mixed, a, b, word, bits, constant):
    return add32(b, rotate32(add32(add32(a, mixed), add32(word, constant)), bits))


@proven
def _compress(a, b, c, d, w0, w1, w2, w3, w4, w5, w6, w7):
    """One block of 64 octets, as eight little-endian words, into the state (RFC 1321, 3.4). Reads no array."""
    a0, b0, c0, d0 = a, b, c, d
    m0, m1 = np.int64(w0 & np.uint64(MASK32)), np.int64(w0 >> np.uint64(32))
    m2, m3 = np.int64(w1 & np.uint64(MASK32)), np.int64(w1 >> np.uint64(32))
    m4, m5 = np.int64(w2 & np.uint64(MASK32)), np.int64(w2 >> np.uint64(32))
    m6, m7 = np.int64(w3 & np.uint64(MASK32)), np.int64(w3 >> np.uint64(32))
    m8, m9 = np.int64(w4 & np.uint64(MASK32)), np.int64(w4 >> np.uint64(32))
    m10, m11 = np.int64(w5 & np.uint64(MASK32)), np.int64(w5 >> np.uint64(32))
    m12, m13 = np.int64(w6 & np.uint64(MASK32)), np.int64(w6 >> np.uint64(32))
    m14, m15 = np.int64(w7 & np.uint64(MASK32)), np.int64(w7 >> np.uint64(32))
    a = _step(_f(b, c, d), a, b, m0, 7, 0xD76AA478)
    d = _step(_f(a, b, c), d, a, m1, 12, 0xE8C7B756)
    c = _step(_f(d, a, b), c, d, m2, 17, 0x242070DB)
    b = _step(_f(c, d, a), b, c, m3, 22, 0xC1BDCEEE)
    a = _step(_f(b, c, d), a, b, m4, 7, 0xF57C0FAF)
    d = _step(_f(a, b, c), d, a, m5, 12, 0x4787C62A)
    c = _step(_f(d, a, b), c, d, m6, 17, 0xA8304613)
    b = _step(_f(c, d, a), b, c, m7, 22, 0xFD469501)
    a = _step(_f(b, c, d), a, b, m8, 7, 0x698098D8)
    d = _step(_f(a, b, c), d, a, m9, 12, 0x8B44F7AF)
    c = _step(_f(d, a, b), c, d, m10, 17, 0xFFFF5BB1)
    b = _step(_f(c, d, a), b, c, m11, 22, 0x895CD7BE)
    a = _step(_f(b, c, d), a, b, m12, 7, 0x6B901122)
    d = _step(_f(a, b, c), d, a, m13, 12, 0xFD987193)
    c = _step(_f(d, a, b), c, d, m14, 17, 0xA679438E)
    b = _step(_f(c, d, a), b, c, m15, 22, 0x49B40821)
    a = _step(_g(b, c, d), a, b, m1, 5, 0xF61E2562)
    d = _step(_g(a, b, c), d, a, m6, 9, 0xC040B340)
    c = _step(_g(d, a, b), c, d, m11, 14, 0x265E5A51)
    b = _step(_g(c, d, a), b, c, m0, 20, 0xE9B6C7AA)
    a = _step(_g(b, c, d), a, b, m5, 5, 0xD62F105D)
    d = _step(_g(a, b, c), d, a, m10, 9, 0x02441453)
    c = _step(_g(d, a, b), c, d, m15, 14, 0xD8A1E681)
    b = _step(_g(c, d, a), b, c, m4, 20, 0xE7D3FBC8)
    a = _step(_g(b, c, d), a, b, m9, 5, 0x21E1CDE6)
    d = _step(_g(a, b, c), d, a, m14, 9, 0xC33707D6)
    c = _step(_g(d, a, b), c, d, m3, 14, 0xF4D50D87)
    b = _step(_g(c, d, a), b, c, m8, 20, 0x455A14ED)
    a = _step(_g(b, c, d), a, b, m13, 5, 0xA9E3E905)
    d = _step(_g(a, b, c), d, a, m2, 9, 0xFCEFA3F8)
    c = _step(_g(d, a, b), c, d, m7, 14, 0x676F02D9)
    b = _step(_g(c, d, a), b, c, m12, 20, 0x8D2A4C8A)
    a = _step(_h(b, c, d), a, b, m5, 4, 0xFFFA3942)
    d = _step(_h(a, b, c), d, a, m8, 11, 0x8771F681)
    c = _step(_h(d, a, b), c, d, m11, 16, 0x6D9D6122)
    b = _step(_h(c, d, a), b, c, m14, 23, 0xFDE5380C)
    a = _step(_h(b, c, d), a, b, m1, 4, 0xA4BEEA44)
    d = _step(_h(a, b, c), d, a, m4, 11, 0x4BDECFA9)
    c = _step(_h(d, a, b), c, d, m7, 16, 0xF6BB4B60)
    b = _step(_h(c, d, a), b, c, m10, 23, 0xBEBFBC70)
    a = _step(_h(b, c, d), a, b, m13, 4, 0x289B7EC6)
    d = _step(_h(a, b, c), d, a, m0, 11, 0xEAA127FA)
    c = _step(_h(d, a, b), c, d, m3, 16, 0xD4EF3085)
    b = _step(_h(c, d, a), b, c, m6, 23, 0x04881D05)
    a = _step(_h(b, c, d), a, b, m9, 4, 0xD9D4D039)
    d = _step(_h(a, b, c), d, a, m12, 11, 0xE6DB99E5)
    c = _step(_h(d, a, b), c, d, m15, 16, 0x1FA27CF8)
    b = _step(_h(c, d, a), b, c, m2, 23, 0xC4AC5665)
    a = _step(_i(b, c, d), a, b, m0, 6, 0xF4292244)
    d = _step(_i(a, b, c), d, a, m7, 10, 0x432AFF97)
    c = _step(_i(d, a, b), c, d, m14, 15, 0xAB9423A7)
    b = _step(_i(c, d, a), b, c, m5, 21, 0xFC93A039)
    a = _step(_i(b, c, d), a, b, m12, 6, 0x655B59C3)
    d = _step(_i(a, b, c), d, a, m3, 10, 0x8F0CCC92)
    c = _step(_i(d, a, b), c, d, m10, 15, 0xFFEFF47D)
    b = _step(_i(c, d, a), b, c, m1, 21, 0x85845DD1)
    a = _step(_i(b, c, d), a, b, m8, 6, 0x6FA87E4F)
    d = _step(_i(a, b, c), d, a, m15, 10, 0xFE2CE6E0)
    c = _step(_i(d, a, b), c, d, m6, 15, 0xA3014314)
    b = _step(_i(c, d, a), b, c, m13, 21, 0x4E0811A1)
    a = _step(_i(b, c, d), a, b, m4, 6, 0xF7537E82)
    d = _step(_i(a, b, c), d, a, m11, 10, 0xBD3AF235)
    c = _step(_i(d, a, b), c, d, m2, 15, 0x2AD7D2BB)
    b = _step(_i(c, d, a), b, c, m9, 21, 0xEB86D391)
    return add32(a0, a), add32(b0, b), add32(c0, c), add32(d0, d)


@proven
def _last_word(octets, at, n):
    """The n % 8 octets that fill no word of 8, and the bit after them. The caller has checked octets[at:at+n].

    Proof: from 8 octets on, the word that ends with the input is read and shifted; it begins at at+n-8 >= at.
    Below that, octets at to at+n-1 are read one by one.
    """
    rest = n & 7
    word = np.uint64(0x80) << np.uint64(8 * rest)
    if rest == 0:
        return word
    if n >= 8:
        return word | le64_proven(octets, at + n - 8) >> np.uint64(64 - 8 * rest)
    for i in range(rest):
        word |= np.uint64(octets[at + i]) << np.uint64(8 * i)
    return word


@proven
def _padded(octets, at, whole, last, i):
    """Word `i` of the last blocks: one of `whole` words at `at`, then `last`, then zeros. Proof: octets are read where
    8 * i + 8 <= 8 * whole, which the caller has checked."""
    if i < whole:
        return le64_proven(octets, at + 8 * i)
    return last if i == whole else np.uint64(0)


@proven
def md5(octets, at, n):
    """MD5 of octets[at:at+n] as two uint64, least significant octet first; (0, 0) if outside `octets`.

    Proof: 0 <= at and at + n <= size after the first line; the loop reads whole blocks of 64 below at + n,
    `_last_word` and `_padded` what is left.
    """
    if at < 0 or n < 0 or at > octets.size - n:
        return np.uint64(0), np.uint64(0)
    last = _last_word(octets, at, n)
    a, b, c, d = np.int64(0x67452301), np.int64(0xEFCDAB89), np.int64(0x98BADCFE), np.int64(0x10325476)
    for _ in range(n >> 6):
        a, b, c, d = _compress(
            a, b, c, d,
            le64_proven(octets, at), le64_proven(octets, at + 8), le64_proven(octets, at + 16),
            le64_proven(octets, at + 24), le64_proven(octets, at + 32), le64_proven(octets, at + 40),
            le64_proven(octets, at + 48), le64_proven(octets, at + 56),
        )  # fmt: skip
        at += 64
    whole = (n & 63) >> 3
    if whole == 7:  # no room for the length: one more block
        a, b, c, d = _compress(
            a, b, c, d,
            _padded(octets, at, whole, last, 0), _padded(octets, at, whole, last, 1),
            _padded(octets, at, whole, last, 2), _padded(octets, at, whole, last, 3),
            _padded(octets, at, whole, last, 4), _padded(octets, at, whole, last, 5),
            _padded(octets, at, whole, last, 6), last,
        )  # fmt: skip
        whole = -1  # then all words are 0
    a, b, c, d = _compress(
        a, b, c, d,
        _padded(octets, at, whole, last, 0), _padded(octets, at, whole, last, 1),
        _padded(octets, at, whole, last, 2), _padded(octets, at, whole, last, 3),
        _padded(octets, at, whole, last, 4), _padded(octets, at, whole, last, 5),
        _padded(octets, at, whole, last, 6), np.uint64(n) << np.uint64(3),
    )  # fmt: skip
    return np.uint64(a) | np.uint64(b) << np.uint64(32), np.uint64(c) | np.uint64(d) << np.uint64(32)
