"""The question of `rate`: parameters, estimates, columns."""

from __future__ import annotations

from ims.analyse.question import RANGE, Analysis, Column, Quantity
from ims.query.verbs import BIN, FILTER, Parameter

PER_24 = "packets/s per /24"
FIVE_MINUTES = Parameter("bin", "width", BIN.sentence, "WIDTH", "5m", longest=32, examples=("5m",))
BINS = "of the block's bins, in packets/s per /24"
QUESTION = Analysis(
    "rate", "The packet rate of each block by its size, and how far the blocks differ", "Figure 2",
    (FILTER, FIVE_MINUTES, *RANGE),
    (
        Quantity("highest", PER_24, "mean rate of the block whose mean is the highest"),
        Quantity("lowest", PER_24, "mean rate of the block whose mean is the lowest"),
        Quantity("ratio", "times", "the highest mean divided by the lowest"),
    ),
    (
        Column("block", "text", "the block"),
        Column("slash24s", "number", "its size in /24s: mean over the moments at which it was watched"),
        Column("bins", "count", "bins in which it was watched"),
        Column("packets", "count", "packets in them"),
        Column("mean", "number", "packets divided by watched /24s and seconds: packets/s per /24"),
        Column("mean_low", "number", "lower end of its interval"),
        Column("mean_high", "number", "upper end of its interval"),
        Column("median", "number", f"median {BINS}"),
        Column("median_low", "number", "lower end of its interval"),
        Column("median_high", "number", "upper end of its interval"),
        Column("q05", "number", f"5 % {BINS}, are below"),
        Column("q25", "number", f"25 % {BINS}, are below"),
        Column("q75", "number", f"75 % {BINS}, are below"),
        Column("q95", "number", f"95 % {BINS}, are below"),
        Column("busiest", "number", f"the highest {BINS}"),
        Column("ratio", "number", "its mean divided by that of the block with the lowest"),
        Column("ratio_low", "number", "lower end of its interval"),
        Column("ratio_high", "number", "upper end of its interval"),
    ),
    (
        Column("time", "moment", "begin of the bin"),
        Column("block", "text", "the block"),
        Column("seconds", "number", "how long the block was watched in it"),
        Column("packets", "count", "packets; null where the role isn't shown them"),
        Column("rate", "number", "packets/s per /24"),
        Column("low", "number", "lower end of its interval"),
        Column("high", "number", "upper end of its interval"),
    ),
    ("ims analyse rate --store STORE --figure rate.svg",
     "ims analyse rate 'tcp dst port 445' --bin 1h --store STORE --format json",
     "ims analyse rate --since 2026-03-04T06:00 --until 2026-03-04T18:00 --store STORE --plot"),
    table=("block", "slash24s", "packets", "mean", "mean_low", "mean_high", "median", "ratio"),
)  # fmt: skip
