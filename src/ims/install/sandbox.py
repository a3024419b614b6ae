"""What a unit forbids its daemon: folders that are hidden from it, or that it may only read (systemd.exec(5)).

File permissions don't show this: the unit's user, outside of the unit, has access.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ims.install.unit import HOMES, TEMPORARY
from ims.install.unit_file import YES, UnitFile
from ims.process.doctor import WRONG, Finding
from ims.process.file_access import Need, Way
from ims.system_folder import refuse_system_folder

OF_PROTECT_SYSTEM = {"strict": ("/",), "full": ("/usr", "/boot", "/efi", "/etc")}
NOT_OF_STRICT = ("/dev", "/proc", "/sys")
OWN_FOLDERS = {
    "StateDirectory": "/var/lib", "CacheDirectory": "/var/cache", "LogsDirectory": "/var/log",
    "RuntimeDirectory": "/run",
}  # fmt: skip


class Sandbox:
    """A unit's restrictions. Paths are compared with links followed, as systemd does."""

    def __init__(self, unit: UnitFile) -> None:
        self.unit = unit
        self._bound = [word.removeprefix("-").split(":")[-1] for word in unit.words("BindPaths")]
        self._bound_to_read = [word.removeprefix("-").split(":")[-1] for word in unit.words("BindReadOnlyPaths")]
        self._rules = [(_real(place), setting) for place, setting in self._read_only()]
        self._rules += [(_real(place), "") for place in self._writable()]

    def hidden(self, path: Path) -> str:
        """The setting by which the daemon can't see it, or sees something else there; else empty."""
        path = _real(path)
        homes = self.unit.last("ProtectHome").lower()
        private = self.unit.last("PrivateTmp").lower()
        closed = [(place, f"ProtectHome={homes}") for place in HOMES if homes in YES]
        closed += [(place, "InaccessiblePaths=") for place in _places(self.unit.words("InaccessiblePaths"))]
        emptied = [(place, "ProtectHome=tmpfs") for place in HOMES if homes == "tmpfs"]
        if private in YES or private == "disconnected":
            emptied += [(place, f"PrivateTmp={private}") for place in TEMPORARY if path != _real(place)]
        if any(path.is_relative_to(_real(place)) for place in (*self._bound, *self._bound_to_read)):
            emptied = []
        return next((setting for place, setting in closed + emptied if path.is_relative_to(_real(place))), "")

    def read_only(self, path: Path) -> str:
        """The setting by which the daemon may not write to it; else empty."""
        path = _real(path)
        found = [(len(place.parts), setting) for place, setting in self._rules if path.is_relative_to(place)]
        return max(found, default=(0, ""))[1]  # the innermost folder's; of two for one folder, the forbidding one

    def _read_only(self) -> Iterator[tuple[str, str]]:
        system, homes = self.unit.last("ProtectSystem").lower(), self.unit.last("ProtectHome").lower()
        for place in OF_PROTECT_SYSTEM.get(system, ("/usr", "/boot", "/efi") if system in YES else ()):
            yield place, f"ProtectSystem={system}"
        if homes == "read-only":
            yield from ((place, "ProtectHome=read-only") for place in HOMES)
        yield from ((place, "ReadOnlyPaths=") for place in _places(self.unit.words("ReadOnlyPaths")))
        yield from ((place, "BindReadOnlyPaths=") for place in self._bound_to_read)

    def _writable(self) -> Iterator[str]:
        yield from NOT_OF_STRICT
        yield from _places(self.unit.words("ReadWritePaths"))
        yield from self._bound
        for key, parent in OWN_FOLDERS.items():
            yield from (f"{parent}/{word.split(':')[0]}" for word in self.unit.words(key))
        if self.unit.last("PrivateTmp").lower() in (*YES, "disconnected"):
            yield from TEMPORARY


def sandbox_findings(unit: UnitFile, needs: Iterable[Need]) -> Iterator[Finding]:
    """Which of these needs a unit forbids its daemon, with the lines that allow them."""
    sandbox = Sandbox(unit)
    reported = set[Path]()
    for need in needs:
        hidden = sandbox.hidden(need.path)
        if hidden:
            found = f"{unit.name}.service hides {need.named} {need.path} from the daemon ({hidden})"
            yield Finding(WRONG, "unit", found, "keep it elsewhere, such as below /var/lib/ims or /srv")
            continue
        if need.way not in (Way.CHANGE, Way.CHANGE_ALL, Way.REACH):
            continue
        folder = need.path.absolute()
        if need.way is Way.CHANGE and not os.path.isdir(folder):  # noqa: PTH112  # no error where one may not look
            folder = folder.parent  # files beside it are written, too
        forbidden = sandbox.read_only(folder)
        if forbidden and folder not in reported:
            reported.add(folder)
            found = f"{unit.name}.service may only read {need.named} {need.path} ({forbidden})"
            yield Finding(WRONG, "unit", found, _remedy(unit, need, folder))


def _remedy(unit: UnitFile, need: Need, folder: Path) -> str:
    try:
        refuse_system_folder(folder, need.named)
    except ValueError:
        return "keep it in a folder of its own, such as one below /var/lib/ims"
    user, group = unit.last("User") or "root", unit.last("Group") or unit.last("User") or "root"
    install = f"`install -d -o {user} -g {group} -m 750 {shlex.quote(str(folder))}`; then "
    written = str(folder).replace("%", "%%")
    if re.search(r"[\s'\"\\]", written):
        written = '"' + written.replace("\\", "\\\\").replace('"', '\\"') + '"'
    made = "" if os.path.lexists(folder) else install
    return f"{made}`systemctl edit {unit.name}` with these two lines:\n[Service]\nReadWritePaths={written}"


def _real(path: str | Path) -> Path:
    return Path(os.path.realpath(path))  # of a link that leads to itself, `resolve` makes a RuntimeError


def _places(words: Sequence[str]) -> list[str]:
    return [word.lstrip("-+") for word in words]
