"""The question of `cache`: parameters, estimates, columns."""

from __future__ import annotations

from ims.analyse.question import HOUR, RANGE, Analysis, Column, Quantity
from ims.query.verbs import FILTER

SHARE = "of payloads"
QUESTION = Analysis(
    "cache", "How often a payload had been seen that day by block, and what made the hit rate dip", "Figure 8",
    (FILTER, HOUR, *RANGE),
    (
        Quantity("hit_rate", SHARE, "packets whose payload had been seen at that sensor that day, of those with one"),
        Quantity("usual", SHARE, "the same outside of dips"),
        Quantity("lowest", SHARE, "the hit rate of the block where it is the lowest"),
    ),
    (
        Column("block", "text", "the block whose hit rate dipped"),
        Column("since", "moment", "begin of the dip"),
        Column("until", "moment", "end of the dip"),
        Column("hit_rate", "number", "the hit rate in it"),
        Column("hit_rate_low", "number", "lower end of its interval"),
        Column("hit_rate_high", "number", "upper end of its interval"),
        Column("usual", "number", "the block's usual hit rate at these hours of the day"),
        Column("new", "number", "payloads that were new, beyond the usual number"),
        Column("protocol", "text", "of the packets that brought them; null where no cause was found"),
        Column("port", "count", "their destination port; null where there is none"),
        Column("share", "number", "how much of `new` came to this port"),
        Column("share_low", "number", "lower end of its interval"),
        Column("share_high", "number", "upper end of its interval"),
        Column("sources", "count", "sources of new payloads to this port in the dip"),
        Column("payloads", "count", "new payloads to this port in the dip"),
        Column("shortest", "count", "octets of the shortest of the payloads that were looked at"),
        Column("longest", "count", "octets of the longest of them"),
        Column("begins", "text", "how most of them begin, with dots for octets that can't be shown"),
    ),
    (
        Column("time", "moment", "begin of the bin"),
        Column("block", "text", "the block; all: all together, where the role isn't shown blocks"),
        Column("seconds", "number", "how long it was watched in it"),
        Column("payloads", "count", "packets with a payload; null where the role isn't shown them"),
        Column("new", "count", "those of them whose payload was new at that sensor that day"),
        Column("hit_rate", "number", "share that wasn't new"),
        Column("low", "number", "lower end of its interval"),
        Column("high", "number", "upper end of its interval"),
        Column("usual", "number", "the usual hit rate at this hour of the day"),
    ),
    ("ims analyse cache --store STORE --figure cache.svg",
     "ims analyse cache 'tcp' --bin 6h --store STORE --format json",
     "ims analyse cache 'block C/24' --store STORE --plot"),
    table=("block", "since", "until", "hit_rate", "usual", "protocol", "port", "share"),
)  # fmt: skip
