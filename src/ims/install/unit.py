"""A unit's text, for the folder where ims is installed. The files in `units` name /opt/ims, the usual one."""

from __future__ import annotations

import re
import sys
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

USUAL = "/opt/ims"
FOLDER = "/etc/systemd/system"
HOMES = ("/home", "/root", "/run/user")
"""Hidden by ProtectHome=."""
TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108  # nothing is written there
"""Hidden by PrivateTmp=."""
UNFIT = re.compile(r"[\x00-\x1f\x7f'\"\\]")


def shipped(name: str) -> str:
    """A file of this package: `units/…` or `settings/…`."""
    return files("ims.install").joinpath(*name.split("/")).read_text(encoding="utf-8")


def installation() -> Path:
    """The folder in which the running ims is installed: units start its bin/ims."""
    return Path(sys.prefix)


def refuse_unreachable(folder: Path) -> None:
    """Raises ValueError if services couldn't reach a program in that folder, or a unit can't name it."""
    for place in (*HOMES, *TEMPORARY):
        if folder.is_relative_to(place):
            remedy = "install it with `make install`, and run the ims that it puts on PATH"
            raise ValueError(f"services can't reach ims in {folder}: their units hide {place}; {remedy}")
    if UNFIT.search(str(folder)):
        raise ValueError(f"{str(folder)!r} can't stand in a unit: expected a path without quotes and backslashes")


def unit_text(name: str, folder: Path) -> str:
    """The unit that starts `ims NAME` of the installation in `folder`."""
    text = shipped(f"units/ims-{name}.service")
    if str(folder) == USUAL:
        return text
    program = f"{folder}/bin/ims".replace("%", "%%")
    quoted = f'"{program}"' if " " in program else program
    pages = "file:" + quote(str(folder)).replace("%", "%%")
    return text.replace(f"={USUAL}/bin/ims ", f"={quoted} ").replace(f"file:{USUAL}/", f"{pages}/")
