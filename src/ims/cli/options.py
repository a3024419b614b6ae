"""Options that several commands have, and the examples below a command's help."""

from __future__ import annotations

from typing import Annotated

from typer import Option

FORMATS = ("table", "json", "csv")


def check_format(text: str) -> str:
    """Raises ValueError unless it is one of FORMATS."""
    if text not in FORMATS:
        raise ValueError(f"--format {text!r}: expected one of {', '.join(FORMATS)}")
    return text


Format = Annotated[str, Option(metavar="table|json|csv", help="How to print.", callback=check_format)]
Check = Annotated[
    bool, Option("--check", help="Only check what a start checks; exit status 2 where it would be refused.")
]


def examples(*lines: str) -> str:
    """The epilog of a command's help; `\\b` keeps the lines as they are."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])
