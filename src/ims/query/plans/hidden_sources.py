"""Sources that a user may not see: ranges of addresses, excluded from each net of a filter and from groups by source.

Every filter of such a user is changed in the same way, whatever is hidden: each `src net X` becomes `src net X and not
HiddenSource`, and where rows are grouped by source so does the whole. The ranges are kept beside the tree
(`Request.hidden`, `Ask.hidden`), and evaluated once for each packet, in a column of its own.
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
"""Ranges are looked up as prefixes, with a hash table for each length: as few lengths as possible with at most twice
the fewest prefixes and so many more. (Measured with DuckDB, 4 million packets, one thread: 17 ms without, 40 ms with 2
or 1,000 prefixes of a /24, 88 ms with three lengths; comparisons take 2,300 ms for 150 prefixes, a list in brackets
700 ms for 1,000. Ibis compiles an array's values one by one, 150 us each, so they are one text.)"""


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
    """The request with a filter that hides the sources that its user may not see, if any. The steps of a chain need no
    change, as they are taken of what the filter takes."""
    if request.hidden is None:
        return request
    tree = None if request.filter is None else _each_net(request.filter)
    by_source = request.prefix is not None and request.prefix.address == "source"
    if by_source or request.verb in ("sources", "chain") or request.group == "source":
        tree = HIDING if tree is None else And((tree, HIDING))
    return request.model_copy(update={"filter": tree})


def marked(packets: Any, ranges: Sequence[tuple[int, int]]) -> Any:
    """The packets (an Ibis table) with `COLUMN`, never null."""
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
    """Prefix lengths for lookups, ascending; other prefixes are split into longer ones. `counts`: their number."""
    present, most = sorted(counts), 2 * sum(counts.values()) + _SPARE
    # For each last length: the fewest prefixes up to it with so many lengths, and these lengths.
    best: dict[int, tuple[int, tuple[int, ...]]] = {-1: (0, ())}
    while present and best.get(present[-1], (most + 1, ()))[0] > most:
        best = {
            length: min(
                (many + sum(counts[n] << length - n for n in present if before < n <= length), (*lengths, length))
                for before, (many, lengths) in best.items()
                if before < length
            )
            for length in present
            if any(before < length for before in best)
        }
    return best[present[-1]][1] if present else ()
