"""The kernel that decodes escapes in a text: digits written as `%31`, `&#49;`, `\\u0031` and the like.

URLs (RFC 3986, section 2.1, and IIS's `%u0031`), HTML and XML (character references), JavaScript, JSON and C (`\\x31`,
`\\u0031`, `\\u{31}`, `\\61`), and the wide digits and full stops of Unicode, which browsers take for plain ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ims.kernels import kernel

Array = np.ndarray[Any, Any]

PERCENT, AMPERSAND, BACKSLASH, WIDE, STOP = 0x25, 0x26, 0x5C, 0xEF, 0xE3  # what escapes begin with
LONGEST_NUMBER = 8  # digits of a character's number; longer ones aren't read


@kernel
def nibble(octet: int) -> int:
    """A hexadecimal digit's value; -1 of what is none."""
    if 48 <= octet <= 57:
        return octet - 48
    if 97 <= octet <= 102:
        return octet - 87
    if 65 <= octet <= 70:
        return octet - 55
    return -1


@kernel
def _number(octets: Array, at: int, end: int, base: int, most: int) -> tuple[int, int]:
    """(the number that stands here, of how many digits); -1 where it is no octet's."""
    value = digits = 0
    while at + digits < end and digits < most:
        digit = nibble(int(octets[at + digits]))
        if digit < 0 or digit >= base:
            break
        value = value * base + digit
        digits += 1
    return (value if digits and value <= 255 else -1), digits


@kernel
def _braced(octets: Array, at: int, end: int, fixed: int) -> tuple[int, int]:
    """As `_number`, in hexadecimal: `fixed` digits, or any in braces."""
    if at < end and octets[at] == 0x7B:
        value, digits = _number(octets, at + 1, end, 16, LONGEST_NUMBER)
        return value, digits + 2
    value, digits = _number(octets, at, end, 16, fixed)
    return (value if digits == fixed else -1), digits


@kernel
def _reference(octets: Array, at: int, end: int) -> tuple[int, int]:
    """A character reference behind its `&`: (octet, length); -1 where it is none."""
    if at >= end or octets[at] != 0x23:
        return -1, 0
    begin, base = at + 1, 10
    if begin < end and octets[begin] | 32 == 0x78:
        begin, base = begin + 1, 16
    value, digits = _number(octets, begin, end, base, LONGEST_NUMBER)
    behind = begin + digits
    if behind < end and octets[behind] == 0x3B:
        behind += 1
    return value, behind - at


@kernel
def _escaped(octets: Array, at: int, end: int) -> tuple[int, int]:
    """The escape that begins here: (octet, length); -1 where none does."""
    first = int(octets[at])
    if first == PERCENT:
        if at + 1 < end and octets[at + 1] | 32 == 0x75:
            value, length = _braced(octets, at + 2, end, 4)
            return value, length + 2
        value, length = _number(octets, at + 1, end, 16, 2)
        return (value if length == 2 else -1), 3
    if first == AMPERSAND:
        value, length = _reference(octets, at + 1, end)
        return value, length + 1
    if first == BACKSLASH and at + 1 < end:
        second = int(octets[at + 1])
        if second == 0x78 or second == 0x75:
            value, length = _braced(octets, at + 2, end, 2 if second == 0x78 else 4)
            return value, length + 2
        value, length = _number(octets, at + 1, end, 8, 3)
        return value, length + 1
    if first == WIDE and at + 2 < end and octets[at + 1] == 0xBC:
        third = int(octets[at + 2])
        if 0x90 <= third <= 0x99:
            return third - 0x90 + 48, 3
        if third == 0x8E:
            return 46, 3
    if first == STOP and at + 2 < end and octets[at + 1] == 0x80 and octets[at + 2] == 0x82:
        return 46, 3
    return -1, 0


@kernel
def without_escapes(octets: Array, begin: int, end: int, text: Array) -> int:
    """Fill `text` (may be `octets`, with begin 0) with octets[begin:end], its escapes decoded. Returns its size; 0:
    nothing was escaped."""
    size = count = 0
    at = begin
    while at < end:
        first = int(octets[at])
        value, length = -1, 1
        if first == PERCENT or first == AMPERSAND or first == BACKSLASH or first == WIDE or first == STOP:
            value, length = _escaped(octets, at, end)
        if value >= 0:
            text[size] = value
            at += length
            count += 1
        else:
            text[size] = octets[at]
            at += 1
        size += 1
    return size if count else 0
