"""The command `ims`, to which `ims.cli` adds the commands; the demo runs it."""

from __future__ import annotations

from typing import Annotated

import typer
from typer import Exit, Option, Typer

app = Typer(
    name="ims",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="The Internet Motion Sensor: watch dark address space, store every packet, ask anything.",
    epilog="Begin with `ims demo`, or with a capture of your own: `ims ingest --help`.",
)


def _show_version(show: bool) -> None:
    if show:
        from ims.version import full_version

        typer.echo(f"ims {full_version()}")
        raise Exit


@app.callback()
def options(
    version: Annotated[
        bool, Option("--version", callback=_show_version, is_eager=True, help="Show the version and its commit.")
    ] = False,
) -> None:
    """The options that stand before a command."""
