"""The analyses: one table of their parameters, estimates and columns.

Command line, API, Python's methods and docs/analyses.md are made from it, or tested against it.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from ims.query.verbs import BIN, FILTER, SINCE, UNTIL, Parameter

LEVEL = 0.95
"""How often an interval holds the true value."""
Kind = Literal["text", "moment", "count", "number"]
MOMENT = "UTC"
"""The unit of estimates that are moments."""


@dataclass(frozen=True)
class Column:
    """A column of an analysis's rows, or of its series."""

    name: str
    kind: Kind
    sentence: str


@dataclass(frozen=True)
class Quantity:
    """An estimate of an analysis. `unit`: of its value and its interval; MOMENT where they are moments."""

    name: str
    unit: str
    sentence: str


@dataclass(frozen=True)
class Analysis:
    """One analysis. `paper`: the figure or section that it answers; `columns`: of its rows; `series`: of what its
    figure is drawn from, beside the rows; `commands`: examples; `table`: the columns that a terminal has room for;
    `detail`: more text of the command's help."""

    name: str
    sentence: str
    paper: str
    parameters: tuple[Parameter, ...]
    estimates: tuple[Quantity, ...]
    columns: tuple[Column, ...]
    series: tuple[Column, ...]
    commands: tuple[str, ...]
    table: tuple[str, ...] = ()
    detail: str = ""
    by_name: Mapping[str, Parameter] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", MappingProxyType({each.name: each for each in self.parameters}))

    @property
    def method(self) -> str:
        """Its name in Python."""
        return self.name.replace("-", "_")


_RANGE = (SINCE, UNTIL)
PER_24 = "packets/s per /24"
_FIVE_MINUTES = Parameter("bin", "width", BIN.sentence, "WIDTH", "5m", longest=32, examples=("5m",))
_HOUR = Parameter("bin", "width", BIN.sentence, "WIDTH", "1h", longest=32, examples=("1h",))
_BINS = "of the block's bins, in packets/s per /24"

_TABLE = (
    Analysis(
        "rate", "The packet rate of each block by its size, and how far the blocks differ", "Figure 2",
        (FILTER, _FIVE_MINUTES, *_RANGE),
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
            Column("median", "number", f"median {_BINS}"),
            Column("median_low", "number", "lower end of its interval"),
            Column("median_high", "number", "upper end of its interval"),
            Column("q05", "number", f"5 % {_BINS}, are below"),
            Column("q25", "number", f"25 % {_BINS}, are below"),
            Column("q75", "number", f"75 % {_BINS}, are below"),
            Column("q95", "number", f"95 % {_BINS}, are below"),
            Column("busiest", "number", f"the highest {_BINS}"),
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
    ),
    Analysis(
        "outbreak", "The phases of a worm: how fast its sources grew, when and how fast they declined", "Figure 9",
        (FILTER, _HOUR, *_RANGE),
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
    ),
)  # fmt: skip
ANALYSES: Mapping[str, Analysis] = MappingProxyType({each.name: each for each in _TABLE})


def functions(analysis: Analysis) -> Any:
    """The module of an analysis, which has its functions: `data(evidence, options)` asks; `model(data)` estimates, and
    returns a Finding; `figure(result)` draws, and `plot(result, width, unicode)` as text: None where there is nothing
    to draw."""
    return importlib.import_module(f"ims.analyse.{analysis.method}")
