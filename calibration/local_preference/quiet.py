"""False alarms: preference, or rates that differ, which `local-preference` finds where hosts prefer nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from calibration.local_preference.telescopes import BESIDE, Population, populations, telescope
from calibration.table import table
from ims.analyse.execution import Finding
from ims.analyse.local_preference.analysis import model


def packets_of(by_24: float, hosts: int, length: int = 1) -> Population:
    """So many packets a day to each /24, of so many hosts, in runs of addresses."""
    return Population(hosts, by_24 / 256 * 2**32 / hosts / length, length, 1.0)


CASES: Mapping[str, tuple[Population, ...]] = {
    "the scenario's background": populations()[-1:],
    "5 packets to each /24": (packets_of(5, 1_000_000),),
    "1,000 packets to each /24, hardly two of a source": (packets_of(1000, 10_000_000),),
    "the same, in runs of 50 addresses": (packets_of(1000, 10_000_000, 50),),
    "the same, of 2,000 hosts": (packets_of(1000, 2000),),
    "1,000 packets to each /24, and as many of one source": (packets_of(1000, 10_000_000), packets_of(1000, 1)),
    "the scenario's worms, if they began anywhere": tuple(
        each._replace(anywhere=1.0, own_8=0.0, own_16=0.0) for each in populations()[:-1]
    ),
    "a spoofed flood, 20,000 packets to each /24": (packets_of(20_000, 4_000_000_000),),
}
LENGTHS = (24, *BESIDE)
SEEDS = 25


def run(name: str, seed: int) -> bool:
    """Whether one run of a case has an alarm."""
    return has_alarm(model(telescope(np.random.default_rng(seed), LENGTHS, CASES[name])))


def has_alarm(found: Finding) -> bool:
    """Whether any block is said to have more from its own network than by chance, or a higher rate than others."""
    return any(row["preferred"] or row["high"] for row in found.rows.to_pylist())


def text(outcomes: Mapping[str, Sequence[bool]]) -> str:
    """The table."""
    rows = [[name, str(len(found)), str(sum(found))] for name, found in outcomes.items()]
    return table(("hosts that prefer nothing", "runs", "false alarms"), rows)
