"""What an analysis is: its question, with parameters, estimates and columns. Those of each are in questions/."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from ims.query.verbs import BIN, SINCE, UNTIL, Parameter

LEVEL = 0.95
"""How often an interval holds the true value."""
Kind = Literal["text", "moment", "count", "number"]
MOMENT = "UTC"
"""The unit of estimates that are moments."""
MMDB = Parameter(
    "mmdb", "files", "A file in MMDB format, which tells countries or AS; give one or more. Portals have their own.",
    "FILE",
)  # fmt: skip


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
    `detail`: more text of the command's help; `rule`: whether its words may stand in a file; `refusal`: why a portal
    shows it to operators only, and what others may ask; empty if it doesn't."""

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
    rule: bool = False
    refusal: str = ""
    by_name: Mapping[str, Parameter] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", MappingProxyType({each.name: each for each in self.parameters}))

    @property
    def method(self) -> str:
        """Its name in Python."""
        return self.name.replace("-", "_")

    @property
    def remote(self) -> tuple[Parameter, ...]:
        """The parameters that a portal takes: it reads no files that a caller names."""
        return tuple(each for each in self.parameters if each.kind != "files")


RANGE = (SINCE, UNTIL)
HOUR = Parameter("bin", "width", BIN.sentence, "WIDTH", "1h", longest=32, examples=("1h",))
