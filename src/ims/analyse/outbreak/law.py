"""A law that is fitted to the sources of an outbreak, and what it says of the phases."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ims.analyse.likelihood import Problem
from ims.analyse.outbreak.epidemic_curve import Bins, Of

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Law:
    """A fitted law: its parameters (13,), which of them were fitted, its deviance, and the factor by which counts vary
    more than they would by chance."""

    bins: Bins
    problem: Problem
    parameters: Array
    free: Array
    deviance: float
    factor: float

    @property
    def has_growth(self) -> bool:
        """Whether it grows in the range."""
        return bool(self.free[Of.GROWTH])

    @property
    def has_decline(self) -> bool:
        """Whether it declines in the range."""
        return bool(self.free[Of.CLEANING])

    @property
    def expected(self) -> Array:
        """Sources in each bin."""
        return np.asarray(self.bins.expected(self.parameters[None])[0])

    def end_of_decay(self, share: float = 0.5) -> float:
        """When so much of what is seen stays, hours; inf where that isn't so within the range, or nothing stays."""
        stays = math.exp(self.parameters[Of.REST]) + math.exp(self.parameters[Of.BEFORE] - self.parameters[Of.PEAK])
        if not self.has_decline or stays >= share:
            return math.inf
        left = stays * (1 - share) / share
        at = float(self.parameters[Of.DECLINE] - math.log(left) / math.exp(self.parameters[Of.CLEANING]))
        return at if at < self.bins.end[-1] else math.inf

    def begin_of_growth(self) -> float:
        """When there was an outbreak to be seen, hours: its onset, or when it first adds a source to a bin, and more
        than what sources vary by anyway."""
        if self.free[Of.ONSET]:
            return float(self.parameters[Of.ONSET])
        added = self.bins.outbreak(self.parameters[None])[0]
        visible = np.flatnonzero(added >= 1 + 2 * np.sqrt(self.bins.before(self.parameters[None])[0]))
        return float(self.bins.begin[visible[0]]) if len(visible) else float(self.parameters[Of.DECLINE])


class Nothing(NamedTuple):
    """No outbreak: a sentence says why."""

    why: str
