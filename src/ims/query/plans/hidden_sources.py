"""Sources that an asker may not see: ranges of addresses beside a filter, in no net of it and in no group by source.

Every filter of such an asker is changed in the same way, whatever it asks and whatever is hidden: each `src net X`
becomes `src net X and not HiddenSource`, and where rows are grouped by source so does the whole. What HiddenSource
stands for travels beside the tree (`Request.hidden`, `Ask.hidden`), and is worked out once for each packet, in a
column of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Network, collapse_addresses
from operator import or_
from typing import Any

import ibis

from ims.query.language.syntax_tree import HIDING, And, Expression, Net, Not, Or
from ims.query.plans.short_circuit import joined
from ims.query.request import Ranges, Request

COLUMN = "hidden_source"
"""Whether a packet's source is in one of the ranges."""
_SPARE = 4096
"""Ranges are looked up as prefixes of a few lengths, a hash table each, of whatever size: of as few lengths as there
can be with at most so many prefixes more than twice those that there must be. (Measured with DuckDB, 4 million packets,
one thread: 17 ms without, 40 ms with 2 or with 1,000 prefixes of a /24, 88 ms with three lengths; comparisons take
2,300 ms for 150 prefixes, a list in brackets 700 ms for 1,000. Ibis compiles an array's values one by one, 150 us each,
so they stand in one text.)"""


def ranges_of(prefixes: Iterable[IPv4Network]) -> Ranges:
    """The addresses of some prefixes."""
    found: list[tuple[int, int]] = []
    for network in collapse_addresses(prefixes):
        first, last = int(network.network_address), int(network.broadcast_address)
        if found and found[-1][1] + 1 == first:
            found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    return tuple(found)


def without_hidden_sources(request: Request) -> Request:
    """The question as its asker may ask it: as it is, of one who may see all sources."""
    if request.hidden is None:
        return request
    return request.model_copy(update={"filter": _hiding(request.filter, request)})


def _hiding(tree: Expression | None, request: Request) -> Expression | None:
    changed = None if tree is None else _each_net(tree)
    by_source = request.prefix is not None and request.prefix.address == "source"
    if by_source or request.verb == "sources" or request.group == "source":
        return HIDING if changed is None else And((changed, HIDING))
    return changed


def marked(packets: Any, ranges: Sequence[tuple[int, int]]) -> Any:
    """The packets (an Ibis table) with `COLUMN`, true or false of each."""
    source = packets.source.cast("int64")
    found = []
    for length, nets in _prefixes(ranges).items():
        listed = ibis.literal(",".join(map(str, nets))).split(",").cast("array<int64>")
        known = listed.unnest().name("net").as_table()
        found.append((source & ibis.literal(_mask(length), "int64")).isin(known.net))
    return packets.mutate(**{COLUMN: joined(found, or_) if found else ibis.literal(False)})


def _each_net(tree: Expression) -> Expression:
    if isinstance(tree, Net):
        return And((tree, HIDING))
    if isinstance(tree, Not):
        return Not(_each_net(tree.inner))
    if isinstance(tree, And | Or):
        return type(tree)(tuple(_each_net(term) for term in tree.terms))
    return tree


def _mask(length: int) -> int:
    return 0xFFFFFFFF << 32 - length & 0xFFFFFFFF


def _prefixes(ranges: Sequence[tuple[int, int]]) -> dict[int, list[int]]:
    """The ranges as first addresses of prefixes, by length."""
    fewest: dict[int, list[int]] = {}
    for first, last in ranges:
        at = first
        while at <= last:
            size = min(at & -at or 1 << 32, 1 << (last - at + 1).bit_length() - 1)
            fewest.setdefault(33 - size.bit_length(), []).append(at)
            at += size
    chosen = _lengths({length: len(nets) for length, nets in fewest.items()})
    found: dict[int, list[int]] = {length: [] for length in chosen}
    for length, nets in sorted(fewest.items()):
        longer = next(other for other in chosen if other >= length)
        found[longer] += (part for at in nets for part in range(at, at + (1 << 32 - length), 1 << 32 - longer))
    return found


def _lengths(counts: Mapping[int, int]) -> tuple[int, ...]:
    """The lengths to look prefixes up by, ascending; `counts`: how many there are of each. A shorter one is split into
    some of the next length that is chosen."""
    present, most = sorted(counts), 2 * sum(counts.values()) + _SPARE
    # How many prefixes there are, of those up to each length, with so many lengths of which it is the last; and which.
    best: dict[int, tuple[int, tuple[int, ...]]] = {-1: (0, ())}
    while present and best.get(present[-1], (most + 1, ()))[0] > most:
        best = {
            length: min(
                (
                    many + sum(counts[one] << length - one for one in present if before < one <= length),
                    (*lengths, length),
                )
                for before, (many, lengths) in best.items()
                if before < length
            )
            for length in present
            if any(before < length for before in best)
        }
    return best[present[-1]][1] if present else ()
