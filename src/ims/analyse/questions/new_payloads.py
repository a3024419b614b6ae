"""The question of `new-payloads`: parameters, estimates, columns."""

from __future__ import annotations

from ims.analyse.question import HOUR, RANGE, Analysis, Column, Quantity
from ims.query.verbs import FILTER, Parameter

PER_24 = "payloads/day per /24"
BY = Parameter(
    "by", "text", "Where places are told apart: block or sensor.", "PLACE", "block", examples=("sensor",)
)  # fmt: skip
ONLY = Parameter(
    "only", "text", "Only what came to this block, and to no other; with --by sensor, to this sensor.", "NAME",
    longest=256, examples=("C/24",),
)  # fmt: skip
HISTORY = Parameter(
    "history", "width",
    "A payload counts as never seen before from so long after the first watch on; what comes earlier may be old.",
    "WIDTH", "1d", longest=32, examples=("1d",),
)  # fmt: skip
LIMIT = Parameter(
    "limit", "count", "At most so many rows, those that came to the most places; all without it.", "N", examples=(100,)
)
QUESTION = Analysis(
    "new-payloads", "Payloads never seen before, by time; where else each was seen since, and how soon", "Section 2.3",
    (FILTER, HOUR, BY, ONLY, HISTORY, LIMIT, *RANGE),
    (
        Quantity("new_share", "of packets with payload", "those whose payload was never seen before"),
        Quantity("new_rate", PER_24, "payloads never seen before"),
        Quantity("second_share", "of new payloads", "those that come to a second place, in the time that can be told"),
        Quantity("second_delay", "s", "median time from the first place to the second, of those that come to one"),
        Quantity("third_delay", "s", "median time from the first place to the third, of those that come to one"),
    ),
    (
        Column("signature", "text", "MD5 of the payload; withheld where it holds a monitored address"),
        Column("first", "moment", "when it came first"),
        Column("sensor", "text", "the sensor that it came to first"),
        Column("block", "text", "the block that it came to first"),
        Column("packets", "count", "packets with it, at all places"),
        Column("sources", "count", "distinct sources that sent it; of the first 1,000 rows"),
        Column("blocks", "count", "blocks that it came to"),
        Column("sensors", "count", "sensors that it came to"),
        Column("second_sensor", "text", "the sensor of the second place; none if it came to one place alone"),
        Column("second_block", "text", "the block of the second place"),
        Column("second_delay", "number", "seconds from its first arrival to that at the second place"),
        Column("third_sensor", "text", "the sensor of the third place"),
        Column("third_block", "text", "the block of the third place"),
        Column("third_delay", "number", "seconds from its first arrival to that at the third place"),
        Column("last", "moment", "when it came last"),
        Column("length", "count", "octets of the payload"),
        Column("text", "text", "how it begins, printable; of the first 1,000 rows"),
        Column("only", "text", "the one place that has it; none where no other place was watched since it came"),
    ),
    (
        Column("part", "text", "new: by time; second, third: the share that came to such a place, by delay"),
        Column("time", "moment", "begin of the bin"),
        Column("place", "text", "the block or sensor to which payloads came first; null: all of them together"),
        Column("seconds", "number", "how long it was watched in the bin"),
        Column("packets", "count", "packets with payload"),
        Column("new", "count", "payloads never seen before"),
        Column("delay", "number", "seconds since the first arrival"),
        Column("share", "number", "of new payloads, those that came to a second or third place by then"),
        Column("low", "number", "lower end of the interval of new, or of share"),
        Column("high", "number", "upper end of it"),
    ),
    ("ims analyse new-payloads --store STORE --figure new-payloads.svg",
     "ims analyse new-payloads 'tcp' --by sensor --store STORE --format json",
     "ims analyse new-payloads --only C/24 --history 6h --store STORE --plot"),
    table=("signature", "first", "block", "packets", "sources", "blocks", "second_block", "second_delay", "only"),
)  # fmt: skip
