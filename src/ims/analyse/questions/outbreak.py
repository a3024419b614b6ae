"""The question of `outbreak`: parameters, estimates, columns."""

from __future__ import annotations

from ims.analyse.question import HOUR, MOMENT, RANGE, Analysis, Column, Quantity
from ims.query.verbs import FILTER

QUESTION = Analysis(
    "outbreak", "The phases of a worm: how fast its sources grew, when and how fast they declined", "Figure 9",
    (FILTER, HOUR, *RANGE),
    (
        Quantity("doubling_time", "h", "ln 2 / r, of the logistic law of active sources"),
        Quantity("max_growth", "sources/h", "r K / 4, the steepest growth of that law, with sources not seen here"),
        Quantity("half_life", "h", "in which cleaning halves the sources, but for those that stay"),
        Quantity("decline_began", MOMENT, "when growth ended and cleaning began"),
        Quantity("sources", "sources", "active when the decline began, with those not seen here"),
    ),
    (
        Column("phase", "text", "before, growth, decay or persistence"),
        Column("since", "moment", "when it began; of growth, when it could be seen"),
        Column("until", "moment", "when it ended"),
        Column("sources", "number", "mean distinct sources of its bins, as seen"),
        Column("packets", "count", "packets of its bins"),
    ),
    (
        Column("time", "moment", "begin of the bin"),
        Column("seconds", "number", "how long anything was watched in it"),
        Column("sources", "count", "distinct sources; null where the role isn't shown them"),
        Column("low", "number", "lower end of its interval"),
        Column("high", "number", "upper end of its interval"),
        Column("fitted", "number", "sources that the fitted law expects"),
        Column("packets", "count", "packets; null where the role isn't shown them"),
        Column("packets_low", "number", "lower end of its interval"),
        Column("packets_high", "number", "upper end of its interval"),
    ),
    ("ims analyse outbreak 'tcp dst port 135' --store STORE --figure outbreak.svg",
     "ims analyse outbreak 'tcp dst port 4321' --bin 10m --store STORE --plot",
     "ims analyse outbreak 'udp dst port 1434' --store STORE --format json"),
)  # fmt: skip
