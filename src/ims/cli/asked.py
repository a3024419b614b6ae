"""Whom a question goes to: stores on this machine, or a portal. The options say which."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

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


def open_asked(store: list[Path] | None, portal: str | None, token_file: Path | None, ca: Path | None) -> Any:
    """The telescope to ask. Raises ValueError unless it is exactly one of stores and portal."""
    if bool(store) == bool(portal):
        found = "both" if store else "neither"
        raise ValueError(f"wanted --store DIR or --portal URL; found {found}")
    if store:
        if token_file is not None or ca is not None:
            raise ValueError("--token-file and --ca go with --portal URL")
        from ims import open as open_telescope

        return open_telescope(*store)
    from ims.remote import RemoteTelescope

    return RemoteTelescope(portal or "", _token(token_file), ca=ca)


def _token(file: Path | None) -> str:
    """The token, which is never an argument: arguments are shown to everyone on the machine."""
    if file is not None:
        return file.read_text(encoding="ascii", errors="replace").strip()
    token = os.environ.get("IMS_TOKEN", "").strip()
    if not token:
        raise ValueError("a portal wants a token: --token-file FILE, or IMS_TOKEN in the environment")
    return token
