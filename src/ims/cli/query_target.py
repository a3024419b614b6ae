"""What a query runs on: stores on this machine, a portal, or a lake, as the options say."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from typer import Option

from ims.cli.stderr import warn

LONGEST_TOKEN = 4096
_OPTIONS: Sequence[tuple[str, Any, str, str]] = (
    ("store", list[Path], "DIR", "A store; give one or more."),
    ("portal", str, "URL", "A portal in place of stores, such as https://HOST."),
    ("token_file", Path, "FILE", "Holds the portal's token; else IMS_TOKEN does."),
    ("ca", Path, "FILE", "Certificates in PEM to trust the portal by, if its own."),
    ("lake", str, "URI", "A lake in place of stores: a folder, or s3://bucket/prefix?options."),
    ("engine", str, "duckdb|spark", "What asks the lake; duckdb without it."),
    ("lake_config", Path, "FILE", "Settings of the lake's engine, in TOML."),
)
WHOM: Mapping[str, Any] = {
    name: Annotated[kind | None, Option(f"--{name.replace('_', '-')}", metavar=metavar, help=sentence)]
    for name, kind, metavar, sentence in _OPTIONS
}
"""The options of every command that queries."""


def keyword(name: str, annotation: Any, default: object = None) -> Parameter:
    """An option in a command's signature."""
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def asks(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command these options, in place of its first parameter, the telescope."""
    hints = get_type_hints(command, include_extras=True)
    parameters = [one.replace(annotation=hints[one.name]) for one in signature(command).parameters.values()][1:]
    at = next((i for i, one in enumerate(parameters) if one.kind is one.KEYWORD_ONLY), len(parameters))
    options = [keyword(name, kind) for name, kind in WHOM.items()]

    @wraps(command)
    def asking(*words: Any, **options: Any) -> None:
        with open_asked(**{name: options.pop(name) for name in WHOM}) as telescope:
            command(telescope, *words, **options)

    del asking.__wrapped__  # or Typer would look at the command's own parameters
    asking.__annotations__ = {one.name: one.annotation for one in [*parameters, *options]}
    asking.__signature__ = Signature([*parameters[:at], *options, *parameters[at:]])  # type: ignore[attr-defined]
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

        telescope = open_telescope(*store)
        for name, having in telescope.shared_names.items():
            warn(f"sensor {name!r} is in {' and '.join(map(str, having))}: its rows are taken for one sensor's")
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
    """Warn that others may read a secret. It is used nevertheless: a refusal would only stop unattended jobs."""
    from ims.pki.pem import open_to_others

    if open_to_others(found) and stat.S_ISREG(found.st_mode):
        advice = f"type `chmod 600 {shlex.quote(str(file))}`, and better make another"
        warn(f"the token in {file} can be read by others (mode {stat.S_IMODE(found.st_mode):04o}): {advice}")


def _token(file: Path | None) -> str:
    """The token, which is never an argument: everyone on the machine can see those."""
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
        raise ValueError("a portal needs a token: expected --token-file FILE, or IMS_TOKEN in the environment")
    return token
