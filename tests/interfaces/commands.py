"""The command line: of each command its arguments and options."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from ims.cli import app

USUAL: dict[str, Any] = {
    "required": False, "multiple": False, "is_flag": False, "nargs": 1, "default": None, "metavar": None, "min": None,
    "max": None, "envvar": None, "hidden": False,
}  # fmt: skip
"""What is written of a parameter, unless it is this."""


def commands() -> dict[str, Any]:
    """By the words of a command: its arguments in order, its options by all of their names."""
    found = {}
    for words, command in _walk(typer.main.get_command(app), "ims"):
        arguments = [one for one in command.params if one.param_type_name == "argument"]
        options = [one for one in command.params if one.param_type_name == "option"]
        found[words] = {
            "arguments": [{"name": one.name, **_unusual(one)} for one in arguments],
            "options": {_names(one): _unusual(one) for one in options},
        }
    return found


def _walk(command: Any, words: str) -> Iterator[tuple[str, Any]]:
    yield words, command
    for name, child in getattr(command, "commands", {}).items():
        yield from _walk(child, f"{words} {name}")


def _names(option: Any) -> str:
    """As help shows them: `--arp`, `-o, --out`, `--color / --no-color`."""
    return " / ".join(", ".join(names) for names in (option.opts, option.secondary_opts) if names)


def _unusual(parameter: Any) -> dict[str, Any]:
    said = {name: _plain(getattr(parameter, name, usual)) for name, usual in USUAL.items()}
    if said["is_flag"] and said["default"] is False:
        said["default"] = None
    return {name: value for name, value in said.items() if value != USUAL[name]}


def _plain(value: Any) -> Any:
    """As JSON can say it."""
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value
