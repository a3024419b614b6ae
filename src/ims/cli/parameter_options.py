"""The parameters of verbs and analyses as arguments and options of commands."""

from __future__ import annotations

from inspect import Parameter
from typing import Annotated, Any

from typer import Argument, Option

from ims.cli.query_target import keyword
from ims.query import verbs


def option(parameter: verbs.Parameter) -> Parameter:
    """A parameter for Typer: a filter and a column are arguments, all others options."""
    described: dict[str, Any] = {"metavar": parameter.metavar or None, "help": parameter.sentence}
    default: Any = Parameter.empty if parameter.required else parameter.default
    annotation: Any
    if parameter.name in ("filter", "column"):
        annotation = Annotated[str if parameter.required else str | None, Argument(**described)]
        return Parameter(parameter.name, Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=annotation)
    if parameter.kind == "flag":
        annotation = Annotated[bool, Option(f"--{parameter.name.replace('_', '-')}", **described)]  # no --no-...
    elif parameter.kind == "count":
        annotation = Annotated[int | None, Option(**described, min=1)]
    else:
        annotation = Annotated[str if default else str | None, Option(**described)]
    return keyword(parameter.name, annotation, default)
