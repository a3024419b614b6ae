"""`ims query`: ask stores, a portal, or a lake. A command for each verb, made of the table of verbs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from inspect import Parameter, Signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option, Typer

from ims.cli.options import Format, examples
from ims.cli.parameter_options import option
from ims.cli.query_target import asks, keyword
from ims.cli.stderr import warn
from ims.full_disk import naming
from ims.packet.field_values import FLAG_LETTERS, IS_FRAGMENT
from ims.query import verbs
from ims.text import quantity

if TYPE_CHECKING:
    from ims.query.answer import Answer

app = Typer(no_args_is_help=True, rich_markup_mode=None, help="Ask one or more stores, a portal, or a lake.")
NOTHING_SHOWN = "nothing that you are shown"
"""For a table without rows, if the user's role may hide some; a note gives the reason."""
WITHHELD = "withheld"
SHOWN_OCTETS = 256
PAYLOAD = {
    "payload": Annotated[
        str | None, Option(metavar="SIGNATURE", help="Write its bytes; the first digits will do (/2: its second).")
    ],
    "out": Annotated[str | None, Option(metavar="FILE", help="Where to; - for standard output.")],
}
"""Options of `payloads` alone: one payload to a file, which isn't in the table of verbs."""


def _print(answer: Answer, format: str, one: bool = False, rows: Sequence[Mapping[str, Any]] | None = None) -> None:
    from ims.cli.present import NOTHING, print_rows

    none = NOTHING_SHOWN if answer.record.withheld else NOTHING
    print_rows(answer.rows() if rows is None else rows, format, one, answer.table.column_names, none)
    if format == "table":
        print(f"\n{answer.record.darkness}")
    warn(*answer.record.notes)


def _print_packets(answer: Answer, format: str) -> None:
    _print(answer, format, rows=[_in_short(row) for row in answer.rows()] if format == "table" else None)


def _print_payloads(answer: Answer, format: str) -> None:
    if format != "table":
        from ims.query.answer import Answer
        from ims.query.format.serialize import written_columns

        _print(Answer(written_columns("payloads", answer.table), answer.record), format)
        return
    left_out = {"payload", "text", "hexdump", "truncated"}
    if all(row["number"] <= 1 for row in answer.rows()):
        left_out.add("number")
    if all(row["ever_first_seen"] in (None, row["first_seen"]) for row in answer.rows()):
        left_out.add("ever_first_seen")
    _print(answer, format, rows=_without(answer, left_out))
    _dump(answer)


def _print_sources(answer: Answer, format: str) -> None:
    unanswered = format == "table" and all(row["verified"] is None for row in answer.rows())
    _print(answer, format, rows=_without(answer, {"verified"}) if unanswered else None)


PRINTERS: Mapping[str, Callable[[Answer, str], None]] = {
    "packets": _print_packets, "payloads": _print_payloads, "sources": _print_sources,
}  # fmt: skip
"""For verbs whose rows aren't printed as they are."""


def _command(verb: verbs.Verb) -> Callable[..., None]:
    """The function that Typer runs for a verb."""

    def command(telescope: Any, *words: Any, format: str, **named: Any) -> None:
        payload, out = named.pop("payload", None), named.pop("out", None)
        if (payload is None) != (out is None):
            raise ValueError("--payload SIGNATURE and --out FILE go together")
        if payload is not None and out is not None:
            _write(telescope.payload(payload), out)
            return
        answer = getattr(telescope, verb.name)(*words, **named)
        if verb.one:
            _print(answer, format, one=True)
        else:
            PRINTERS.get(verb.name, _print)(answer, format)

    options = [option(each) for each in verb.parameters]
    at = sum(each.kind is each.POSITIONAL_OR_KEYWORD for each in options)
    if verb.name == "payloads":
        options[at:at] = [keyword(name, kind) for name, kind in PAYLOAD.items()]
    options.append(keyword("format", Format, "table"))
    telescope = Parameter("telescope", Parameter.POSITIONAL_OR_KEYWORD, annotation=Any)
    command.__name__ = verb.name
    command.__doc__ = f"{verb.sentence}." + (f"\n\n{verb.detail}" if verb.detail else "")
    command.__annotations__ = {each.name: each.annotation for each in (telescope, *options)}
    command.__signature__ = Signature([telescope, *options])  # type: ignore[attr-defined]
    return asks(command)


for _verb in verbs.VERBS.values():
    app.command(_verb.name, epilog=examples(*_verb.commands))(_command(_verb))


def _in_short(row: Mapping[str, Any]) -> dict[str, Any]:
    """What fits a line: who, to whom, what. Where a portal hides the destination from a role: its block and port."""
    from ims.query.format.serialize import iso

    what = {1: "ICMP", 6: "TCP", 17: "UDP", 132: "SCTP"}.get(row["protocol"], f"protocol {row['protocol']}")
    if row["tcp_flags"] is not None:
        flags = "".join(flag for bit, flag in enumerate(FLAG_LETTERS) if row["tcp_flags"] >> bit & 1)
        what += f" {flags or 'no flags'}"
    if row["icmp_type"] is not None:
        what += f" {row['icmp_type']}" + ("" if row["icmp_code"] is None else f"/{row['icmp_code']}")
    if row["ip_fragment"] & IS_FRAGMENT:
        what += " fragment"
    length = row["payload_length"]
    return {
        "time": iso(row["time"].floor("us").to_pydatetime()),
        "sensor": row["sensor"],
        "source": _end(row["source"], row["source_port"]),
        "destination": _end(row["destination"] if "destination" in row else row["block"], row["destination_port"]),
        "what": what,
        "ttl": row["ttl"],
        "bytes": row.get("presumed_length") or row["total_length"],
        "payload": f"{(row['signature'] or WITHHELD)[:8]}, {quantity(length, 'byte')}" if length else "",
        "category": row["category"],
    }


def _end(address: str | None, port: int | None) -> str:
    return (WITHHELD if address is None else address) + ("" if port is None else f":{port}")


def _without(answer: Answer, names: Collection[str]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in names} for row in answer.rows()]


def _dump(answer: Answer) -> None:
    """The payloads themselves, below the table: the first bytes of each."""
    from ims.query.format.display import hexdump

    for row in answer.rows():
        octets = row["payload"]
        if row["signature"] is None:
            continue  # a portal shows this user only counts, and says so
        name = row["signature"] + (f"/{row['number']}" if row["number"] > 1 else "")
        print(f"\n{name}, {quantity(row['length'], 'byte')}{', cut by the capture' if row['truncated'] else ''}:")
        print("not kept: the cache was full and the budget spent" if octets is None else hexdump(octets, SHOWN_OCTETS))


def _write(octets: bytes, out: str) -> None:
    if out == "-":
        sys.stdout.buffer.write(octets)
        sys.stdout.buffer.flush()
    else:
        with naming(out):
            Path(out).write_bytes(octets)
