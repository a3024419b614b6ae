"""A scenario: which blocks watch, when, and who sends to them. One frozen model, read from a file of TOML."""

from __future__ import annotations

import datetime as dt
import ipaddress
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from ims.darknet import Block, Darknet
from ims.settings.toml import read_toml, sentence
from ims.simulate.scenario import models
from ims.simulate.scenario.blocks import table_1
from ims.simulate.scenario.models import BlockModel, PopulationModel
from ims.simulate.scenario.times import LATEST, Date, Duration
from ims.simulate.scenario.worms import with_likenesses
from ims.text import meant

SCENARIOS = Path(__file__).parents[1] / "scenarios"


class Scenario(models.Model):
    """A scenario."""

    title: str = Field(pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]{1,200}$", description="one line")
    about: str = Field("", description="what it re-creates, from which sources, and what was chosen")
    start: Date = Field(description="when the capture begins")
    duration: Duration = Field(description="how long it is")
    scale: float = Field(1.0, gt=0, le=1000, description="factor of all numbers of hosts and of all rates")
    preset: Literal["table-1"] | None = Field(
        None, description="blocks that are there too: those of the paper's Table 1, of which all but the /8 answer"
    )
    block: tuple[BlockModel, ...] = Field((), description="monitored blocks")
    worm: tuple[models.WormModel, ...] = Field((), description="worms, and other scanning hosts without number")
    scanner: tuple[models.ScannerModel, ...] = Field((), description="scanners")
    attack: tuple[models.AttackModel, ...] = Field((), description="attacks on others")
    misconfiguration: tuple[models.MisconfigurationModel, ...] = Field((), description="misconfigured hosts")
    background: tuple[models.BackgroundModel, ...] = Field((), description="everything else")

    @model_validator(mode="after")
    def _is_possible(self) -> Scenario:
        for block in self.block:
            if self.preset and block.name in {name for name, _, _, _ in table_1()}:
                raise ValueError(f"block {block.name}: Table 1 has one of that name")
        if not self.block and not self.preset:
            raise ValueError('no block; expected at least one [[block]], or preset = "table-1"')
        if self.start + dt.timedelta(seconds=self.duration) > LATEST:
            raise ValueError(f"from {self.shown(0)} until {self.shown(self.duration)}: it has to end before 2100")
        darknet = self.darknet()
        for kind in ("worm", "scanner", "attack", "misconfiguration", "background"):
            for population in getattr(self, kind):
                self._check(f"{kind} {population.name}", population, darknet.names)
        return self

    def _check(self, where: str, population: PopulationModel, names: tuple[str, ...]) -> None:
        for name in population.blocks:
            if name not in names:
                near = meant(name, names, "")
                raise ValueError(f"{where}: there is no block {name!r}{near and f'; {near}'}")
        since, until = self.window(population)
        if not 0 <= since < until <= self.duration:
            raise ValueError(
                f"{where}: from {self.shown(since)} until {self.shown(until)}, "
                f"but the scenario is from {self.shown(0)} until {self.shown(self.duration)}"
            )
        decline = self.offset(getattr(population, "decline", None), math.inf)
        if not since < decline:
            raise ValueError(f"{where}: the decline at {self.shown(decline)} isn't after the outbreak")

    def offset(self, moment: dt.datetime | float | None, otherwise: float) -> float:
        """Seconds from the start until this time."""
        if moment is None:
            return otherwise
        return (moment - self.start).total_seconds() if isinstance(moment, dt.datetime) else moment

    def window(self, population: PopulationModel) -> tuple[float, float]:
        """When a population sends, seconds from the start."""
        return self.offset(population.since, 0.0), self.offset(population.until, self.duration)

    def second_of_day(self) -> float:
        """Seconds from midnight UTC to the start."""
        return self.start.hour * 3600.0 + self.start.minute * 60 + self.start.second

    def shown(self, offset: float) -> str:
        """A time as people write it."""
        return f"{self.start + dt.timedelta(seconds=offset):%Y-%m-%d %H:%M:%S}"

    def darknet(self) -> Darknet:
        """The blocks. Raises ValueError where they overlap."""
        return Darknet(Block.parse(f"{block.name}={block.prefix}") for block in self.blocks())

    def blocks(self) -> tuple[BlockModel, ...]:
        """All blocks, those of the preset too, by address."""
        there = [
            BlockModel(name=name, prefix=prefix, network=network, activity=activity, answers=prefix != "10.0.0.0/8")
            for name, prefix, network, activity in (table_1() if self.preset else ())
        ]
        return tuple(sorted([*self.block, *there], key=lambda block: int(ipaddress.IPv4Network(block.prefix)[0])))


def scenario_names() -> list[str]:
    """The scenarios of this package."""
    return sorted(path.stem for path in SCENARIOS.glob("*.toml"))


def read_scenario(name: str, scale: float | None = None) -> Scenario:
    """A scenario of ours by name, or another by its file; `scale` replaces its own. Raises ValueError: what is wrong,
    where, and what would be right."""
    own = "/" in name or name.endswith(".toml")
    if not own and name not in (names := scenario_names()):
        hint = meant(name, names, f"there are {', '.join(names)}, or FILE.toml")
        raise ValueError(f"there is no scenario {name!r}; {hint}")
    path = Path(name) if own else SCENARIOS / f"{name}.toml"
    try:
        data = read_toml(path, "docs/simulate.md has an example")
    except RecursionError:
        raise ValueError(f"{path}: tables inside tables inside tables, too deep to be read") from None
    return scenario_of(data | ({} if scale is None else {"scale": scale}), f"{path}: " if own else f"{name}: ")


def scenario_of(data: Mapping[str, Any], where: str = "") -> Scenario:
    """A scenario from its data. Raises ValueError for the first thing that is wrong; `where` comes before it."""
    try:
        return Scenario.model_validate(with_likenesses(data))
    except ValueError as error:
        reason = sentence(error, data, Scenario) if isinstance(error, ValidationError) else error
        raise ValueError(f"{where}{reason}") from None
    except RecursionError:
        raise ValueError(f"{where}tables inside tables inside tables, too deep to be read") from None
