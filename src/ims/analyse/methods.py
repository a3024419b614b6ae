"""The analyses as methods: `telescope.analyse.rate(...)`, the same for stores, a lake and a portal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ims.analyse.result import Result

Moment = str | float | datetime | None
Files = str | Path | Sequence[str | Path] | None
Make = Callable[[str, dict[str, Any]], "Result"]


class Analyses:
    """Each analysis is a method. They take a filter in tcpdump's language and a range [since, until), as verbs do, and
    return a result: estimates with intervals, rows, notes, the darknet's size; `figure()` draws it, `save` writes it.

    `make`: makes a result of an analysis's name and words. What is wrong with a question raises ValueError in one line.
    """

    def __init__(self, make: Make) -> None:
        self._make = make

    def rate(
        self, filter: str | None = None, *, bin: str | int = "5m", since: Moment = None, until: Moment = None
    ) -> Result:
        """The packet rate of each block, in packets/s per /24: mean, median and quantiles of its bins, and its ratio to
        the block with the lowest mean (Figure 2 of the paper)."""
        return self._make("rate", {"filter": filter, "bin": bin, "since": since, "until": until})

    def outbreak(
        self, filter: str | None = None, *, bin: str | int = "1h", since: Moment = None, until: Moment = None
    ) -> Result:
        """The phases of a worm, found in its distinct sources by time: doubling time and steepest growth of a logistic
        law, when the decline began, half-life, number of sources (Figure 9 of the paper)."""
        return self._make("outbreak", {"filter": filter, "bin": bin, "since": since, "until": until})

    def chain(
        self,
        filter: str | None = None,
        *,
        first: str,
        then: str | Sequence[str],
        within: str | int = "10m",
        at: str = "address",
        bin: str | int = "1h",
        since: Moment = None,
        until: Moment = None,
    ) -> Result:
        """Hosts identified by steps one after the other: `first`, then each of `then` (filters), by `within` at most
        after the one before, at one dark `address`, one `sensor` or `anywhere`; their variants by the last step's
        payload (section 3.2 of the paper). A rule in TOML: `chain(**tomllib.load(file))`."""
        steps = {"first": first, "then": [then] if isinstance(then, str) else then, "within": within, "at": at}
        return self._make("chain", {"filter": filter, **steps, "bin": bin, "since": since, "until": until})

    def circadian(
        self,
        filter: str | None = None,
        *,
        bin: str | int = "1h",
        by: str | None = None,
        mmdb: Files = None,
        since: Moment = None,
        until: Moment = None,
    ) -> Result:
        """The daily pattern of sources: at which hour they are most, how much they vary, the period, and a test against
        no pattern; by country or AS of the sources (Figure 10 of the paper)."""
        words = {"filter": filter, "bin": bin, "by": by, "mmdb": mmdb, "since": since, "until": until}
        return self._make("circadian", words)
