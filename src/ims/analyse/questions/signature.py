"""The question of `signature`: parameters, estimates, columns."""

from __future__ import annotations

from ims.analyse.question import HOUR, MOMENT, RANGE, Analysis, Column, Quantity
from ims.query.verbs import FILTER, Parameter

SHOWN = 5
TOP = Parameter(
    "top", "count", f"So many payloads are drawn, those that appeared first; {SHOWN} without it.", "N", examples=(5,)
)
OF_PAYLOADS = "of the packets with payload"
QUESTION = Analysis(
    "signature", "A busy port's traffic by payload over time, and the payloads that appeared", "Figure 5",
    (FILTER, HOUR, TOP, *RANGE),
    (
        Quantity("appeared", MOMENT, "when that payload began to come which appeared, and came most often"),
        Quantity("share", OF_PAYLOADS, "its share"),
        Quantity("new_share", OF_PAYLOADS, "share of all payloads that are known to have appeared"),
    ),
    (
        Column("signature", "text", "MD5 of the payload; no payload, others, withheld (not shown to the role)"),
        Column("packets", "count", "packets with it"),
        Column("share", "number", f"its share {OF_PAYLOADS}"),
        Column("share_low", "number", "lower end of its interval"),
        Column("share_high", "number", "upper end of its interval"),
        Column("first", "moment", "first arrival in the range"),
        Column("last", "moment", "last arrival in the range"),
        Column("appeared", "moment", "when it began to come; null: it was there all the time, or it can't be told"),
        Column("appeared_low", "moment", "lower end of its interval; null: not bounded"),
        Column("appeared_high", "moment", "upper end of its interval"),
        Column("q_value", "number", "false discovery rate at which its level rose from nothing; null: not tested"),
        Column("sources", "count", "distinct sources that sent it"),
        Column("length", "count", "octets of the payload"),
        Column("text", "text", "how it begins, a dot for what isn't printable"),
    ),
    (
        Column("time", "moment", "begin of the bin"),
        Column("signature", "text", "as in rows, of those that are drawn; all: with and without payload; others"),
        Column("seconds", "number", "how long anything was watched in it"),
        Column("packets", "count", "packets"),
        Column("low", "number", "lower end of its interval"),
        Column("high", "number", "upper end of its interval"),
    ),
    ("ims analyse signature 'tcp dst port 445' --store STORE --figure signature.svg",
     "ims analyse signature 'udp dst port 1434' --bin 10m --top 3 --store STORE --plot",
     "ims analyse signature 'tcp dst port 135' --store STORE --format json"),
    table=("signature", "packets", "share", "first", "appeared", "q_value", "text"),
)  # fmt: skip
