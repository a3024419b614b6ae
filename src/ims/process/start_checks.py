"""What a daemon checks before it runs: one list, for its start, for `--check` and for `ims doctor`.

A daemon's start runs its list first, so what the doctor finds and what the start refuses can't differ.
"""

from __future__ import annotations

import itertools
import os
import pwd
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ims.cause import cause
from ims.process.doctor import OK, WRONG, Finding
from ims.process.endpoint import endpoint_error, holder_of, refuse_endpoint
from ims.process.file_access import Need, check_program_readable, refuse_obstacles, tried_as
from ims.process.privileges import user_to_become
from ims.settings.endpoints import endpoint_of


class Check(NamedTuple):
    """One thing to look at. `look` changes nothing, and returns what is well in words, or "" where there is nothing
    to say; it raises ValueError or OSError, in one line that a daemon's start ends with."""

    subject: str
    look: Callable[[], str]
    remedy: str = "correct the setting"


class Running(NamedTuple):
    """The daemon of `ims WORD --config FILE`, which may be running while its settings are checked: what it has itself,
    such as its port, is no fault. None of this holds where a daemon starts."""

    word: str
    file: Path

    def is_process(self, number: int) -> bool:
        """Whether the process runs this daemon with these settings."""
        place = Path("/proc", str(number))
        try:
            words = (place / "cmdline").read_bytes().decode(errors="replace").split("\0")
            files = [after for before, after in itertools.pairwise(words) if before == "--config"]
            files += [word.partition("=")[2] for word in words if word.startswith("--config=")]
            return self.word in words and any((place / "cwd" / file).samefile(self.file) for file in files)
        except OSError:
            return False


def refuse(checks: Sequence[Check]) -> None:
    """Raises what the first check raises that finds something wrong."""
    for check in checks:
        check.look()


def findings_of(checks: Sequence[Check]) -> Iterator[Finding]:
    """What all of them find. A cause that stops several is said once."""
    said = set[str]()
    for check in checks:
        try:
            found = check.look()
        except (OSError, ValueError) as error:
            whole = cause(error)
            what, _, remedy = whole.partition("; ")
            if whole not in said:
                said.add(whole)
                yield Finding(WRONG, check.subject, what, remedy or check.remedy)
        else:
            if found:
                yield Finding(OK, check.subject, found)


def user_check(name: str | None) -> Check:
    """Whether there is the user that a daemon becomes; `name`: its setting `user`."""

    def look() -> str:
        user = user_to_become(name)
        return f"it becomes {user.pw_name}" if user is not None else ""

    return Check("user", look)


def program_check(name: str | None) -> Check:
    """Whether that user can read Python and this program."""

    def look() -> str:
        check_program_readable(user_to_become(name))
        return ""

    return Check("user", look)


def access_check(name: str | None, needs: Callable[[pwd.struct_passwd | None], Sequence[Need]]) -> Check:
    """Whether that user can use all files that the daemon needs, which `needs` tells."""

    def look() -> str:
        user = user_to_become(name)
        needed = needs(user)
        refuse_obstacles(user, needed, stay_root=stays_root(name))
        return f"{', '.join(need.named for need in needed)} can be used" if needed else ""

    return Check("access", look)


def endpoint_check(setting: str, endpoint: str | None, name: str | None, running: Running | None = None) -> Check:
    """Whether that user can listen there."""

    def look() -> str:
        if endpoint is None:
            return ""
        mine = holder(endpoint, running)
        if mine is not None:
            return f"{endpoint} is listened on by this daemon itself, process {mine}"
        error = tried_as(user_to_become(name), lambda: endpoint_error(endpoint), stay_root=stays_root(name))
        refuse_endpoint(setting, endpoint, error)
        return f"{endpoint} can be listened on"

    return Check(setting, look)


def metrics_checks(metrics: str | None, listen: str, name: str | None, running: Running | None = None) -> list[Check]:
    """As `endpoint_check` of a daemon that listens at `listen` besides, which can't be the same."""

    def differs() -> str:
        if metrics is not None and endpoint_of(metrics) == endpoint_of(listen):
            raise ValueError(f"metrics = {metrics!r} and listen = {listen!r} are the same; expected two ports")
        return ""

    return [Check("metrics", differs), endpoint_check("metrics", metrics, name, running)]


def own_endpoint_check(setting: str, endpoint: str, running: Running | None = None) -> Check:
    """Whether the user that starts the daemon can listen there, as where it listens before it becomes another."""

    def look() -> str:
        mine = holder(endpoint, running)
        if mine is not None:
            return f"{endpoint} is listened on by this daemon itself, process {mine}"
        refuse_endpoint(setting, endpoint, endpoint_error(endpoint))
        return f"{endpoint} can be listened on"

    return Check(setting, look)


def holder(endpoint: str, running: Running | None) -> int | None:
    """The running daemon's process, where it listens there already."""
    found = holder_of(*endpoint_of(endpoint)) if running is not None else None
    return found[0] if found is not None and running is not None and running.is_process(found[0]) else None


def stays_root(name: str | None) -> bool:
    """Whether root is to stay root, as it was asked for."""
    return os.geteuid() == 0 and name == "root"
