"""What an analysis asks: questions of verbs about one filter and one range, and what their answers' records say.

It asks through the same door as everybody (`Telescope.ask`, or at a portal what the caller's role may ask and see), so
an analysis never knows more than its user.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from ims import arrow
from ims.analyse.blocks import MOST_BLOCKS, Watches, watches_of
from ims.query.answer import Answer, AnswerRecord
from ims.query.bins import bin_origin
from ims.query.errors import NotShownError, QuestionError
from ims.query.language.syntax_tree import And, Expression
from ims.query.moment import CALENDAR_US, moment
from ims.query.request import Request
from ims.query.verbs import MOST_ROWS, VerbName
from ims.settings.durations import HOUR_US, SECOND_US

Ask = Callable[[Request], Answer]
Progress = Callable[[str], None]
Write = Callable[[Request, Any], object]
"""Writes the packets of a request as pcap to an open file."""
MOST_BINS = 500_000
"""Rows of one answer: so many seconds of a block take 2 s and 500 MB."""


class Evidence:
    """Asks about the packets of a request. `progress`: called with what is being asked. `since`, `until`: of the range
    that answers are about (microseconds), which is fixed once it is known what was watched: a store may grow, and a
    role may be shown a shorter one. `width`: of the bins in the last answer that has any. `most_rows`: of an answer in
    which each row is a payload that is described."""

    def __init__(
        self,
        ask: Ask,
        request: Request,
        progress: Progress = lambda _: None,
        write: Write | None = None,
        most_rows: int = MOST_ROWS,
    ) -> None:
        self._ask, self.request, self._progress, self._write = ask, request, progress, write
        self.most_rows = most_rows
        self.since, self.until, self.width = request.since, request.until, 0
        self.records: list[AnswerRecord] = []
        self._narrower: list[Evidence] = []

    def ask(self, verb: VerbName, what: str, *, may_lack: bool = False, **words: Any) -> Answer:
        """The answer to a verb. Raises QuestionError where rows are missing, unless it may lack some: half of the data
        isn't analysed."""
        self._progress(what)
        ends = {"since": self.since, "until": self.until}
        answer = self._ask(Request(verb=verb, **(ends | words)))
        record = answer.record
        if record.limit and not may_lack:
            fewer = "a wider --bin, a shorter time or a narrower filter has fewer"
            raise QuestionError(f"{what} has more than {record.limit:,} rows; {fewer}")
        self.records.append(record)
        if record.since is not None and "since" not in words:
            self.since = moment(record.since)
        self.until = self.until if record.until is None else moment(record.until)
        self.width = round(record.bin_seconds * SECOND_US) or words.get("bin", self.width)
        return answer

    def series(
        self,
        bin: int,
        group: str | None = None,
        metric: str = "packets",
        rows: int = MOST_BINS,
        also: Expression | None = None,
    ) -> pa.Table:
        """`series` of the packets that the filter takes: time, the group if any, value; low and high where they carry
        noise. A group has only rows of what came. `rows`: at most; more raise QuestionError. `also`: of those packets,
        only these."""
        words = {"group": group, "metric": metric, **_bins(bin), "limit": rows}
        return self.ask("series", f"{metric} by {group or 'time'}", filter=self.both(also), **words).table

    def both(self, also: Expression | None) -> Expression | None:
        """The filter, and another one with it."""
        own = self.request.filter
        return own if also is None else also if own is None else And((own, also))

    def darknet(self, bin: int, group: str | None = "block") -> pa.Table:
        """The size over time of what the filter can match: see the verb."""
        return self.ask("darknet", "the darknet's size", filter=self.request.filter, group=group, **_bins(bin)).table

    @property
    def steps(self) -> tuple[Expression, ...]:
        """The steps of the request, if it has some, each with the request's filter."""
        steps = () if self.request.chain is None else self.request.chain.steps
        return steps if self.request.filter is None else tuple(And((self.request.filter, step)) for step in steps)

    def chains(self, bin: int) -> pa.Table:
        """`chain` of the request's steps in bins: source, variant, first, last, times."""
        assert self.request.chain is not None
        steps = self.request.chain.model_copy(update={"bin": bin})
        return self.ask("chain", "hosts that did the steps", filter=self.request.filter, chain=steps).table

    def top(self, group: str, metric: str = "packets", rows: int = 10) -> pa.Table:
        """`top` of the packets that the filter takes: the group and value of the `rows` with the most."""
        what = f"{metric} by {group}"
        words = {"group": group, "metric": metric, "limit": rows}
        return self.ask("top", what, may_lack=True, filter=self.request.filter, **words).table

    def payloads(self, rows: int) -> pa.Table:
        """`payloads` of the packets that the filter takes: the `rows` that came most often."""
        return self.ask("payloads", "payloads", may_lack=True, filter=self.request.filter, limit=rows).table

    def narrowed(self, also: Expression | None = None, since: int | None = None, until: int | None = None) -> Evidence:
        """Of those of these packets that a filter takes, too, in a shorter range. Who was silent, and what wasn't
        shown, counts here as well."""
        both = [each for each in (self.request.filter, also) if each is not None]
        words = {
            "filter": And(tuple(both)) if len(both) > 1 else next(iter(both), None),
            "since": self.since if since is None else since,
            "until": self.until if until is None else until,
        }
        found = Evidence(self._ask, self.request.model_copy(update=words), self._progress, self._write, self.most_rows)
        self._narrower.append(found)
        return found

    @property
    def can_write(self) -> bool:
        """Whether the asker may export packets."""
        return self._write is not None

    def write(self, out: Any) -> None:
        """Write the packets that the filter takes as pcap to an open file. Raises NotShownError."""
        if self._write is None:
            raise NotShownError("packets can't be exported here")
        self._progress("packets of a sample")
        self._write(Request(verb="packets", filter=self.request.filter, since=self.since, until=self.until), out)

    def count(self) -> int:
        """How many packets the filter takes."""
        return int(arrow.numbers(self.series(HOUR_US).column("value")).sum())

    def packets(self, filter: Expression) -> int:
        """How many packets a filter takes."""
        return int(self.ask("count", "packets of a step", filter=filter).table.column("packets")[0].as_py())

    def first_packets(self, rows: int) -> Answer:
        """The oldest packets that the filter takes, whole rows of them; the record tells how many more there are."""
        return self.ask("packets", "the packets", may_lack=True, filter=self.request.filter, limit=rows)

    def size(self, only: Collection[str] | None = None) -> float:
        """Mean addresses of what the filter can match, over the moments at which any was watched; or the sum of those
        of some blocks."""
        table = self.darknet(HOUR_US, None if only is None else "block")
        seconds, sizes = (arrow.numbers(table.column(name)) for name in ("seconds", "addresses"))
        if only is None:
            chosen = [np.ones(len(table), np.bool_)]
        else:
            names = np.array(table.column("block").to_pylist(), object)
            chosen = [names == name for name in only]
        return float(sum(np.average(sizes[each], weights=seconds[each]) for each in chosen if each.any()))

    @cached_property
    def coverage(self) -> Answer:
        """What was watched; the range is fixed by it."""
        answer = self.ask("coverage", "what was watched")
        if self.until is None and len(answer):
            self.until = min(int(arrow.numbers(answer.table.column("until")).max()), CALENDAR_US[1] - 1)
        return answer

    def past(self) -> pa.Table:
        """What was ever watched, until the range ends: see the verb `coverage`."""
        self._progress("what was watched before")
        return self._ask(Request(verb="coverage", until=self.until)).table

    def begin_at(self, since: int) -> None:
        """Ask of a shorter range from now on."""
        self.since = since
        self.__dict__.pop("coverage", None)

    @property
    def silent(self) -> set[str]:
        """Sensors that didn't answer a question."""
        own = {sensor for record in self.records for sensor in record.silent}
        return own.union(*(each.silent for each in self._narrower))

    def watches(self) -> Watches:
        """When each block was watched that the filter can match, of the sensors that answered all questions so far."""
        found = watches_of(self.coverage.table, self.request.filter, self.silent)
        if len(found.by_block) > MOST_BLOCKS:
            raise QuestionError(
                f"{len(found.by_block):,} blocks are more than the {MOST_BLOCKS:,} of an analysis; name some, as in "
                "'block NAME or block NAME'"
            )
        return found

    @property
    def notes(self) -> list[str]:
        """What the answers' records say is missing or not shown, each sentence once."""
        own = (line for record in self.records for line in (*record.losses, *record.withheld))
        return list(dict.fromkeys([*own, *(line for each in self._narrower for line in each._withheld)]))

    @property
    def _withheld(self) -> list[str]:
        own = [line for record in self.records for line in record.withheld]
        return [*own, *(line for each in self._narrower for line in each._withheld)]


def _bins(width: int) -> dict[str, Any]:
    return {"bin": width, "origin": bin_origin(width) or None, "limit": MOST_BINS}
