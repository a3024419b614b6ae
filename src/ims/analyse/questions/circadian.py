"""The question of `circadian`: parameters, estimates, columns."""

from __future__ import annotations

from ims.analyse.question import HOUR, MMDB, RANGE, Analysis, Column, Quantity
from ims.query.verbs import FILTER, Parameter

BY = Parameter(
    "by", "text", "country or as: of the sources, from files in MMDB format (--mmdb).", "GROUP", examples=("country",)
)
QUESTION = Analysis(
    "circadian", "The daily pattern of sources: at which hour they are most, and how much they vary", "Figure 10",
    (FILTER, HOUR, BY, MMDB, *RANGE),
    (
        Quantity("peak_hour", "h", "hour of the day, UTC, at which the fitted daily curve is highest"),
        Quantity("amplitude", "of the mean", "half of the curve's difference from highest to lowest, by its mean"),
        Quantity("period", "h", "of the pattern, fitted freely"),
        Quantity("p_value", "", "of the test against no daily pattern; it has no interval"),
    ),
    (
        Column("group", "text", "a country, an AS, other or unknown; all without `by`"),
        Column("sources", "number", "mean distinct sources in a bin"),
        Column("peak_hour", "number", "hour of the day, UTC, at which its daily curve is highest"),
        Column("peak_hour_low", "number", "lower end of its interval; below 0 is the evening before"),
        Column("peak_hour_high", "number", "upper end of its interval; above 24 is the morning after"),
        Column("amplitude", "number", "half of the curve's difference from highest to lowest, by its mean"),
        Column("amplitude_low", "number", "lower end of its interval"),
        Column("amplitude_high", "number", "upper end of its interval"),
        Column("p_value", "number", "of the test against no daily pattern"),
        Column("utc_offset", "number", "hours that the sources' clocks are ahead of UTC, on average"),
        Column("local_peak", "number", "hour by the sources' own clocks at which their daily curve is highest"),
        Column("local_peak_low", "number", "lower end of its interval"),
        Column("local_peak_high", "number", "upper end of its interval"),
    ),
    (
        Column("time", "moment", "begin of the bin"),
        Column("group", "text", "the group"),
        Column("seconds", "number", "how long anything was watched in it"),
        Column("sources", "count", "distinct sources; null where the role isn't shown them"),
        Column("low", "number", "lower end of its interval"),
        Column("high", "number", "upper end of its interval"),
        Column("fitted", "number", "sources that the fitted curve expects"),
    ),
    ("ims analyse circadian 'tcp dst port 4444 and payload' --store STORE --figure circadian.svg",
     "ims analyse circadian 'tcp dst port 445' --by country --mmdb GeoLite2-Country.mmdb --store STORE",
     "ims analyse circadian 'udp dst port 1434' --store STORE --format json"),
    table=("group", "sources", "peak_hour", "peak_hour_low", "peak_hour_high", "amplitude", "p_value",
           "local_peak"),
)  # fmt: skip
