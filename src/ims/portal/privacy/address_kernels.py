"""The kernels that look for addresses in payloads: as four octets, as numbers in text, as hexadecimal digits.

Each reads a payload once and keeps what it needs of the last few numbers; once more where something is escaped.
(Measured with 300 prefixes, bounds checked, on one core: 40 MB/s of random octets, 54 MB/s of HTTP, 23 MB/s of HTTP
with an escaped space.)
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ims.kernels import kernel
from ims.portal.privacy.escape_kernels import nibble, without_escapes

Array = np.ndarray[Any, Any]

WORD, QUOTES_ONLY = 1, 2
"""What `tops` says of the first 16 bits of an address: monitored, and searched for everywhere or in headers only."""
BEYOND = 1 << 40  # above every address; ten times as much is still a number of 64 bits
ESCAPED = 3  # how often a digit may be escaped: `%252531` is `1` escaped three times


class Darkness(NamedTuple):
    """Monitored addresses as sorted, disjoint ranges (int64); which of them are searched for as octets in headers
    only; and for each first half of an address whether any with it is monitored: uint8 (65,536,)."""

    first: Array
    last: Array
    headers_only: Array
    tops: Array


@kernel
def _range_of(low: int, high: int, dark: Darkness) -> int:
    """A range that touches low to high; -1 where none does."""
    begin, end = 0, dark.first.size
    while begin < end:
        middle = (begin + end) >> 1
        if dark.first[middle] <= high:
            begin = middle + 1
        else:
            end = middle
    if begin == 0 or dark.last[begin - 1] < low:
        return -1
    return begin - 1


@kernel
def _monitored(address: int, dark: Darkness) -> bool:
    return dark.tops[address >> 16] != 0 and _range_of(address, address, dark) >= 0


@kernel
def _swapped(word: int) -> int:
    return (word & 0xFF) << 24 | (word & 0xFF00) << 8 | word >> 8 & 0xFF00 | word >> 24


@kernel
def _header(octets: Array, at: int) -> bool:
    """Whether an IPv4 header may begin here, of a protocol that errors quote. Some hosts quote its lengths swapped."""
    protocol = int(octets[at + 9])
    known = protocol == 6 or protocol == 17 or protocol == 1 or protocol == 2 or (47 <= protocol <= 51)
    return octets[at] >> 4 == 4 and octets[at] & 15 >= 5 and (known or protocol == 132)


@kernel
def _octets_hold(octets: Array, begin: int, end: int, dark: Darkness) -> bool:
    """Four octets in a row, in either order."""
    word = 0
    for at in range(begin, end):
        word = (word << 8 | int(octets[at])) & 0xFFFFFFFF
        if at - begin < 3:
            continue
        for address in (word, _swapped(word)):
            kind = dark.tops[address >> 16]
            if kind == 0:
                continue
            found = _range_of(address, address, dark)
            if found < 0:
                continue
            if not dark.headers_only[found]:
                return True
            # Source or destination of an IPv4 header: 12 or 16 octets into it, in network order.
            for back in (15, 19):
                if address == word and at - back >= begin and _header(octets, at - back):
                    return True
    return False


@kernel
def _chain_holds(a: int, b: int, c: int, d: int, dark: Darkness) -> bool:
    if a > 255 or b > 255 or c > 255 or d > 255 or a < 0 or b < 0 or c < 0 or d < 0:
        return False
    return _monitored(a << 24 | b << 16 | c << 8 | d, dark) or _monitored(d << 24 | c << 16 | b << 8 | a, dark)


@kernel
def _three_hold(a: int, b: int, c: int, dark: Darkness) -> bool:
    """The first three numbers of an address, forward or backward."""
    if a > 255 or b > 255 or c > 255:
        return False
    forward, backward = a << 24 | b << 16 | c << 8, c << 24 | b << 16 | a << 8
    return _range_of(forward, forward | 255, dark) >= 0 or _range_of(backward, backward | 255, dark) >= 0


@kernel
def _number_holds(value: int, digits: int, dark: Darkness) -> bool:
    """One number that is an address; also swapped, if it has so many digits that it is hardly by chance."""
    if value < 0 or value > 0xFFFFFFFF:
        return False
    return _monitored(value, dark) or (digits > 7 and _monitored(_swapped(value), dark))


@kernel
def _decimals_hold(octets: Array, begin: int, end: int, without_nul: bool, dark: Darkness) -> bool:
    """Numbers in decimal, or octal: alone, or several with one octet between each and the next."""
    # The last four numbers, as decimals and as octals (-1: isn't one); how many of them are linked, and linked by dots.
    a = b = c = d = oa = ob = oc = od = -1
    linked = dotted = 0
    value = octal = digits = 0
    gap = 2
    separator = 0
    leads = False  # with a zero, as octals do
    for at in range(begin, end + 1):
        octet = int(octets[at]) if at < end else 10
        if octet == 0 and without_nul:
            continue
        if 48 <= octet <= 57:
            # Of any length: from BEYOND on a number is no address, however it goes on.
            value = min(value * 10 + (octet - 48), BEYOND)
            octal = min(octal * 8 + (octet - 48), BEYOND) if octal >= 0 and octet < 56 else -1
            leads = octet == 48 if digits == 0 else leads
            digits += 1
            continue
        if digits:
            if _number_holds(value, digits, dark) or (leads and _number_holds(octal, digits, dark)):
                return True
            if digits <= 4 or value <= 255:
                joined = gap == 1
                as_dot = joined and (separator == 46 or separator == 45 or separator == digits)
                linked = linked + 1 if joined else 1
                dotted = dotted + 1 if as_dot else 1
                a, b, c, d = b, c, d, value
                oa, ob, oc, od = ob, oc, od, octal
                if linked >= 4 and (_chain_holds(a, b, c, d, dark) or _chain_holds(oa, ob, oc, od, dark)):
                    return True
                if dotted >= 3 and _three_hold(b, c, d, dark):
                    return True
            else:
                linked = dotted = 0
            gap = 0 if digits <= 4 or value <= 255 else 2
            value = octal = digits = 0
        gap += 1
        separator = octet
    return False


@kernel
def _hexadecimals_hold(octets: Array, begin: int, end: int, without_nul: bool, dark: Darkness) -> bool:
    """Eight hexadecimal digits in a row, in either order; or four numbers of one or two, a few octets apart."""
    word = digits = 0
    a = b = c = d = -1
    linked = 0
    gap = 9
    for at in range(begin, end + 1):
        octet = int(octets[at]) if at < end else 10
        if octet == 0 and without_nul:
            continue
        digit = nibble(octet)
        if digit >= 0:
            word = (word << 4 | digit) & 0xFFFFFFFF
            digits += 1
            if digits >= 8 and (_monitored(word, dark) or _monitored(_swapped(word), dark)):
                return True
            continue
        if digits and word == 0 and digits == 1 and (octet == 120 or octet == 88):
            gap += 1  # the 0 of 0x
        elif 0 < digits <= 2:
            linked = linked + 1 if gap <= 3 else 1
            a, b, c, d = b, c, d, word
            if linked >= 4 and _chain_holds(a, b, c, d, dark):
                return True
            gap = 0
        elif digits:
            linked = 0
            gap = 9
        word = digits = 0
        gap += 1
    return False


@kernel
def _texts_hold(octets: Array, begin: int, end: int, without_nul: bool, dark: Darkness) -> bool:
    return _decimals_hold(octets, begin, end, without_nul, dark) or _hexadecimals_hold(
        octets, begin, end, without_nul, dark
    )


@kernel
def _nuls(octets: Array, begin: int, end: int) -> int:
    count = 0
    for at in range(begin, end):
        count += octets[at] == 0
    return count


@kernel
def _plainly_hold(octets: Array, begin: int, end: int, dark: Darkness) -> bool:
    return (
        _octets_hold(octets, begin, end, dark)
        or _texts_hold(octets, begin, end, False, dark)
        or (_nuls(octets, begin, end) > 0 and _texts_hold(octets, begin, end, True, dark))
    )


@kernel
def _escapes_hold(octets: Array, begin: int, end: int, text: Array, dark: Darkness) -> bool:
    """What was escaped once, twice or three times."""
    size = without_escapes(octets, begin, end, text)
    for _ in range(ESCAPED):
        if size == 0:
            return False
        if _plainly_hold(text, 0, size, dark):
            return True
        size = without_escapes(text, 0, size, text)
    return False


@kernel
def scan(octets: Array, ends: Array, text: Array, dark: Darkness, found: Array) -> None:
    """Fill `found` (bool (n,)): whether octets[ends[i]:ends[i + 1]] hold a monitored address. ends: int64 (n + 1,);
    text: uint8, of the longest payload's size, scratch space."""
    for index in range(found.size):
        begin, end = ends[index], ends[index + 1]
        found[index] = _plainly_hold(octets, begin, end, dark) or _escapes_hold(octets, begin, end, text, dark)
