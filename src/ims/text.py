"""Texts for people: numbers with their nouns, and untrusted text in one line without control characters."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable


def quantity(number: int, noun: str, plural: str = "") -> str:
    """1 packet, 2,000 packets, 1 /24: `noun` in the singular for 1, else `plural`, or `noun` with an s."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def meant(word: object, known: Iterable[str], otherwise: str) -> str:
    """`meant http?` where a known word is near, else `otherwise`."""
    near = difflib.get_close_matches(str(word), list(known), 1)
    return f"meant {near[0]}?" if near else otherwise


def printable(text: str) -> str:
    """Text with everything escaped that may control a terminal or hide text: C0 and C1 controls, escape sequences,
    bidirectional overrides, line separators, lone surrogates."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() and unicodedata.category(c)[0] != "C" else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def printable_octets(octets: bytes) -> str:
    """Octets as ASCII, a dot for each that isn't printable."""
    return "".join(chr(octet) if 0x20 <= octet < 0x7F else "." for octet in octets)


def one_line(text: object, longest: int = 1000, omitted: str = "...") -> str:
    """A text as one printable line of at most `longest` characters; `omitted` replaces the rest."""
    line = printable(" ".join(str(text).split()))
    return line if len(line) <= longest else line[:longest] + omitted


def first_line(text: object, longest: int = 300) -> str:
    """The first line of a text, printable, at most `longest` characters."""
    lines = str(text).strip().splitlines()
    return printable(lines[0])[:longest] if lines else ""
