"""The question of `ports`: parameters, estimates, columns."""

from __future__ import annotations

from ims.analyse.question import MOMENT, RANGE, Analysis, Column, Quantity
from ims.query.verbs import BIN, FILTER, Parameter

DAY = Parameter("bin", "width", BIN.sentence, "WIDTH", "1d", longest=32, examples=("1d",))
FDR = Parameter(
    "fdr", "number", "Rate of false discovery: the share of ports named that didn't change, on average.", "SHARE", 0.05,
    examples=(0.05,),
)  # fmt: skip
WELL_KNOWN = Parameter("well_known", "flag", "Ports with a well-known service, too.", default=False)
QUESTION = Analysis(
    "ports", "Ports without a well-known service whose traffic changed its level: when, and how much", "Figure 6",
    (FILTER, DAY, FDR, WELL_KNOWN, *RANGE),
    (
        Quantity("ports", "ports", "whose level changed; the upper end isn't bounded, for a small change isn't seen"),
        Quantity("greatest_change", MOMENT, "when the change came that has the most packets a day"),
    ),
    (
        Column("protocol", "text", "tcp or udp"),
        Column("port", "count", "the destination port"),
        Column("service", "text", "its name in IANA's table; null without one"),
        Column("changed_at", "moment", "when its level changed"),
        Column("changed_at_low", "moment", "lower end of its interval; null: not bounded"),
        Column("changed_at_high", "moment", "upper end of its interval; null: not bounded"),
        Column("before", "number", "packets a day per /24 before, since the change before this one"),
        Column("before_low", "number", "lower end of its interval"),
        Column("before_high", "number", "upper end of its interval"),
        Column("after", "number", "packets a day per /24 after, until the next change"),
        Column("after_low", "number", "lower end of its interval"),
        Column("after_high", "number", "upper end of its interval"),
        Column("ratio", "number", "after divided by before; null where nothing came before"),
        Column("ratio_low", "number", "lower end of its interval"),
        Column("ratio_high", "number", "upper end of its interval; null: not bounded"),
        Column("q_value", "number", "of the port: the least rate of false discovery at which it is named"),
    ),
    (
        Column("time", "moment", "begin of the bin"),
        Column("protocol", "text", "tcp or udp"),
        Column("port", "count", "the destination port; of those whose level changed"),
        Column("seconds", "number", "how long anything was watched in it"),
        Column("packets", "count", "packets"),
        Column("rate", "number", "packets a day per /24"),
        Column("low", "number", "lower end of its interval"),
        Column("high", "number", "upper end of its interval"),
        Column("level", "number", "the level's rate: packets a day per /24"),
    ),
    ("ims analyse ports --store STORE --figure ports.svg",
     "ims analyse ports 'block C/24' --bin 6h --since 2026-03-04 --store STORE",
     "ims analyse ports --well-known --fdr 0.01 --store STORE --format json"),
    table=("protocol", "port", "service", "changed_at", "before", "after", "ratio", "q_value"),
)  # fmt: skip
