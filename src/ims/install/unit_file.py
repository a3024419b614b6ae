"""A unit as this machine has it: its file and the drop-ins beside it (systemd.unit(5), systemd.syntax(7))."""

from __future__ import annotations

import contextlib
import pwd
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

FOLDERS = ("/etc/systemd/system", "/run/systemd/system")
"""Where an administrator's units and drop-ins are; the first that has the unit has the say."""
YES = ("yes", "true", "on", "1")
_VARIABLE = re.compile(r"\$\{(\w+)\}|^\$(\w+)$")


class UnitFile:
    """What the section [Service] of a unit says; later lines after earlier ones, as systemd takes them."""

    def __init__(self, name: str, texts: Sequence[str]) -> None:
        """`name`: such as `ims-sensor`; `texts`: those of its file and of its drop-ins, in order."""
        self.name = name
        self._lines: list[tuple[str, str]] = []
        for text in texts:
            self._lines += _lines(text)

    def last(self, key: str) -> str:
        """What a setting is; empty where nothing is said."""
        return next((value for name, value in reversed(self._lines) if name == key), "")

    def words(self, key: str) -> list[str]:
        """All words of a setting that may be given several times; an empty line begins anew."""
        found: list[str] = []
        for name, value in self._lines:
            if name == key:
                found = [*found, *_split(value)] if value else []
        return found

    def command(self, variables: Mapping[str, str] | None = None) -> list[str]:
        """The words of ExecStart=, variables put in; an absent one is empty."""
        known = variables or {}
        return [
            _VARIABLE.sub(lambda match: known.get(match[1] or match[2], ""), word)
            for word in _split(self.last("ExecStart"))
        ]

    def user(self) -> pwd.struct_passwd | None:
        """As whom it runs; None for root, and where there is no such user."""
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(self.last("User") or "root") if self.last("User") != "root" else None
        return None

    def stranger(self) -> str:
        """The user as whom it would run, where there is no such user; else empty."""
        name = self.last("User")
        if name.isdecimal() or self.last("DynamicUser").lower() in YES:
            return ""
        return name if name not in ("", "root") and self.user() is None else ""


def option(words: Sequence[str], name: str) -> str | None:
    """What a command is given behind `--name`, or as `--name=VALUE`."""
    for word, following in zip(words, [*words, ""][1:], strict=True):
        if word == name:
            return following
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return None


def installed(name: str, folders: Sequence[str] = FOLDERS) -> UnitFile | None:
    """The unit of that name; None where this machine has none. Raises OSError where it can't be read."""
    file = next((path for folder in folders if (path := Path(folder, f"{name}.service")).is_file()), None)
    if file is None:
        return None
    beside: dict[str, Path] = {}
    for folder in reversed(folders):
        beside |= {path.name: path for path in Path(folder, f"{name}.service.d").glob("*.conf")}
    found = (file, *(beside[each] for each in sorted(beside)))
    return UnitFile(name, [each.read_text(encoding="utf-8", errors="replace") for each in found])


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
