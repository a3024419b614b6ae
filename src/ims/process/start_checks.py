"""What a daemon checks before it runs: one list, for its start, for `--check` and for `ims doctor`."""

from __future__ import annotations

import itertools
import pwd
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ims.cause import cause
from ims.process.doctor import OK, WRONG, Finding
from ims.process.endpoint import endpoint_error, holder_of, refuse_endpoint
from ims.process.file_access import Need, check_program_readable, refuse_obstacles, tried_as
from ims.process.privileges import stays_root, user_to_become
from ims.settings.endpoints import endpoint_of


class Check(NamedTuple):
    """One check. `look` changes nothing; it returns what is right in words, or nothing where there is nothing to say.
    Raises ValueError or OSError, in one line with which a daemon's start ends."""

    subject: str
    look: Callable[[], str | None]
    remedy: str = "correct the setting"


class Running(NamedTuple):
    """The daemon of `ims WORD --config FILE`, which may be running while its settings are checked: its own port isn't
    in its way. There is none where a daemon starts."""

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
    """Raises what the first failing check raises."""
    for check in checks:
        check.look()


def findings_of(checks: Sequence[Check]) -> Iterator[Finding]:
    """What all of them find; a cause that several share, once."""
    causes = set[str]()
    for check in checks:
        try:
            found = check.look()
        except (OSError, ValueError) as error:
            whole = cause(error)
            problem, _, remedy = whole.partition("; ")
            if whole not in causes:
                causes.add(whole)
                yield Finding(WRONG, check.subject, problem, remedy or check.remedy)
        else:
            if found:
                yield Finding(OK, check.subject, found)


def user_check(name: str | None) -> Check:
    """Whether there is the user that a daemon becomes; `name`: its setting `user`."""

    def look() -> str | None:
        user = user_to_become(name)
        return f"it becomes {user.pw_name}" if user is not None else None

    return Check("user", look)


def program_check(name: str | None) -> Check:
    """Whether that user can read Python and this program."""
    return Check("user", lambda: check_program_readable(user_to_become(name)))


def access_check(name: str | None, needs: Callable[[pwd.struct_passwd | None], Sequence[Need]]) -> Check:
    """Whether that user can use all files that the daemon needs."""

    def look() -> str | None:
        user = user_to_become(name)
        needed = needs(user)
        refuse_obstacles(user, needed, stay_root=stays_root(name))
        return f"{', '.join(need.named for need in needed)} can be used" if needed else None

    return Check("access", look)


def endpoint_check(setting: str, endpoint: str | None, name: str | None, running: Running | None = None) -> Check:
    """Whether that user can listen there."""

    def error(endpoint: str) -> int:
        number: int = tried_as(user_to_become(name), partial(endpoint_error, endpoint), stays_root(name))
        return number

    return _endpoint_check(setting, endpoint, running, error)


def metrics_checks(metrics: str | None, listen: str, name: str | None, running: Running | None = None) -> list[Check]:
    """As `endpoint_check`, of a daemon that also listens at `listen`, which must be another port."""

    def differs() -> None:
        if metrics is not None and endpoint_of(metrics) == endpoint_of(listen):
            raise ValueError(f"metrics = {metrics!r} and listen = {listen!r} are the same; expected two ports")

    return [Check("metrics", differs), endpoint_check("metrics", metrics, name, running)]


def own_endpoint_check(setting: str, endpoint: str, running: Running | None = None) -> Check:
    """Whether the user that starts the daemon can listen there, before it becomes another."""
    return _endpoint_check(setting, endpoint, running, endpoint_error)


def _endpoint_check(setting: str, endpoint: str | None, running: Running | None, error: Callable[[str], int]) -> Check:
    def look() -> str | None:
        if endpoint is None:
            return None
        if running is not None:
            holder = holder_of(*endpoint_of(endpoint))
            if holder is not None and running.is_process(holder[0]):
                return f"{endpoint} is listened on by this daemon itself, process {holder[0]}"
        refuse_endpoint(setting, endpoint, error(endpoint))
        return f"{endpoint} can be listened on"

    return Check(setting, look)
