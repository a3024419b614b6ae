"""Figure 4 of the paper: a source's packets and our replies as a ladder, beside what a passive monitor sees."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ims import arrow
from ims.analyse.figure_range import lost_lines
from ims.packet.field_values import FLAG_LETTERS
from ims.text import quantity

if TYPE_CHECKING:
    from ims.analyse.result import Result
    from ims.figures.ladder import Arrow

MOST_ARROWS = 60
FLAGS = dict(zip(FLAG_LETTERS, ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "NS"), strict=True))
DIGITS = 8
"""Of a signature."""
SEEN = {"yes": "seen", "perhaps": "perhaps", "no": ""}
BY_RULES = "a reply by the rules, nothing shows that it arrived"
PADDING = ("nop", "eol", "")
MANY_ENDS = "our addresses"
SIGNED_WIDTH = 100
"""Columns from which on signatures have room beside the names of several addresses."""


def figure(result: Result) -> Any:
    """Two ladders; None where there is nothing to draw."""
    rows = _shown(result)
    if not rows:
        return None
    from dataclasses import replace

    from ims.figures.ladder import Ladder, ladders
    from ims.figures.theme import Heading

    names = _names(result, rows)
    arrows = [_arrow(row) for row in rows]
    passive = [
        None if row["passive"] == "no" else replace(each, is_sure=row["passive"] == "yes")
        for row, each in zip(rows, arrows, strict=True)
    ]
    panels = [
        Ladder("With the responder", names, arrows),
        Ladder("A passive monitor, which answers nothing", names, passive),
    ]
    return ladders(panels, Heading(_title(result), tuple(_lines(result, rows))))


def plot(result: Result, width: int, unicode: bool) -> str | None:
    """The first ladder as text, with a column of what a passive monitor sees."""
    rows = _shown(result)
    if not rows:
        return None
    from ims.figures.text_chart import fitted
    from ims.figures.text_ladder import text_ladder

    beside = ("passive", [SEEN.get(row["passive"] or "", "") for row in rows])
    is_signed = width >= SIGNED_WIDTH or len({row["destination"] for row in rows}) == 1
    arrows = [_arrow(row if is_signed else row | {"signature": None}) for row in rows]
    drawn = text_ladder(arrows, _names(result, rows), beside, width, unicode)
    dashes = "╌" if unicode else "."
    key = [f"{dashes} {BY_RULES}", *_first(result, rows)]
    return drawn + "".join(f"{fitted(line, width, unicode)}\n" for line in key)


def _shown(result: Result) -> list[dict[str, Any]]:
    """The first rows; a portal of another version may send some without a time."""
    return [row for row in arrow.rows(result.rows.slice(0, MOST_ARROWS)) if row["time"] is not None]


def _arrow(row: dict[str, Any]) -> Arrow:
    """A row as an arrow."""
    from ims.figures.ladder import Arrow

    is_back = row["sender"] == "sensor"
    return Arrow(
        (row["time"] - arrow.EPOCH) // timedelta(microseconds=1),
        is_back,
        _label(row, is_back),
        row["destination"] or "",
        row["certain"] == "yes",
    )


def _label(row: dict[str, Any], is_back: bool) -> str:
    """Ports, flags or protocol, octets and the payload's signature."""
    ports = [row["source_port"], row["destination_port"]]
    ends = " > ".join(str(port) for port in (ports[::-1] if is_back else ports) if port is not None)
    flags = " ".join(FLAGS.get(letter, letter) for letter in row["flags"] or "") or "no flags"
    what = flags if row["flags"] is not None else (row["why"] or "").partition(":")[0]
    if "S" in (row["flags"] or "") and (offered := _offered(row["options"] or "")):
        what = f"{what} [{offered}]"
    length = quantity(row["length"], "octet") if row["length"] else ""
    signed = f" ({row['signature'][:DIGITS]})" if row["signature"] else ""
    return ": ".join(filter(None, [ends, ", ".join(filter(None, [what, length + signed]))]))


def _offered(options: str) -> str:
    """What a SYN, or the SYN-ACK to it, offers, without what fills it up and a timestamp's numbers."""
    return " ".join(each[:2] if each.startswith("TS ") else each for each in options.split(",") if each not in PADDING)


def _names(result: Result, rows: list[dict[str, Any]]) -> tuple[str, str]:
    """Of the lifelines."""
    ends = {row["destination"] for row in rows}
    return str(result.options.get("source") or "the source"), ends.pop() if len(ends) == 1 else MANY_ENDS


def _title(result: Result) -> str:
    replies = sum(sender == "sensor" for sender in result.rows.column("sender").to_pylist())
    packets = len(result.rows) - replies
    source = result.options.get("source") or "a source"
    return f"{quantity(packets, 'packet')} of {source}, and {quantity(replies, 'reply', 'replies')}"


def _lines(result: Result, rows: list[dict[str, Any]]) -> list[str]:
    """The first moment, range, darknet, how much came because we answered, what lines mean, what was lost."""
    from ims.analyse.result import interval_text

    about = f", {result.filter}" if result.filter else ""
    share = result.estimates.get("elicited")
    elicited = [] if share is None or share.value is None else [
        f"came because we answered: {interval_text(share.value, share.low, share.high)} {share.unit}"
    ]  # fmt: skip
    dashed = f"dashed: {BY_RULES}"
    perhaps = "; a packet that may have come all the same" if any(row["passive"] == "perhaps" for row in rows) else ""
    cut = [note for note in result.notes if note.startswith("cut: ")]
    return [
        *cut, f"{result.range}{about}", result.darknet.size, *elicited, *_first(result, rows), dashed + perhaps,
        *lost_lines(result),
    ]  # fmt: skip


def _first(result: Result, rows: list[dict[str, Any]]) -> list[str]:
    """When it begins, and how many rows aren't drawn."""
    begins = f"times since {rows[0]['time']:%Y-%m-%d %H:%M:%S} UTC, not to scale"
    more = len(result.rows) - len(rows)
    return [begins + (f"; the first {len(rows)} of {len(result.rows):,} packets and replies are drawn" if more else "")]
