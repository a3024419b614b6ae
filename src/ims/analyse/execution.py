"""An analysis is made: words are checked, data asked for, a model estimated; the result has the size of the darknet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from ims.analyse.analyses import ANALYSES, functions
from ims.analyse.blocks import Watches
from ims.analyse.evidence import Ask, Evidence, Progress, Write
from ims.analyse.options import Options, options_of, with_origins
from ims.analyse.question import Analysis
from ims.analyse.result import Darknet, Estimate, Result
from ims.origin.origins import Origins
from ims.query.errors import QuestionError
from ims.query.verbs import MOST_ROWS
from ims.settings.durations import HOUR_US
from ims.text import meant

UNWATCHED = "nothing was watched in this range: there is no data to estimate from"
UNMATCHED = "the filter can match no block that was watched in this range: there is no data to estimate from"
SHOWN_BLOCKS = 8
MISSING = 0.01
"""Share of the range from which on a gap is noted."""


@dataclass(frozen=True)
class Finding:
    """What a model makes of data: estimates by name, rows, what the figure is drawn from, and notes. An estimate that
    is missing can't be made; a note says why. `options`: words that were answered otherwise than asked."""

    estimates: Mapping[str, Estimate]
    rows: pa.Table
    series: pa.Table
    notes: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


def known(name: str) -> Analysis:
    """The analysis of this name. Raises QuestionError."""
    if name not in ANALYSES:
        expected = f"expected one of {', '.join(ANALYSES)}"
        raise QuestionError(
            f"no analysis {name[:40]!r}; {meant(name[:40], ANALYSES, '')} {expected}".replace("  ", " ")
        )
    return ANALYSES[name]


def run(
    analysis: Analysis,
    ask: Ask,
    words: Mapping[str, Any],
    progress: Progress = lambda _: None,
    origins: Callable[[], Origins] | None = None,
    write: Write | None = None,
    most_rows: int = MOST_ROWS,
) -> Result:
    """The answer of an analysis to words as users give them. `ask`: answers typed questions as its user may see them;
    `origins`: a portal's files, in place of those that the words name; `write`: exports packets, where its user may;
    `most_rows`: payloads that are listed.

    Raises QuestionError with one line for words that are wrong, and for an answer that would be too large; OriginError
    (a ValueError) for files that can't be used; what `ask` and `origins` raise.
    """
    options = with_origins(options_of(analysis, words), origins)
    request = options.request
    evidence = Evidence(ask, request, progress, write, most_rows)
    blank = Result(analysis.name, words.get("filter"), request.since, request.until, Darknet(0.0), options.shown)
    unknown = {each.name: Estimate(None, None, None, each.unit, "") for each in analysis.estimates}
    if not evidence.watches().by_block:
        why = UNMATCHED if len(evidence.coverage) and not evidence.watches().left_out else UNWATCHED
        return replace(blank, estimates=unknown, notes=(why, *evidence.notes))
    module = functions(analysis)
    data = module.data(evidence, options)
    progress("the estimates")
    found = module.model(data)
    watches = evidence.watches()
    first, last = watches.range or (None, None)
    since, until = (
        (first if evidence.since is None else evidence.since),
        (last if evidence.until is None else evidence.until),
    )
    notes = (*found.notes, *_of_origins(options), *_of_watches(watches, since, until), *evidence.notes)
    return replace(
        blank, since=since, until=until, darknet=_darknet(evidence, watches, since, until),
        options={**options.shown, **found.options}, estimates=unknown | dict(found.estimates), rows=found.rows,
        series=found.series, notes=notes,
    )  # fmt: skip


def _darknet(evidence: Evidence, watches: Watches, since: int | None, until: int | None) -> Darknet:
    """What the answer rests on: the record's size, or if a filter or a silent sensor leaves blocks out, that of those
    which are left."""
    record = evidence.coverage.record
    gaps = [gap for each in watches.by_block.values() for gap in each.gaps(since or 0, until or 0)]
    if watches.whole:
        addresses = record.darknet_24s * 256
    else:
        addresses = evidence.size(list(watches.by_block) if watches.left_out else None)
    return Darknet(addresses, tuple(watches.by_block), record.frames_lost, tuple(gaps))


def _of_origins(options: Options) -> list[str]:
    """Whose data they are: their licences want them named, and they age."""
    if "origins" not in options.values:
        return []
    what = "countries" if options.values["by"] == "country" else "AS"
    return [f"{what} and local time are as told by {options.values['origins'].source}"]


def _of_watches(watches: Watches, since: int | None, until: int | None) -> list[str]:
    """What a reader has to know of when blocks were watched."""
    notes, whole = [], (until or 0) - (since or 0)
    partial = []
    for watch in watches.by_block.values():
        missing = sum(gap.until - gap.since for gap in watch.gaps(since or 0, until or 0))
        if missing > 0 and missing >= MISSING * whole:
            partial.append(f"{watch.block} {(whole - missing) / HOUR_US:,.4g} of {whole / HOUR_US:,.4g} h")
    if partial:
        notes.append(f"watched for a part of the range: {listed(partial)}")
    if doubled := [watch.block for watch in watches.by_block.values() if watch.is_doubled]:
        notes.append(f"several sensors watched at once, and what each of them saw counts: {listed(doubled)}")
    if watches.left_out:
        notes.append(f"left out, since a sensor didn't answer every question: {listed(watches.left_out)}")
    return notes


def listed(names: Sequence[str]) -> str:
    """Names for a note."""
    more = [f"and {len(names) - SHOWN_BLOCKS} more"] if len(names) > SHOWN_BLOCKS else []
    return ", ".join([*names[:SHOWN_BLOCKS], *more])
