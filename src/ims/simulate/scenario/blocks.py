"""Table 1 of the paper as a preset of blocks."""

from __future__ import annotations

import ipaddress

TABLE_1: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("Academic Network", (24, 24)),
    ("Academic Network", (24,)),
    ("Academic Network", (24,)),
    ("Academic Network", (24,)),
    ("Large Enterprise", (18,)),
    ("Tier 1 ISP", (17,)),
    ("Tier 1 ISP", (18,)),
    ("National ISP", (20, 21, 22)),
    ("National ISP", (24, 24, 24)),
    ("National ISP", (24,)),
    ("National ISP", (24,)),
    ("National ISP", (24, 24)),
    ("Regional ISP", (25, 24, 24)),
    ("Regional ISP", (23, 22)),
    ("Regional ISP", (8,)),
    ("Regional ISP", (24,)),
    ("Broadband Provider", (17, 18, 22)),
    ("Broadband Provider", (24, 24)),
)
"""Organisation and prefix lengths, a row an organisation, as printed: 30 blocks (the text counts 28)."""

ACTIVITY = (40, 8, 900, 3, 15, 25, 60, 30, 5, 200, 12, 75, 2, 90, 1, 450, 20, 10)
"""Background of each organisation's blocks, per address, compared with the /8: Figure 2 shows more than two orders of
magnitude between sensors, but the text doesn't say of which, so these are ours."""


def table_1() -> list[tuple[str, str, str, float]]:
    """(name, prefix, network, activity) of each block. Addresses are of ranges that aren't routed (RFC 6890), each
    organisation in a /16 of its own; names are the organisation's letter and the size, as in the paper's figures."""
    blocks: list[tuple[str, str, str, float]] = []
    for index, ((_, lengths), activity) in enumerate(zip(TABLE_1, ACTIVITY, strict=True)):
        if lengths == (8,):
            network = "10.0.0.0/8"
        elif index < 2:
            network = f"198.{18 + index}.0.0/16"
        else:
            network = f"172.{16 + index % 16}.0.0/16" if index % 2 else f"100.{64 + index}.0.0/16"
        at = int(ipaddress.IPv4Network(network)[0]) + (1 << 14 if min(lengths) > 17 else 0)
        for number, length in enumerate(sorted(lengths), 1):
            size = 1 << (32 - length)
            at = -(-at // size) * size
            name = "ABCDEFGHIJKLMNOPQR"[index] + (str(number) if len(lengths) > 1 else "") + f"/{length}"
            blocks.append((name, f"{ipaddress.IPv4Address(at)}/{length}", network, float(activity)))
            at += size
    return blocks
