"""What viewers may ask: sums of published cells, over whole bins of time that are old enough.

Someone who sends packets to find sensors compares as many views as he can get: unions of ports, ranges that begin an
hour later, differences of two sums. So every figure is a sum of cells that everybody sees alike (cells.py, noise.py),
and no number of questions tells more than the cells.
"""

from __future__ import annotations

import math

from ims.portal.privacy.cells import GROUPS, METRICS, view_of
from ims.portal.privacy.query_policy import Forbidden, NarrowedRequest, narrowed
from ims.portal.privacy.settings import SecrecySettings
from ims.query.bins import bin_begin, bin_origin
from ims.query.moment import EARLIEST_US
from ims.query.request import Request
from ims.query.verbs import VERBS

VIEWERS_VERBS = tuple(name for name, verb in VERBS.items() if verb.viewers)
WATCHED_VERBS = ("coverage", "darknet")
"""Verbs that ask nothing of packets."""
MOST_BINS, MOST_CELLS = 100_000, 50_000_000
"""Of a range, and times the values of a group: what sensors may be asked for."""


def unit_of(settings: SecrecySettings) -> int:
    """The width of published cells in microseconds."""
    return round(settings.viewer_bin * 1e6)


def finished(settings: SecrecySettings, told: float, now: float) -> tuple[int, int]:
    """Begin and end (microseconds) of the cells that became old enough to be shown between two moments (seconds)."""
    unit = unit_of(settings)
    delayed = [round((moment - settings.viewer_delay) * 1e6) for moment in (told, now)]
    return bin_begin(delayed[0], unit, bin_origin(unit)), bin_begin(delayed[1], unit, bin_origin(unit))


def check(request: Request, settings: SecrecySettings, now_us: int) -> NarrowedRequest:
    """A viewer's request, narrowed to whole bins that are old enough. Raises Forbidden."""
    if request.verb not in VIEWERS_VERBS:
        raise Forbidden(f"viewers aren't shown {request.verb}; they may ask for {', '.join(VIEWERS_VERBS)}")
    if request.metric not in METRICS:
        raise Forbidden(f"viewers aren't shown {request.metric} as a metric; they may ask for {', '.join(METRICS)}")
    view = view_of(request)
    if view.table != "total" and (request.metric != "packets" or request.verb == "cache"):
        what = "cache" if request.verb == "cache" else request.metric
        raise Forbidden(f"viewers are shown {what} of all packets only; ask without a filter and without a group")
    unit = unit_of(settings)
    oldest = now_us - round(settings.viewer_delay * 1e6)
    width = math.ceil(request.bin / unit) * unit if "bin" in VERBS[request.verb].by_name else unit
    if request.metric == "sources" and (width != unit or request.verb != "series"):
        raise Forbidden(
            f"viewers are shown distinct sources by bins of {unit // 1_000_000:,} s alone: ask for a series"
        )
    origin = bin_origin(width)
    if (origin - bin_origin(unit)) % unit:  # weeks from Monday, where cells of an odd width don't begin
        origin = bin_origin(unit)
    until = bin_begin(oldest if request.until is None else min(request.until, oldest), width, origin)
    since = until - math.ceil(settings.viewer_span * 1e6 / width) * width if request.since is None else request.since
    since = bin_begin(max(since, EARLIEST_US) + width - 1, width, origin)
    if since >= until:
        raise Forbidden(
            f"viewers are shown whole bins of {width // 1_000_000:,} s that are {settings.viewer_delay:,.0f} s old, "
            "and there is none in this range; ask for a longer one or an earlier one"
        )
    bins, values = (until - since) // unit, 1 if request.group is None else GROUPS[view.table]
    if request.verb not in WATCHED_VERBS and (bins > MOST_BINS or bins * values > MOST_CELLS):
        raise Forbidden(
            f"{bins:,} bins of {values:,} values are more than viewers may ask for; ask for a shorter range"
        )
    return narrowed(request, since=since, until=until, bin=width, origin=origin or None, limit=0)
