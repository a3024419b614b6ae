"""The verbs answered by brute force over rows as plain Python: shares no code with the plans it judges."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

Row = dict[str, Any]
Key = Callable[[Row], Any]

METRICS: dict[str, Callable[[Sequence[Row]], int]] = {
    "packets": len,
    "bytes": lambda rows: sum(row["total_length"] or row["presumed_length"] for row in rows),
    "bytes_capped": lambda rows: sum(min(row["total_length"] or row["presumed_length"], 1500) for row in rows),
    "sources": lambda rows: len({row["source"] for row in rows}),
    "destinations": lambda rows: len({row["destination"] for row in rows}),
    "payloads": lambda rows: sum(row["payload_length"] > 0 for row in rows),
    "new_payloads": lambda rows: sum(row["new_payload"] for row in rows),
}


def key_of(group: str) -> Key:
    """What a row is grouped by: a column, or the first bits of an address."""
    column, slash, bits = group.partition("/")
    if not slash:
        return lambda row: row[column]
    return lambda row: row[column] >> (32 - int(bits)) << (32 - int(bits))


def grouped(rows: Iterable[Row], key: Key) -> dict[Any, list[Row]]:
    groups = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups


def after_all(value: Any) -> tuple[bool, Any]:
    """Sorts None last."""
    return (value is None, 0 if value is None else value)


def within(rows: Iterable[Row], since: int | None = None, until: int | None = None) -> list[Row]:
    return [row for row in rows if (since is None or row["us"] >= since) and (until is None or row["us"] < until)]


def count(rows: Sequence[Row]) -> Row:
    times = [row["us"] for row in rows]
    return {
        "packets": len(rows),
        "bytes": METRICS["bytes"](rows),
        "sources": METRICS["sources"](rows),
        "destinations": METRICS["destinations"](rows),
        "payloads": METRICS["payloads"](rows),
        "signatures": len({row["signature"] for row in rows} - {None}),
        "first": min(times, default=None),
        "last": max(times, default=None),
    }


def top(rows: Sequence[Row], group: str, metric: str = "packets") -> list[tuple[Any, int]]:
    found = [(key, METRICS[metric](members)) for key, members in grouped(rows, key_of(group)).items()]
    return sorted(found, key=lambda pair: (-pair[1], after_all(pair[0])))


def series(rows: Sequence[Row], width: int, metric: str = "packets", group: str | None = None) -> list[tuple[Any, ...]]:
    def bin_of(row: Row) -> int:
        return int(row["us"] // width * width)

    if group is None:
        return sorted((begin, METRICS[metric](members)) for begin, members in grouped(rows, bin_of).items())
    key = key_of(group)
    pairs = grouped(rows, lambda row: (bin_of(row), key(row)))
    found = [(begin, value, METRICS[metric](members)) for (begin, value), members in pairs.items()]
    return sorted(found, key=lambda row: (row[0], after_all(row[1])))


def cache(rows: Sequence[Row], width: int) -> list[tuple[int, int, int, int, int]]:
    found = []
    for begin, members in sorted(grouped(rows, lambda row: row["us"] // width * width).items()):
        said = [row for row in members if row["payload_length"]]
        plain = [row for row in said if not (row["protocol"] == 1 and row["icmp_type"] in {3, 4, 5, 11, 12})]
        if said:
            hits = [sum(not row["new_payload"] for row in some) for some in (said, plain)]
            found.append((begin, len(said), hits[0], len(plain), hits[1]))
    return found


def sources(rows: Sequence[Row]) -> list[Row]:
    found = []
    for source, members in grouped(rows, lambda row: row["source"]).items():
        ports = top([row for row in members if row["destination_port"] is not None], "destination_port")
        found.append(
            {
                "source": source,
                "packets": len(members),
                "bytes": METRICS["bytes"](members),
                "destinations": METRICS["destinations"](members),
                "ports": [port for port, _ in ports[:8]],
                "payloads": METRICS["payloads"](members),
                "first": min(row["us"] for row in members),
                "last": max(row["us"] for row in members),
            }
        )
    return sorted(found, key=lambda row: (-row["packets"], row["source"]))


def payloads(rows: Sequence[Row]) -> list[Row]:
    found = []
    for signature, members in grouped(rows, lambda row: row["signature"]).items():
        ports = top([row for row in members if row["destination_port"] is not None], "destination_port")
        found.append(
            {
                "signature": signature,
                "length": max(row["payload_length"] for row in members),
                "packets": len(members),
                "sources": METRICS["sources"](members),
                "first_seen": min(row["us"] for row in members),
                "last_seen": max(row["us"] for row in members),
                "ports": [port for port, _ in ports[:8]],
            }
        )
    found = [row for row in found if row["signature"] is not None]
    return sorted(found, key=lambda row: (-row["packets"], row["signature"]))
