"""What ports are counted in: bins of time, and in them the packets and the sources of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ims.analyse.level_changes import Changes
from ims.analyse.level_screen import FEWEST_BINS
from ims.settings.durations import DAY_US

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Bins:
    """Bins in which something was watched, in order: begin (microseconds), seconds watched, exposure (/24s times days);
    `width`: microseconds."""

    time: Array
    seconds: Array
    exposure: Array
    width: int

    def __len__(self) -> int:
        return len(self.time)


@dataclass(frozen=True)
class Suspect:
    """A port whose packets may have changed. `packets`, `sources`: in each bin, float64 (n,); `changes`: of packets."""

    protocol: str
    port: int
    packets: Array
    sources: Array
    changes: Changes


@dataclass(frozen=True)
class Named:
    """A port whose level changed. `counts`: packets without bursts; `changes`: of them, those that sources tell, too,
    with the higher p-value; `q`: the least rate of false discovery at which it is named."""

    suspect: Suspect
    counts: Array
    changes: Changes
    q: float = 1.0

    @property
    def name(self) -> tuple[str, int]:
        """Protocol and port."""
        return self.suspect.protocol, self.suspect.port


@dataclass(frozen=True)
class Narrow:
    """Bins that are narrower, and packets in them of some ports, by protocol and port, float64 (n,)."""

    bins: Bins
    packets: Mapping[tuple[str, int], Array]


@dataclass(frozen=True)
class Data:
    """`asked`: the width of bins that was asked for; `came`: packets of all ports; `named`: the ports whose level
    changed; `omitted`: ports whose sources weren't asked for, as too many are suspect; `unconfirmed`: ports whose
    sources tell no change; `narrow`: to date changes by."""

    bins: Bins
    asked: int
    fdr: float
    well_known: bool
    came: int
    named: Sequence[Named] = ()
    omitted: int = 0
    unconfirmed: int = 0
    narrow: Narrow | None = None

    @property
    def fewest(self) -> int:
        """Bins that a level lasts at least: three, and a day, since what comes daily is no change."""
        return max(FEWEST_BINS, -(-DAY_US // self.bins.width))
