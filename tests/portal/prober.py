"""A prober with all the luck: he sends packets to a candidate block in one hour and looks for them in public figures.

He knows the distribution of everything else that comes (Poisson, the quietest there is for a mean, and the mean to the
packet), picks the port whose traffic suits him best, asks for every range of whole hours that holds his hour, and
weighs all he sees by its likelihood.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ims.portal.rounded import Rounding

Array = np.ndarray[Any, Any]
HOUR = 3_600_000_000
NONE = -1


class Prober:
    """`mean`: packets an hour to his port without him; `hours`: the longest range he asks for; `step` and `threshold`:
    the viewers' settings."""

    def __init__(self, mean: float, hours: int, step: int, threshold: int, seed: int = 1) -> None:
        self._mean, self._hours, self._step, self._threshold = mean, hours, step, threshold
        self._rng = np.random.default_rng(seed)

    def sees(self, packets: int, trials: int) -> Array:
        """What is shown of each range in steps (NONE: not shown), as the gate shows it: (trials, ranges)."""
        widths = [width for width in range(1, self._hours + 1) for _ in range(width)]
        seen = np.empty((trials, len(widths)), np.int64)
        for trial in range(trials):
            rounding = Rounding(self._step, self._threshold, HOUR, self._rng.bytes(32))
            came = self._rng.poisson(self._mean, 2 * self._hours - 1)
            came[self._hours - 1] += packets
            sums = np.concatenate([[0], np.cumsum(came)])
            at = 0
            for width in range(1, self._hours + 1):
                for begin in range(self._hours - width, self._hours):
                    value = float(sums[begin + width] - sums[begin])
                    shown = rounding.shown(value, begin * HOUR, (begin + width) * HOUR, "port 1")
                    seen[trial, at] = NONE if shown is None else round(shown / (max(self._step, 1) * width))
                    at += 1
        return seen

    def found(self, packets: int, trials: int = 400, false_alarms: float = 0.01) -> float:
        """How often he finds the block with so many packets, if he may be wrong so often where there is none."""
        idle, probed = self.sees(0, 5 * trials), self.sees(packets, 5 * trials)
        most = int(max(idle.max(), probed.max())) + 2
        weights = np.stack(
            [
                np.log((np.bincount(probed[:, at] + 1, minlength=most) + 0.5) / (len(probed) + most / 2))
                - np.log((np.bincount(idle[:, at] + 1, minlength=most) + 0.5) / (len(idle) + most / 2))
                for at in range(idle.shape[1])
            ]
        )
        scores = [self._score(weights, self.sees(n, trials)) for n in (0, packets)]
        limit = np.quantile(scores[0], 1 - false_alarms)
        return float((scores[1] > limit).mean())

    @staticmethod
    def _score(weights: Array, seen: Array) -> Array:
        return weights[np.arange(weights.shape[0]), seen + 1].sum(axis=1)
