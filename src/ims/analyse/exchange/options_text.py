"""TCP options as text, as tcpdump writes them: `mss 1460,sackOK,TS val 7 ecr 0,nop,wscale 7` (RFC 9293, 3.2)."""

from __future__ import annotations

from collections.abc import Iterator

END, NOP, MSS, SCALE, SACK_OK, SACK, TIMESTAMP = 0, 1, 2, 3, 4, 5, 8
_WHOLE = {MSS: 4, SCALE: 3, SACK_OK: 2, TIMESTAMP: 10}
"""Octets of an option with its kind and its length."""


def options_text(options: bytes, is_time_known: bool = True) -> str:
    """All of them. `is_time_known`: else the value of a timestamp is `?`."""
    return ",".join(_texts(options, is_time_known))


def _texts(options: bytes, is_time_known: bool) -> Iterator[str]:
    at = 0
    while at < len(options):
        kind = options[at]
        if kind in (END, NOP):
            yield "eol" if kind == END else "nop"
            if kind == END:
                return
            at += 1
            continue
        size = options[at + 1] if at + 1 < len(options) else 0
        if size < 2 or at + size > len(options):
            yield "[bad opt]"
            return
        yield _text(kind, options[at + 2 : at + size], is_time_known)
        at += size


def _text(kind: int, value: bytes, is_time_known: bool) -> str:
    number = int.from_bytes(value, "big")
    if _WHOLE.get(kind) == len(value) + 2:
        return {
            MSS: f"mss {number}", SCALE: f"wscale {number}", SACK_OK: "sackOK",
            TIMESTAMP: f"TS val {number >> 32 if is_time_known else '?'} ecr {number & 0xFFFFFFFF}",
        }[kind]  # fmt: skip
    if kind == SACK and len(value) % 8 == 0:
        ends = [str(int.from_bytes(value[at : at + 4], "big")) for at in range(0, len(value), 4)]
        pairs = "".join(f"{{{low}:{high}}}" for low, high in zip(ends[::2], ends[1::2], strict=True))
        return f"sack {len(ends) // 2} {pairs}"
    return f"unknown-{kind}" + (f" 0x{value.hex()}" if value else "")
