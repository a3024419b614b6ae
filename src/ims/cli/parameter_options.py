"""The parameters of verbs and analyses as arguments and options of commands."""

from __future__ import annotations

from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from ims.cli.query_target import keyword
from ims.query import verbs


def option(parameter: verbs.Parameter, filled: bool = True) -> Parameter:
    """A parameter for Typer: a filter and a column are arguments, all others options (of which none is required: what
    is missing is said in our own words). `filled`: with its default, else None is what wasn't given."""
    described: dict[str, Any] = {"metavar": parameter.metavar or None, "help": parameter.sentence}
    is_argument = parameter.name in ("filter", "column")
    default: Any = Parameter.empty if parameter.required and is_argument else parameter.default
    if default and not filled and parameter.kind != "flag":
        described["help"] += f"  [default: {default}]"
        described["show_default"], default = False, None
    annotation: Any
    if is_argument:
        annotation = Annotated[str if parameter.required else str | None, Argument(**described)]
        return Parameter(parameter.name, Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=annotation)
    if parameter.kind == "flag":
        annotation = Annotated[bool, Option(f"--{parameter.name.replace('_', '-')}", **described)]  # no --no-...
    elif parameter.kind == "texts":
        annotation = Annotated[list[str] | None, Option(**described)]
    elif parameter.kind == "count":
        annotation = Annotated[int | None, Option(**described, min=1)]
    elif parameter.kind == "number":
        annotation = Annotated[float if default is not None else float | None, Option(**described)]
    elif parameter.kind == "files":
        annotation = Annotated[list[Path] | None, Option(**described)]
    else:
        annotation = Annotated[str if default else str | None, Option(**described)]
    return keyword(parameter.name, annotation, default)
