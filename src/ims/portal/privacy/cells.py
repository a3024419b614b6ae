"""The tables behind viewers' figures: which of them a question is about, and how sensors are asked for its cells.

A packet is in one cell of each table in each bin of time (`viewer_bin`), and viewers see sums of cells. So what they
learn of it is bounded by the number of tables (noise.py), not by that of questions. Tables are few: packets by one
thing at a time, and other metrics of all packets only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ims.packet.field_values import PROTOCOL_ICMP as ICMP
from ims.packet.field_values import PROTOCOL_TCP as TCP
from ims.packet.field_values import PROTOCOL_UDP as UDP
from ims.portal.privacy.query_policy import Forbidden, NarrowedRequest, asked_of, narrowed
from ims.query.bins import bin_begin, bin_origin
from ims.query.language.syntax_tree import And, Compare, Expression, Named, Net, Number, Octets, Port, Protocol
from ims.query.request import Request

SOURCE_BITS = 8  # sources are distinguished by no more
GROUPS = {"destination_port": 65_536, "protocol": 256, "icmp_type": 256, "category": 5, "block": 1000, "sensor": 1000,
          "source": 256}  # fmt: skip
"""Tables of packets beside the total, and their largest number of values (of blocks and sensors: a guess). A packet has
a port or an ICMP type, never both: these two are one table."""
CACHE = ("payloads", "hits", "payloads_without_icmp_errors", "hits_without_icmp_errors")
COUNTED = {"packets": "packets", "bytes": "bytes_capped", "sources": "sources", "payloads": "payloads"}
"""What `count` shows, and the metrics that give it."""
METRICS = {**COUNTED, "new_payloads": "new_payloads", "bytes_capped": "bytes_capped"}
ASKABLE = "dst port N (tcp, udp), a protocol, icmp[icmptype] = N, src net N/8, category, block, sensor; or group by it"
MOST_ROWS_AT_ONCE = 2_000_000  # cells that sensors are asked for in one question


class Term(NamedTuple):
    """A filter to ask for cells. `within`: what distinguishes them from others of the same key in the table."""

    within: str
    filter: Expression | None


class View(NamedTuple):
    """What a viewer's question is about: all cells of a table, or those of one value (`key`, as a group has it)."""

    table: str
    key: Any
    terms: tuple[Term, ...]
    bits: int = SOURCE_BITS

    @property
    def cells(self) -> int:
        """Cells of a bin that a row of the answer is the sum of."""
        return len(self.terms) << (SOURCE_BITS - self.bits if self.key is None else 0)


def view_of(request: Request) -> View:
    """The view of a viewer's question, as it was asked. Raises Forbidden where it is about no published table."""
    request = asked_of(request)
    terms = () if request.filter is None else tuple(term for term in _flat(request.filter) if term != Protocol(None))
    found = {_kind(term): term for term in terms}
    group = _group_of(request)
    if "" in found or len(found) < len(terms):
        raise Forbidden(f"this filter is too fine for viewers; they may ask for {ASKABLE}")
    within = found.get("protocol")
    protocols: tuple[int, ...] = (TCP, UDP)
    about = {*found, *([] if group is None else [group])}
    if isinstance(within, Protocol) and within.number in protocols and about >= {"destination_port", "protocol"}:
        protocols = (within.number,)
        about.discard("protocol")
    if within == Protocol(ICMP) and about >= {"icmp_type", "protocol"}:
        about.discard("protocol")
    if len(about) > 1:
        raise Forbidden(f"viewers' figures are by one thing at a time; they may ask for {ASKABLE}")
    table = next(iter(about), "total")
    term = found.get(table)
    bits = SOURCE_BITS if request.prefix is None else request.prefix.bits
    if isinstance(term, Port):
        chosen = [p for p in protocols if term.protocol in (None, p)]
        return View(table, term.low, tuple(Term(f"{p}", Port("destination", term.low, term.low, p)) for p in chosen))
    if term is not None:
        return View(table, _key_of(term), (Term("", term),), bits)
    if table == "destination_port":
        return View(table, None, tuple(Term(f"{p}", Protocol(p)) for p in protocols))
    return View(table, None, (Term("", None),), bits)


def _key_of(term: Expression) -> Any:
    """The value that a condition picks, as a group's column has it."""
    match term:
        case Compare(right=Number(value)):
            return value
        case Named(name=name):
            return name
        case Net(address=address):
            return f"{address >> 24}.0.0.0/{SOURCE_BITS}"
        case Protocol(number=number):
            return number
    raise ValueError(f"{term} picks no value of a table")


def metrics_of(request: Request, unit: int) -> tuple[str, ...]:
    """The metrics that the answer shows. Distinct sources of a longer time aren't the sum of those of its bins."""
    view = view_of(request)
    if request.verb == "cache":
        return CACHE
    if request.verb != "count":
        return ("bytes" if request.metric == "bytes_capped" else request.metric,)
    if view.table != "total":
        return ("packets",)
    one = (request.until or 0) - (request.since or 0) == unit
    return tuple(metric for metric in COUNTED if one or metric != "sources")


class Cells(NamedTuple):
    """A question for the cells of one table and metric. `within`: as Term's."""

    metric: str
    within: str
    request: NarrowedRequest


def questions(request: NarrowedRequest, unit: int) -> Iterator[Cells]:
    """What sensors are asked for the cells of a viewer's question, as the policy narrowed it, in periods that other
    questions share (federation/answer_cache.py)."""
    view = view_of(request)
    grouped = view.key is None and view.table != "total"
    group = ("source/8" if view.table == "source" else view.table) if grouped else None
    values = 1 if group is None else GROUPS[view.table]
    for since, until in _stretches(request.since or 0, request.until or 0, unit, values):
        limit = (until - since) // unit * values + 1
        when = {"bin": unit, "origin": bin_origin(unit) or None, "per_24": False, "since": since, "until": until}
        if request.verb == "cache":
            yield Cells("cache", "", narrowed(request, **when, filter=None, limit=0))
            continue
        for metric in metrics_of(request, unit):
            asked = {**when, "verb": "series", "group": group, "metric": METRICS[metric], "limit": limit}
            for term in view.terms:
                yield Cells(metric, term.within, narrowed(request, **asked, filter=term.filter))


def _stretches(since: int, until: int, unit: int, values: int) -> Iterator[tuple[int, int]]:
    """[since, until) in periods of no more cells than are asked for at once, cut at the same moments for everybody."""
    bins = max(1, MOST_ROWS_AT_ONCE // values)
    width = (bins // 24 * 24 or bins) * unit
    while since < until:
        end = min(until, bin_begin(since, width, bin_origin(unit)) + width) if values > 1 else until
        yield since, end
        since = end


def _flat(tree: Expression) -> tuple[Expression, ...]:
    return tuple(inner for term in tree.terms for inner in _flat(term)) if isinstance(tree, And) else (tree,)


def _kind(tree: Expression) -> str:
    """The table that a condition picks a value of; empty where there is none."""
    if isinstance(tree, Port):
        single = tree.direction == "destination" and tree.low == tree.high
        return "destination_port" if single and tree.protocol in (None, TCP, UDP) else ""
    if isinstance(tree, Net):
        return "source" if tree.direction == "source" and tree.prefix == SOURCE_BITS else ""
    if isinstance(tree, Protocol):
        return "protocol"
    if isinstance(tree, Named):
        return tree.column
    if isinstance(tree, Compare) and tree.operator == "=" and isinstance(tree.right, Number):
        return "icmp_type" if tree.left == Octets("icmp", 0, 1) else ""
    return ""


def _group_of(request: Request) -> str | None:
    """The table that a group is of. Raises Forbidden where there is none."""
    if request.group is None:
        return None
    if request.prefix is not None and request.prefix.address == "source" and request.prefix.bits <= SOURCE_BITS:
        return "source"
    if request.group not in GROUPS or request.group == "source":
        shown = ", ".join(name for name in GROUPS if name != "source")
        raise Forbidden(f"viewers can't group by {request.group}; they may by {shown} and source/1 to /{SOURCE_BITS}")
    return request.group
