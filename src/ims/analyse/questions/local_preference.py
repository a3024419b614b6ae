"""The question of `local-preference`: parameters, estimates, columns."""

from __future__ import annotations

from ims.analyse.question import RANGE, Analysis, Column, Quantity
from ims.query.verbs import FILTER

PER_24 = "packets/s per /24"
SHARE = "of packets"
LOW, HIGH = "lower end of its interval", "upper end of its interval"
QUESTION = Analysis(
    "local-preference",
    "The share of packets from the own /16 and /8 of each block, and which blocks are high in rate all the same",
    "Figure 3",
    (FILTER, *RANGE),
    (
        Quantity("same_16", SHARE, "share whose source is in the /16 of its destination, of all blocks together"),
        Quantity("same_8", SHARE, "share whose source is in the /8 of its destination, of all blocks together"),
    ),
    (
        Column("block", "text", "the block"),
        Column("slash24s", "number", "its size in /24s: mean over the moments at which it was watched"),
        Column("packets", "count", "packets that came"),
        Column("sources", "count", "distinct sources; one that came to two sensors counts twice"),
        Column("rate", "number", "packets divided by watched /24s and seconds: packets/s per /24"),
        Column("rate_low", "number", LOW),
        Column("rate_high", "number", HIGH),
        Column("same_16", "number", "share of its packets whose source is in the /16 of their destination"),
        Column("same_16_low", "number", LOW),
        Column("same_16_high", "number", HIGH),
        Column("same_8", "number", "share of its packets whose source is in the /8 of their destination"),
        Column("same_8_low", "number", LOW),
        Column("same_8_high", "number", HIGH),
        Column("expected_16", "number", "what same_16 would be if sources were anywhere by chance: 1 / 65,536"),
        Column("expected_8", "number", "what same_8 would be then: 1 / 256"),
        Column(
            "preferred",
            "text",
            "what is surely more than twice chance, not by one source alone: /8, /16 or both; null: neither",
        ),
        Column("elsewhere", "number", "its rate without what came from the own /8"),
        Column("elsewhere_low", "number", LOW),
        Column("elsewhere_high", "number", HIGH),
        Column("high", "text", "why its rate is above the median block's: 'by one source', without which it isn't; "
               "'only with preference', if not without the own /8; 'not by preference'; null: it isn't above it"),
    ),
    (
        Column("block", "text", "the block; null: all together"),
        Column("near", "text", "where sources are: in the same /16 as their destinations, else /8, else elsewhere"),
        Column("packets", "count", "packets that came from there"),
        Column("sources", "count", "distinct sources"),
        Column("most", "count", "most packets of one source"),
    ),
    ("ims analyse local-preference --store STORE --figure local.svg",
     "ims analyse local-preference 'tcp dst port 135' --store STORE --format json",
     "ims analyse local-preference 'not src net 10.0.0.0/8' --since 2026-03-04 --store STORE --plot"),
    table=("block", "packets", "sources", "rate", "same_16", "same_16_low", "same_16_high", "same_8", "same_8_low",
           "same_8_high", "high"),
)  # fmt: skip
