"""Whom a question goes to: stores on this machine, a portal, or a lake. The options say which."""

from __future__ import annotations

import inspect
import os
import shlex
import stat
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

LONGEST_TOKEN = 4096
Stores = Annotated[list[Path] | None, typer.Option("--store", metavar="DIR", help="A store; give one or more.")]
Portal = Annotated[
    str | None, typer.Option("--portal", metavar="URL", help="A portal in place of stores, such as https://HOST.")
]
TokenFile = Annotated[
    Path | None,
    typer.Option("--token-file", metavar="FILE", help="Holds the portal's token; else IMS_TOKEN does."),
]
Ca = Annotated[
    Path | None, typer.Option("--ca", metavar="FILE", help="Certificates in PEM to trust the portal by, if its own.")
]
LakeUri = Annotated[
    str | None,
    typer.Option("--lake", metavar="URI", help="A lake in place of stores: a folder, or s3://bucket/prefix?options."),
]
EngineName = Annotated[
    str | None, typer.Option("--engine", metavar="duckdb|spark", help="What asks the lake; duckdb without it.")
]
LakeSettings = Annotated[
    Path | None, typer.Option("--lake-config", metavar="FILE", help="Settings of the lake's engine, in TOML.")
]
WHOM = {
    "store": Stores, "portal": Portal, "token_file": TokenFile, "ca": Ca, "lake": LakeUri, "engine": EngineName,
    "lake_config": LakeSettings,
}  # fmt: skip
"""The options of every command that asks."""


def asks(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command these options, in place of its first parameter, the telescope.

    Where it has an option `format` for what it prints, that is checked before anybody is asked.
    """
    hints = get_type_hints(command, include_extras=True)
    parameters = [one.replace(annotation=hints[one.name]) for one in inspect.signature(command).parameters.values()][1:]
    at = next((i for i, one in enumerate(parameters) if one.kind is one.KEYWORD_ONLY), len(parameters))
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for name, kind in WHOM.items()
    ]
    prints = any(one.name == "format" and one.kind is one.KEYWORD_ONLY for one in parameters)

    @wraps(command)
    def asking(*words: Any, **given: Any) -> None:
        if prints:
            from ims.cli.present import check_format

            check_format(given["format"])
        whom = {name: given.pop(name) for name in WHOM}
        with open_asked(**whom) as telescope:
            command(telescope, *words, **given)

    del asking.__wrapped__  # or Typer would look at the command's own parameters
    asking.__annotations__ = {one.name: one.annotation for one in [*parameters, *options]}
    asking.__signature__ = inspect.Signature([*parameters[:at], *options, *parameters[at:]])  # type: ignore[attr-defined]
    return asking


def open_asked(
    store: list[Path] | None = None,
    portal: str | None = None,
    token_file: Path | None = None,
    ca: Path | None = None,
    lake: str | None = None,
    engine: str | None = None,
    lake_config: Path | None = None,
) -> Any:
    """The telescope to ask. Raises ValueError unless it is exactly one of stores, a portal and a lake."""
    found = [name for name, given in (("--store", store), ("--portal", portal), ("--lake", lake)) if given]
    if len(found) != 1:
        raise ValueError(f"expected --store DIR, --portal URL or --lake URI; found {' and '.join(found) or 'none'}")
    if portal is None and (token_file is not None or ca is not None):
        raise ValueError("--token-file and --ca go with --portal URL")
    if lake is None and (engine is not None or lake_config is not None):
        raise ValueError("--engine and --lake-config go with --lake URI")
    if store:
        from ims import open as open_telescope
        from ims.cli.present import warn

        telescope = open_telescope(*store)
        for name, having in telescope.shared_names.items():
            warn([f"sensor {name!r} is in {' and '.join(map(str, having))}: its rows are taken for one sensor's"])
        return telescope
    if lake is not None:
        return _lake(lake, engine, lake_config)
    from ims.client import RemoteTelescope

    return RemoteTelescope(portal or "", _token(token_file), ca=ca)


def _lake(uri: str, engine: str | None, file: Path | None) -> Any:
    from ims.lake.backend import lake_telescope
    from ims.lake.config import checked_lake, read_lake_config

    config = read_lake_config(file) if file is not None else checked_lake({})
    if engine is not None:
        if engine not in ("duckdb", "spark"):
            raise ValueError(f"--engine {engine!r}: expected duckdb or spark")
        config = config.model_copy(update={"engine": engine})
    return lake_telescope(uri, config)


def _warn_of_readers(file: Path, found: os.stat_result) -> None:
    """Say that others may read a secret. It is used all the same: the secret is out, and a refusal would but stop what
    runs unattended. A group may read a file of root's, as the key of a daemon (pki/pem.py)."""
    open_to = stat.S_IMODE(found.st_mode) & (0o037 if found.st_uid == 0 else 0o077)
    if open_to and stat.S_ISREG(found.st_mode):
        mode = stat.S_IMODE(found.st_mode)
        line = f"chmod 600 {shlex.quote(str(file))}"
        print(
            f"ims: the token in {file} can be read by others (mode {mode:04o}): type `{line}`, and better make another",
            file=sys.stderr,
        )


def _token(file: Path | None) -> str:
    """The token, which is never an argument: arguments are shown to everyone on the machine."""
    if file is not None:
        from ims.client import is_token

        with file.open("rb") as opened:
            _warn_of_readers(file, os.fstat(opened.fileno()))
            found = opened.read(LONGEST_TOKEN).decode("ascii", "replace").strip()
        if not is_token(found):
            raise ValueError(f"{file} holds no token: expected one line of letters, digits and signs")
        return found
    token = os.environ.get("IMS_TOKEN", "").strip()
    if not token:
        raise ValueError("a portal wants a token: --token-file FILE, or IMS_TOKEN in the environment")
    return token
