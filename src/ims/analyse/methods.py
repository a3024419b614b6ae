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

    def local_preference(self, filter: str | None = None, *, since: Moment = None, until: Moment = None) -> Result:
        """The share of each block's packets from its own /16 and /8, what chance would give, and which blocks are
        higher in rate than the median block without what came from their own /8, too (Figure 3 of the paper)."""
        return self._make("local-preference", {"filter": filter, "since": since, "until": until})

    def signature(
        self,
        filter: str | None = None,
        *,
        bin: str | int = "1h",
        top: int | None = None,
        since: Moment = None,
        until: Moment = None,
    ) -> Result:
        """A busy port's traffic by payload: what came of each over time, and those that appeared, with the moment at
        which they began to come. `top`: so many are drawn, 5 without it (Figure 5 of the paper)."""
        words = {"filter": filter, "bin": bin, "top": top, "since": since, "until": until}
        return self._make("signature", words)

    def ports(
        self,
        filter: str | None = None,
        *,
        bin: str | int = "1d",
        fdr: float = 0.05,
        well_known: bool = False,
        since: Moment = None,
        until: Moment = None,
    ) -> Result:
        """Ports without a well-known service (with all services: `well_known`) whose traffic changed its level: when,
        by how much, with a rate of false discovery over all ports of TCP and UDP (Figure 6 of the paper)."""
        words = {"filter": filter, "bin": bin, "fdr": fdr, "well_known": well_known}
        return self._make("ports", {**words, "since": since, "until": until})

    def storage(
        self, filter: str | None = None, *, bin: str | int = "1d", since: Moment = None, until: Moment = None
    ) -> Result:
        """How many bytes a day packets take as pcap, and by how much they are smaller as pcap.zst, with headers and
        signatures and each payload once a day, and as they are stored here (Figure 7 of the paper)."""
        return self._make("storage", {"filter": filter, "bin": bin, "since": since, "until": until})

    def cache(
        self, filter: str | None = None, *, bin: str | int = "1h", since: Moment = None, until: Moment = None
    ) -> Result:
        """How often a payload had been seen that day at its sensor, by block and time; when that hit rate dipped, and
        the ports and payloads that made it dip (Figure 8 of the paper)."""
        return self._make("cache", {"filter": filter, "bin": bin, "since": since, "until": until})

    def new_payloads(
        self,
        filter: str | None = None,
        *,
        bin: str | int = "1h",
        by: str = "block",
        only: str | None = None,
        history: str | int = "1d",
        limit: int | None = None,
        since: Moment = None,
        until: Moment = None,
    ) -> Result:
        """Payloads never seen before, by time, and to which places (`by` block or sensor) each came in turn, and how
        soon; `only`: what came to that place and to no other. `history`: so long the stores must have watched before a
        payload counts as never seen; `limit`: at most so many rows, all without it (section 2.3 of the paper)."""
        words = {"filter": filter, "bin": bin, "by": by, "only": only, "history": history, "limit": limit}
        return self._make("new-payloads", {**words, "since": since, "until": until})

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

    def exchange(
        self,
        filter: str | None = None,
        *,
        source: str,
        limit: int | None = None,
        since: Moment = None,
        until: Moment = None,
    ) -> Result:
        """One source's packets and our replies, which are made again by the responder's rules, beside what a passive
        monitor would have seen (Figure 4 of the paper). `limit`: at most so many packets, the oldest; 1,000 without
        it."""
        words = {"filter": filter, "source": source, "limit": limit, "since": since, "until": until}
        return self._make("exchange", words)
