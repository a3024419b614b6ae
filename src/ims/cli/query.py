"""`ims query`: ask stores, a portal, or a lake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ims.cli.asked import SINCE, asks
from ims.full_disk import naming
from ims.query.bins import UNITS
from ims.query.limits import DEFAULT_LIMITS

if TYPE_CHECKING:
    from ims.query.answer import Answer

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Ask one or more stores, a portal, or a lake.")

Filter = Annotated[
    str | None,
    typer.Argument(metavar="[FILTER]", help="tcpdump's language, see docs/filter.md; all without one."),
]
Since = Annotated[str | None, typer.Option(metavar="T", help=SINCE)]
Until = Annotated[str | None, typer.Option(metavar="T", help="First moment no longer taken.")]
Format = Annotated[str, typer.Option(metavar="table|json|csv", help="How to print.")]


def _limit(verb: str) -> Any:
    return typer.Option(min=1, metavar="N", help=f"At most so many rows; {DEFAULT_LIMITS[verb]:,} without it.")


Metric = Annotated[
    str,
    typer.Option(
        metavar="METRIC",
        help="packets, bytes, bytes_capped (1,500 of a packet at most), sources, destinations, payloads or "
        "new_payloads.",
    ),
]
Per24 = Annotated[bool, typer.Option("--per-24", help="Divide by the size of what was watched, in /24s.")]


def _examples(*lines: str) -> str:
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


NOTHING_SHOWN = "nothing that you are shown"
"""Of a table without rows, where there may be some that this asker isn't shown; why is told beside it."""


def _print(answer: Answer, format: str, one: bool = False, rows: Sequence[Mapping[str, Any]] | None = None) -> None:
    from ims.cli.present import NOTHING, print_rows, warn

    none = NOTHING_SHOWN if answer.record.withheld else NOTHING
    print_rows(answer.rows() if rows is None else rows, format, one, answer.table.column_names, none)
    if format == "table":
        print(f"\n{answer.record.darkness}")
    warn(answer.record.notes)


@app.command(
    epilog=_examples(
        "ims query count --store STORE",
        "ims query count 'tcp dst port 445 and tcp[tcpflags] & tcp-syn != 0' --store STORE --format json",
    )
)
@asks
def count(
    telescope: Any,
    filter: Filter = None,
    *,
    since: Since = None,
    until: Until = None,
    format: Format = "table",
) -> None:
    """How many packets, bytes, sources, destinations, payloads and signatures; the first and the last arrival."""
    _print(telescope.count(filter, since=since, until=until), format, one=True)


@app.command(
    epilog=_examples(
        "ims query series --bin 5m --store STORE",
        "ims query series 'udp dst port 1434' --bin 1h --group block --per-24 --store STORE",
        "ims query series --group /8 --metric sources --store STORE --format csv",
    )
)
@asks
def series(
    telescope: Any,
    filter: Filter = None,
    *,
    bin: Annotated[str, typer.Option(metavar="WIDTH", help=f"Width of a bin, a number and {UNITS}.")] = "1h",
    group: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="A column, block, sensor, /8, source/N or destination/N."),
    ] = None,
    metric: Metric = "packets",
    per_24: Per24 = False,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int | None, _limit("series")] = None,
    format: Format = "table",
) -> None:
    """A value for each bin of time.

    Without --group, bins in which nothing came are shown as 0 while they are at most 86,400.
    """
    answer = telescope.series(
        filter, bin=bin, group=group, metric=metric, per_24=per_24, since=since, until=until, limit=limit
    )
    _print(answer, format)


@app.command(
    epilog=_examples(
        "ims query top destination_port --store STORE",
        "ims query top source/16 'category scan' --metric destinations --limit 20 --store STORE",
    )
)
@asks
def top(
    telescope: Any,
    column: Annotated[str, typer.Argument(metavar="COLUMN", help="A column, block, sensor, /8, source/N, ...")],
    filter: Filter = None,
    *,
    metric: Metric = "packets",
    per_24: Per24 = False,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int | None, _limit("top")] = None,
    format: Format = "table",
) -> None:
    """The values of a column with the most packets, or the most of another metric."""
    _print(
        telescope.top(column, filter, metric=metric, per_24=per_24, since=since, until=until, limit=limit),
        format,
    )


@app.command(
    epilog=_examples(
        "ims query packets 'icmp' --limit 3 --store STORE", "ims query packets --store STORE --format json"
    )
)
@asks
def packets(
    telescope: Any,
    filter: Filter = None,
    *,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int | None, _limit("packets")] = None,
    format: Format = "table",
) -> None:
    """The packets themselves, oldest first: a line each, or with every column as JSON or CSV.

    The first 100 without --limit; ims export writes all of them.
    """
    answer = telescope.packets(filter, since=since, until=until, limit=limit)
    _print(answer, format, rows=[_in_short(row) for row in answer.rows()] if format == "table" else None)


FLAGS = "FSRPAUECN"
"""TCP's flags, lowest bit first, by their first letters (N: NS)."""


def _in_short(row: Mapping[str, Any]) -> dict[str, Any]:
    """What fits a line: who, to whom, what. Without a destination, its block and port: a portal shows some roles no
    more."""
    from ims.query.written import iso

    to = row["destination"] if "destination" in row else row["block"]
    what = {1: "ICMP", 6: "TCP", 17: "UDP", 132: "SCTP"}.get(row["protocol"], f"protocol {row['protocol']}")
    if row["tcp_flags"] is not None:
        what += " " + ("".join(flag for bit, flag in enumerate(FLAGS) if row["tcp_flags"] >> bit & 1) or "no flags")
    if row["icmp_type"] is not None:
        what += f" {row['icmp_type']}" + ("" if row["icmp_code"] is None else f"/{row['icmp_code']}")
    if row["ip_fragment"] & 0x3FFF:
        what += " fragment"
    return {
        "time": iso(row["time"].floor("us").to_pydatetime()),
        "sensor": row["sensor"],
        "source": _end(row["source"], row["source_port"]),
        "destination": _end(to, row["destination_port"]),
        "what": what,
        "ttl": row["ttl"],
        "bytes": row.get("presumed_length") or row["total_length"],
        "payload": _payload_in_short(row["signature"], row["payload_length"]),
        "category": row["category"],
    }


WITHHELD = "withheld"


def _end(address: str | None, port: int | None) -> str:
    return (WITHHELD if address is None else address) + ("" if port is None else f":{port}")


def _payload_in_short(signature: str | None, length: int) -> str:
    from ims.quantity import quantity

    return f"{(signature or WITHHELD)[:8]}, {quantity(length, 'byte')}" if length else ""


@app.command(
    epilog=_examples(
        "ims query payloads 'tcp dst port 80' --limit 3 --store STORE",
        "ims query payloads --payload a0aa4a74 --out payload.bin --store STORE",
    )
)
@asks
def payloads(
    telescope: Any,
    filter: Filter = None,
    *,
    payload: Annotated[
        str | None,
        typer.Option(
            metavar="SIGNATURE",
            help="Write the bytes of this one; the first digits will do (/2: its second).",
        ),
    ] = None,
    out: Annotated[str | None, typer.Option(metavar="FILE", help="Where to; - for standard output.")] = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int | None, _limit("payloads")] = None,
    format: Format = "table",
) -> None:
    """The payloads that came most often, with a hexdump. What they hold is hostile: it is shown, never run."""
    if (payload is None) != (out is None):
        raise ValueError("--payload SIGNATURE and --out FILE go together")
    if payload is not None and out is not None:
        _write(telescope.payload(payload), out)
        return
    answer = telescope.payloads(filter, since=since, until=until, limit=limit)
    if format == "table":
        alike = any(row["number"] > 1 for row in answer.rows())
        left_out = ["payload", "text", "hexdump", "truncated", *([] if alike else ["number"])]
        if all(row["ever_first_seen"] in (None, row["first_seen"]) for row in answer.rows()):
            left_out.append("ever_first_seen")
        _print(answer, format, rows=[_without(row, *left_out) for row in answer.rows()])
        _dump(answer)
    else:
        from ims.query.answer import Answer
        from ims.query.written import written_columns

        _print(Answer(written_columns("payloads", answer.table), answer.record), format)


SHOWN_OCTETS = 256


def _without(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _dump(answer: Answer) -> None:
    """The payloads themselves, below the table: the first bytes of each."""
    from ims.quantity import quantity
    from ims.query.shown import hexdump

    for row in answer.rows():
        octets = row["payload"]
        if row["signature"] is None:
            continue  # a portal shows this asker its counts alone, and says so
        name = row["signature"] + (f"/{row['number']}" if row["number"] > 1 else "")
        print(f"\n{name}, {quantity(row['length'], 'byte')}{', cut by the capture' if row['truncated'] else ''}:")
        print("not kept: the cache was full and the budget spent" if octets is None else hexdump(octets, SHOWN_OCTETS))


def _write(octets: bytes, out: str) -> None:
    import sys

    if out == "-":
        sys.stdout.buffer.write(octets)
        sys.stdout.buffer.flush()
    else:
        with naming(out):
            Path(out).write_bytes(octets)


@app.command(
    epilog=_examples("ims query sources --store STORE", "ims query sources 'tcp dst port 22' --limit 5 --store STORE")
)
@asks
def sources(
    telescope: Any,
    filter: Filter = None,
    *,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int | None, _limit("sources")] = None,
    format: Format = "table",
) -> None:
    """The sources with the most packets, and what they tried."""
    answer = telescope.sources(filter, since=since, until=until, limit=limit)
    unanswered = all(row["verified"] is None for row in answer.rows())
    left_out = ["verified"] if unanswered and format == "table" else []
    _print(answer, format, rows=[_without(row, *left_out) for row in answer.rows()])


@app.command(
    epilog=_examples("ims query cache --store STORE", "ims query cache 'tcp' --bin 1d --store STORE --format csv")
)
@asks
def cache(
    telescope: Any,
    filter: Filter = None,
    *,
    bin: Annotated[str, typer.Option(metavar="WIDTH", help=f"Width of a bin, a number and {UNITS}.")] = "1h",
    since: Since = None,
    until: Until = None,
    format: Format = "table",
) -> None:
    """How often a payload had been seen that day (Figure 8 of the paper), with and without ICMP errors."""
    _print(telescope.cache(filter, bin=bin, since=since, until=until), format)


@app.command(epilog=_examples("ims query coverage --store STORE"))
@asks
def coverage(
    telescope: Any,
    *,
    since: Since = None,
    until: Until = None,
    format: Format = "table",
) -> None:
    """What was watched, and when, and what is known to be missing."""
    _print(telescope.coverage(since=since, until=until), format)
