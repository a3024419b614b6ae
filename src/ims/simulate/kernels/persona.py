"""Personas: how operating systems and tools write their SYNs, so that a fingerprint has a truth.

Those of systems are p0f's signatures (p0f.fp 3.09b, `tcp:request`); the tools' marks are documented by their sources:
ZMap's IP ID 54321 (Durumeric et al., USENIX Security 2013), Masscan's IP ID, the exclusive or of address, port and
sequence number (github.com/robertdavidgraham/masscan, templ-pkt.c), Mirai's sequence number, the destination's
address (Antonakakis et al., USENIX Security 2017), nmap's window of 1024 and MSS of 1460 (p0f.fp). TTL, window, flags
and options of ZMap and Masscan are those of Debian's zmap 2.1.1 and masscan 1.3.2 on the wire: 40 octets, no options.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ims.packet.field_values import DO_NOT_FRAGMENT

ID_ZERO, ID_COUNTER, ID_RANDOM, ID_ZMAP, ID_MASSCAN = range(5)
SEQUENCE_RANDOM, SEQUENCE_MIRAI = range(2)

PERSONA = np.dtype(
    [
        ("ttl", "i8"), ("window", "i8"),
        ("later_window", "i8"),  # once the connection is made
        ("fragment", "i8"),  # flags as on the wire
        ("id", "i8"), ("sequence", "i8"), ("options", "u1", 40), ("option_length", "i8"),
        ("timestamp_at", "i8"),  # in the options; -1: none
        ("ticks", "i8"),  # of the timestamp, a second
        ("repeats", "i8"),  # SYNs after the first, unanswered: 3 s, 9 s, 21 s later (RFC 1122, 4.2.3.1)
        ("port_first", "i8"), ("ports", "i8"),
    ]
)  # fmt: skip
"""A persona as kernels see it."""


class Persona(NamedTuple):
    """A persona as PERSONAS lists it."""

    p0f: str  # what p0f calls it; empty where it has no name
    ttl: int
    window: int
    options: str  # hexadecimal; T: a timestamp and its echo
    fragment: int = DO_NOT_FRAGMENT
    id: int = ID_COUNTER
    sequence: int = SEQUENCE_RANDOM
    ticks: int = 100
    repeats: int = 2
    ports: tuple[int, int] = (1025, 3975)  # the first source port, and how many there are


_LINUX = (32_768, 28_232)
_ANY = (1024, 64_512)
_MSS = "020405b4"

PERSONAS: dict[str, Persona] = {
    "windows-2000": Persona("Windows XP", 128, 16_384, _MSS + "01010402"),
    "windows-xp": Persona("Windows XP", 128, 65_535, _MSS + "01010402"),
    "windows-7": Persona("Windows 7 or 8", 128, 8_192, _MSS + "0103030801010402", ports=(49_152, 16_384)),
    "linux-2.4": Persona("Linux 2.4.x", 64, 5_840, _MSS + "0402T01030300", ports=_LINUX),
    "linux-2.6": Persona("Linux 2.6.x", 64, 5_840, _MSS + "0402T01030307", ticks=250, ports=_LINUX),
    "linux": Persona("Linux 3.11 and newer", 64, 29_200, _MSS + "0402T01030307", ticks=250, ports=_LINUX),
    "macos": Persona(
        "MacOS X 10.9 or newer (sometimes iPhone or iPad)", 64, 65_535, _MSS + "01030304" + "0101T04020000",
        ticks=1000, ports=(49_152, 16_384),
    ),
    "freebsd": Persona("FreeBSD 9.x or newer", 64, 65_535, _MSS + "010303060402T", ticks=1000, ports=(10_000, 55_535)),
    "nmap": Persona("NMap SYN scan", 64, 1024, _MSS, fragment=0, id=ID_RANDOM, repeats=1, ports=(32_768, 32_768)),
    "zmap": Persona("", 255, 65_535, "", fragment=0, id=ID_ZMAP, repeats=0, ports=(32_768, 28_233)),
    "masscan": Persona("", 255, 1024, "", fragment=0, id=ID_MASSCAN, repeats=0, ports=(40_000, 20_000)),
    "mirai": Persona("", 64, 14_600, "", fragment=0, id=ID_RANDOM, sequence=SEQUENCE_MIRAI, repeats=0, ports=_ANY),
    "raw": Persona("", 64, 512, "", fragment=0, id=ID_RANDOM, repeats=0, ports=_ANY),
}  # fmt: skip
NAMES = tuple(PERSONAS)


def persona_table() -> np.ndarray[Any, Any]:
    """PERSONAS in the order of NAMES, as PERSONA."""
    table = np.zeros(len(PERSONAS), PERSONA)
    for row, persona in zip(table, PERSONAS.values(), strict=True):
        before, timestamp, after = persona.options.partition("T")
        options = bytes.fromhex(before + ("080a" + "00" * 8 if timestamp else "") + after)
        row["options"][: len(options)] = np.frombuffer(options, np.uint8)
        row["option_length"], row["timestamp_at"] = len(options), len(before) // 2 + 2 if timestamp else -1
        row["later_window"], (row["port_first"], row["ports"]) = persona.window, persona.ports
        for name in ("ttl", "window", "fragment", "id", "sequence", "ticks", "repeats"):
            row[name] = getattr(persona, name)
    return table
