"""`ims query`: ask stores, a portal, or a lake. A command for each verb, made of the table of verbs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ims.cli.query_target import asks
from ims.full_disk import naming
from ims.packet.field_values import FLAG_LETTERS, IS_FRAGMENT
from ims.query.verbs import VERBS, Parameter, Verb

if TYPE_CHECKING:
    from ims.query.answer import Answer

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Ask one or more stores, a portal, or a lake.")
NOTHING_SHOWN = "nothing that you are shown"
"""Of a table without rows, where there may be some that this asker isn't shown; why is told beside it."""
FORMAT = Annotated[str, typer.Option(metavar="table|json|csv", help="How to print.")]
PAYLOAD = {
    "payload": Annotated[
        str | None,
        typer.Option(
            metavar="SIGNATURE", help="Write the bytes of this one; the first digits will do (/2: its second)."
        ),
    ],
    "out": Annotated[str | None, typer.Option(metavar="FILE", help="Where to; - for standard output.")],
}
"""Options of `payloads` alone: one payload to a file, which is no question of the table."""


def _print(answer: Answer, format: str, one: bool = False, rows: Sequence[Mapping[str, Any]] | None = None) -> None:
    from ims.cli.present import NOTHING, print_rows, warn

    none = NOTHING_SHOWN if answer.record.withheld else NOTHING
    print_rows(answer.rows() if rows is None else rows, format, one, answer.table.column_names, none)
    if format == "table":
        print(f"\n{answer.record.darkness}")
    warn(answer.record.notes)


def _print_packets(answer: Answer, format: str) -> None:
    _print(answer, format, rows=[_in_short(row) for row in answer.rows()] if format == "table" else None)


def _print_payloads(answer: Answer, format: str) -> None:
    if format != "table":
        from ims.query.answer import Answer
        from ims.query.format.serialize import written_columns

        _print(Answer(written_columns("payloads", answer.table), answer.record), format)
        return
    alike = any(row["number"] > 1 for row in answer.rows())
    left_out = ["payload", "text", "hexdump", "truncated", *([] if alike else ["number"])]
    if all(row["ever_first_seen"] in (None, row["first_seen"]) for row in answer.rows()):
        left_out.append("ever_first_seen")
    _print(answer, format, rows=[_without(row, *left_out) for row in answer.rows()])
    _dump(answer)


def _print_sources(answer: Answer, format: str) -> None:
    unanswered = all(row["verified"] is None for row in answer.rows())
    left_out = ["verified"] if unanswered and format == "table" else []
    _print(answer, format, rows=[_without(row, *left_out) for row in answer.rows()])


PRINTERS: Mapping[str, Callable[[Answer, str], None]] = {
    "packets": _print_packets, "payloads": _print_payloads, "sources": _print_sources,
}  # fmt: skip
"""Of verbs whose tables aren't their rows as they are."""


def _option(parameter: Parameter) -> inspect.Parameter:
    """A word of the table as Typer takes it: its filter and column are arguments, all others options."""
    said: dict[str, Any] = {"metavar": parameter.metavar or None, "help": parameter.sentence}
    default: Any = inspect.Parameter.empty if parameter.required else parameter.default
    kind: Any
    place: Any
    if parameter.name in ("filter", "column"):
        kind, place = str if parameter.required else str | None, inspect.Parameter.POSITIONAL_OR_KEYWORD
        typed = typer.Argument(**said)
    else:
        kind, place = _KINDS.get(parameter.kind) or (str if default else str | None), inspect.Parameter.KEYWORD_ONLY
        names = (f"--{parameter.name.replace('_', '-')}",) if kind is bool else ()  # else there is --no-... too
        typed = typer.Option(*names, **said, min=1 if parameter.kind == "count" else None)
    return inspect.Parameter(parameter.name, place, default=default, annotation=Annotated[kind, typed])


_KINDS: Mapping[str, Any] = {"flag": bool, "count": int | None}


def _command(verb: Verb) -> Callable[..., None]:
    """What Typer is given for a verb."""
    extra = PAYLOAD if verb.name == "payloads" else {}

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

    options = [_option(each) for each in verb.parameters]
    at = sum(each.kind is each.POSITIONAL_OR_KEYWORD for each in options)
    options[at:at] = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for name, kind in extra.items()
    ]
    options.append(inspect.Parameter("format", inspect.Parameter.KEYWORD_ONLY, default="table", annotation=FORMAT))
    telescope = inspect.Parameter("telescope", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Any)
    command.__name__ = verb.name
    command.__doc__ = f"{verb.sentence}." + (f"\n\n{verb.detail}" if verb.detail else "")
    command.__annotations__ = {each.name: each.annotation for each in (telescope, *options)}
    command.__signature__ = inspect.Signature([telescope, *options])  # type: ignore[attr-defined]
    return asks(command)


for _verb in VERBS.values():
    _epilog = "\n".join(["\b", "Examples:", *(f"  {line}" for line in _verb.commands)])
    app.command(_verb.name, epilog=_epilog)(_command(_verb))


def _in_short(row: Mapping[str, Any]) -> dict[str, Any]:
    """What fits a line: who, to whom, what. Without a destination, its block and port: a portal shows some roles no
    more."""
    from ims.query.format.serialize import iso

    to = row["destination"] if "destination" in row else row["block"]
    what = {1: "ICMP", 6: "TCP", 17: "UDP", 132: "SCTP"}.get(row["protocol"], f"protocol {row['protocol']}")
    if row["tcp_flags"] is not None:
        what += " " + (
            "".join(flag for bit, flag in enumerate(FLAG_LETTERS) if row["tcp_flags"] >> bit & 1) or "no flags"
        )
    if row["icmp_type"] is not None:
        what += f" {row['icmp_type']}" + ("" if row["icmp_code"] is None else f"/{row['icmp_code']}")
    if row["ip_fragment"] & IS_FRAGMENT:
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
    from ims.text import quantity

    return f"{(signature or WITHHELD)[:8]}, {quantity(length, 'byte')}" if length else ""


SHOWN_OCTETS = 256


def _without(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _dump(answer: Answer) -> None:
    """The payloads themselves, below the table: the first bytes of each."""
    from ims.query.format.display import hexdump
    from ims.text import quantity

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
