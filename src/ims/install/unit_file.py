"""A unit as this machine has it: its file and the drop-ins beside it (systemd.unit(5), systemd.syntax(7))."""

from __future__ import annotations

import contextlib
import pwd
import re
import shlex
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

FOLDERS = ("/etc/systemd/system", "/run/systemd/system")
"""Folders of an administrator's units and drop-ins; the first that has the unit wins."""
YES = ("yes", "true", "on", "1")
_VARIABLE = re.compile(r"\$\{(\w+)\}|^\$(\w+)$")


class UnitFile:
    """The section [Service] of a unit, in the order in which systemd reads it."""

    def __init__(self, name: str, texts: Sequence[str]) -> None:
        """`name`: such as `ims-sensor`; `texts`: of its file and of its drop-ins, in order."""
        self.name = name
        self._lines = [line for text in texts for line in _lines(text)]

    def last(self, key: str) -> str:
        """A setting's value; empty if it isn't set."""
        return next((value for name, value in reversed(self._lines) if name == key), "")

    def words(self, key: str) -> list[str]:
        """All words of a setting that may be repeated; an empty value clears it."""
        found: list[str] = []
        for name, value in self._lines:
            if name == key:
                found = [*found, *_split(value)] if value else []
        return found

    def command(self, variables: Mapping[str, str] | None = None) -> list[str]:
        """The words of ExecStart=, with variables replaced; a missing one is empty."""
        known, words = variables or {}, _split(self.last("ExecStart"))
        return [_VARIABLE.sub(lambda match: known.get(match[1] or match[2], ""), word) for word in words]

    def user(self) -> pwd.struct_passwd | None:
        """The user that it runs as; None for root, and if there is no such user."""
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(self.last("User") or "root") if self.last("User") != "root" else None
        return None

    def stranger(self) -> str:
        """The name of the user that it would run as, if there is no such user; else empty."""
        name = self.last("User")
        if name.isdecimal() or self.last("DynamicUser").lower() in YES:
            return ""
        return name if name not in ("", "root") and self.user() is None else ""


def option(words: Sequence[str], name: str) -> str | None:
    """The value behind the option `name`, or in `name=VALUE`; None without it."""
    for word, following in pairwise([*words, ""]):
        if word == name:
            return following
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return None


def installed(name: str, folders: Sequence[str] = FOLDERS) -> UnitFile | None:
    """The unit of that name; None if this machine has none. Raises OSError if it can't be read."""
    files = [path for folder in folders if (path := Path(folder, f"{name}.service")).is_file()][:1]
    if not files:
        return None
    drop_ins = [path for folder in reversed(folders) for path in Path(folder, f"{name}.service.d").glob("*.conf")]
    by_name = {path.name: path for path in drop_ins}  # the first folder's come last, and replace others
    files += [by_name[each] for each in sorted(by_name)]
    return UnitFile(name, [each.read_text(encoding="utf-8", errors="replace") for each in files])


def _lines(text: str) -> list[tuple[str, str]]:
    found, section, continued = [], "", ""
    for line in text.splitlines():
        if line.lstrip().startswith(("#", ";")):
            continue  # between the parts of a continued line, too
        whole = continued + line.strip()
        if whole.endswith("\\"):
            continued = whole[:-1] + " "
            continue
        continued = ""
        if whole.startswith("["):
            section = whole
        elif section == "[Service]" and "=" in whole:
            key, _, value = whole.partition("=")
            found.append((key.strip(), value.strip()))
    return found


def _split(value: str) -> list[str]:
    try:
        words = shlex.split(value)
    except ValueError:  # systemd would refuse it, and says so
        words = value.split()
    return [word.replace("%%", "%") for word in words]
