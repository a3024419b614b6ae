"""Texts for people: numbers with their nouns, and what came from elsewhere in one line with nothing left to obey."""

from __future__ import annotations

import unicodedata


def quantity(number: int, noun: str, plural: str = "") -> str:
    """1 packet, 2,000 packets, 1 /24: `noun` in the singular for 1, else `plural`, or `noun` with an s."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def printable(text: str) -> str:
    """Text with everything escaped that a terminal might obey or that hides what is there: C0 and C1 controls,
    escape sequences, bidirectional overrides, line separators, lone surrogates."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() and unicodedata.category(c)[0] != "C" else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def printable_octets(octets: bytes) -> str:
    """Octets as ASCII, a dot for what is none."""
    return "".join(chr(octet) if 0x20 <= octet < 0x7F else "." for octet in octets)


def one_line(text: object, longest: int = 1000, omitted: str = "...") -> str:
    """A text as one printable line of at most so many characters, and what then stands for the rest."""
    line = printable(" ".join(str(text).split()))
    return line if len(line) <= longest else line[:longest] + omitted


def first_line(text: object, longest: int = 300) -> str:
    """The first printable line of a text, and no more than a few words of it."""
    lines = str(text).strip().splitlines()
    return printable(lines[0])[:longest] if lines else ""
