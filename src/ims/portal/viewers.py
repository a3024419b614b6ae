"""What viewers may ask: a few questions about whole bins of time, each with one answer however it is put.

Someone who sends packets to find sensors looks for them in as many views as he can get: unions of ports, ranges that
begin an hour later, differences of two sums. So filters are conjunctions of few conditions, times are whole bins, and
the value of a cell (a bin, a port) is rounded the same way whatever else is asked with it (rounded.py).
"""

from __future__ import annotations

import math

from ims.portal.forbidden import Forbidden
from ims.portal.may_ask import is_compared
from ims.portal.narrowed import Narrowed, narrowed
from ims.portal.secrecy_settings import SecrecySettings
from ims.query.bins import bin_begin, bin_origin
from ims.query.moment import EARLIEST_US
from ims.query.request import Request
from ims.query.tree import And, Compare, Expression, Has, Named, Net, Number, Port, Protocol

VERBS = ("count", "series", "top", "cache", "coverage")
METRICS = ("packets", "bytes", "sources", "payloads", "new_payloads")
GROUPS = {"destination_port": 65_536, "protocol": 256, "icmp_type": 256, "category": 5, "block": 1000, "sensor": 1000}
"""Columns to group by, and how many values they have at most (blocks and sensors: to speak of)."""
SOURCE_BITS = 8
"""Sources are told apart by no more bits."""
MOST_BINS, MOST_CELLS = 100_000, 5_000_000
FILTER = "dst port N, proto N, icmp[icmptype] = N, src net N/8, category, block, sensor, payload, verified, and `and`"


def check(request: Request, settings: SecrecySettings, now_us: int) -> Narrowed:
    """A viewer's request, narrowed to whole bins that are old enough. Raises Forbidden."""
    if request.verb not in VERBS:
        raise Forbidden(f"viewers aren't shown {request.verb}; they may ask for {', '.join(VERBS)}")
    if request.metric not in METRICS:
        raise Forbidden(f"viewers aren't shown {request.metric} as a metric; they may ask for {', '.join(METRICS)}")
    values = _values_of(request)
    unit = round(settings.viewer_bin * 1e6)
    oldest = now_us - round(settings.viewer_delay * 1e6)
    width = math.ceil(request.bin / unit) * unit if request.verb in ("series", "cache") else unit
    origin = bin_origin(width)
    until = bin_begin(oldest if request.until is None else min(request.until, oldest), width, origin)
    since = until - math.ceil(settings.viewer_span * 1e6 / width) * width if request.since is None else request.since
    since = bin_begin(max(since, EARLIEST_US) + width - 1, width, origin)
    if since >= until:
        raise Forbidden(
            f"viewers are shown whole bins of {width // 1_000_000:,} s that are {settings.viewer_delay:,.0f} s old, "
            "and there is none in this range; ask for a longer one or an earlier one"
        )
    bins = (until - since) // width if request.verb in ("series", "cache") else 1
    if bins > MOST_BINS or bins * values > MOST_CELLS:
        raise Forbidden(
            f"{bins:,} bins are more than viewers may ask for at once; ask for wider ones or a shorter range"
        )
    limit = 0 if request.verb in ("count", "coverage") else max(MOST_BINS, bins * values) + 1
    return narrowed(request, since=since, until=until, bin=width, origin=origin or None, limit=limit)


def check_filter(tree: Expression) -> None:
    """Raises Forbidden where a filter is more than a conjunction of what viewers may ask, each once."""
    terms = tree.terms if isinstance(tree, And) else (tree,)
    kinds = [kind for term in terms for kind in [_kind(inner) for inner in _flat(term)]]
    if "" in kinds or len(set(kinds)) < len(kinds):
        raise Forbidden(f"this filter is too fine for viewers; they may ask for {FILTER}, each once")


def _flat(tree: Expression) -> tuple[Expression, ...]:
    return tuple(inner for term in tree.terms for inner in _flat(term)) if isinstance(tree, And) else (tree,)


def _kind(tree: Expression) -> str:
    """What a condition is about; empty where viewers may not ask it."""
    if isinstance(tree, Port):
        return "port" if tree.direction == "destination" and tree.low == tree.high else ""
    if isinstance(tree, Net):
        return "source" if tree.direction == "source" and tree.prefix == SOURCE_BITS else ""
    if isinstance(tree, Protocol):
        return "protocol"
    if isinstance(tree, Named):
        return tree.column
    if isinstance(tree, Has):
        return tree.what if tree.what in ("payload", "verified") else ""
    return "icmp" if is_compared(tree, "icmp", 0) else ""


def mark_of(tree: Expression | None) -> str:
    """What a filter picks out that a sender may choose freely: a port or an ICMP type; else nothing."""
    for term in () if tree is None else _flat(tree):
        if isinstance(term, Port):
            return f"port {term.low}"
        if isinstance(term, Compare) and isinstance(term.right, Number):
            return f"icmp {term.right.value}"
    return ""


def _values_of(request: Request) -> int:
    """How many groups there may be. Raises Forbidden where viewers may not group so."""
    if request.group is None:
        return 1
    if request.prefix is not None and request.prefix.address == "source" and request.prefix.bits <= SOURCE_BITS:
        return int(2**request.prefix.bits)
    if request.group not in GROUPS:
        raise Forbidden(
            f"viewers can't group by {request.group}; they may by {', '.join(GROUPS)} and source/1 to /{SOURCE_BITS}"
        )
    return GROUPS[request.group]
