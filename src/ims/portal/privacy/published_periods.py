"""What was watched, as viewers may know it: in whole published bins.

A period may end with the last packet of a capture, or of a quiet block: whoever sent it would learn from a period, a
mean or a size that it was seen. So each period counts from the begin of the published bin in which it begins to the end
of the one in which it ends.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ims import arrow
from ims.portal.privacy.query_policy import NarrowedRequest, asked_of
from ims.query.darkspace import DarkSpace
from ims.query.language.scope import matches
from ims.query.request import Request


def published_periods(request: Request, coverage: pa.Table, unit: int) -> pa.Table:
    """Rows of coverage that lie in the request's range, with `since` and `until` (int64, microseconds) rounded outwards
    to whole bins of `unit` from its begin on, and within it."""
    first, last = request.since or 0, request.until or 0
    begins, ends = (np.clip(arrow.numbers(coverage.column(name)), first, last) for name in ("since", "until"))
    kept = {name: coverage.column(name) for name in coverage.column_names if name not in ("since", "until")}
    since = (begins - first) // unit * unit + first
    until = np.minimum(-(-(ends - first) // unit) * unit + first, last)
    kept |= {"since": arrow.column(since, pa.int64()), "until": arrow.column(until, pa.int64())}
    return pa.table(kept).filter(arrow.column(since < until, pa.bool_()))


def published_space(request: Request, coverage: pa.Table, unit: int) -> DarkSpace:
    """The size of what was watched, over time: of the blocks and sensors that a request of `darknet` can match."""
    rows = (
        published_periods(request, coverage, unit).select(["sensor", "block", "prefix", "since", "until"]).to_pylist()
    )
    asked = asked_of(request) if isinstance(request, NarrowedRequest) else request
    chosen = asked.filter if asked.verb == "darknet" else None
    return DarkSpace(
        {**row, "since_us": row["since"], "until_us": row["until"]}
        for row in rows
        if matches(chosen, row["sensor"], row["block"]) is not False
    )
