"""Processes that use kernels, each as a user of its own, in a mount namespace with an empty /var/cache and ~root/.cache.

`python -m tests.kernel_user` answers each line on its standard input, a wish (`use`),
with one, `{"value", "compiled", "said", "error", "after"}`. It has imported Numba as root, for Python may be in root's
home, and forks for each; what is compiled, or loaded, is compiled or loaded by that child.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
from numba.core import event

import ims.cli.present  # noqa: F401  # it imports no kernel before it is asked to announce one


class Count(event.Listener):  # type: ignore[misc]
    """How often something was compiled."""

    compiled = 0

    def on_start(self, event: Any) -> None:
        """Another time."""
        self.compiled += 1

    def on_end(self, event: Any) -> None:
        """Counted already."""


def use(wish: dict[str, Any]) -> dict[str, Any]:
    """As one user: import kernels, call one; with `after`, give up root's privileges then, and call another. With
    `owner`, act as the owner of that path first; with `tried`, in a child of root's that tries something as that user."""
    os.environ.update(wish["environment"])
    for name in {"IMS_CACHE_DIR", "XDG_CACHE_HOME"} - set(wish["environment"]):
        os.environ.pop(name, None)
    if "tried" in wish:
        access, user = importlib.import_module("ims.process.file_access"), pwd.getpwuid(wish["tried"])
        tried: dict[str, Any] = access.tried_as(user, lambda: called(wish))
        return tried
    if "owner" in wish:
        importlib.import_module("ims.process.store_owner").act_as_owner(Path(wish["owner"]))
    return called(wish)


def called(wish: dict[str, Any]) -> dict[str, Any]:
    """What came of it."""
    numba.config.CPU_NAME = wish.get("processor")
    become(wish["uid"])
    count, said = Count(), io.StringIO()
    event.register("numba:compile", count)
    answer: dict[str, Any] = {"value": None, "error": None, "after": None}
    with contextlib.redirect_stderr(said):
        try:
            importlib.import_module("ims.cli.present").announce_compiling()
            checksum = importlib.import_module("ims.packet.checksum")
            answer["value"] = int(checksum.expected_field(1, 2))
            if "after" in wish:
                importlib.import_module("ims.kernels").forget_cache()
                become(wish["after"])
                answer["after"] = int(checksum.fold(65_536))
        except OSError as error:
            answer["error"] = str(error)
    return answer | {"compiled": count.compiled, "said": said.getvalue()}


def become(uid: int) -> None:
    """Be that user."""
    if uid:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)


def serve() -> None:
    """Answer until standard input ends."""
    numba.njit(lambda x: x + 1)(1)  # imports what compiling imports
    print("ready", flush=True)
    for line in sys.stdin:
        if os.fork() == 0:
            print(json.dumps(use(json.loads(line))), flush=True)
            os._exit(0)
        os.wait()


class Users:
    """Such a process, and its namespace's /var/cache as seen from here."""

    def __init__(self) -> None:
        """Raises OSError where nothing can be mounted."""
        home = Path(pwd.getpwuid(0).pw_dir, ".cache")
        home.mkdir(exist_ok=True)
        mounts = 'mount -t tmpfs -o mode=755 tmpfs /var/cache && mount -t tmpfs -o mode=755 tmpfs "$0" && exec "$@"'
        alone = ("unshare", "--mount", "sh", "-c", mounts, home)
        self._process: Any = subprocess.Popen(
            [*alone, sys.executable, "-m", "tests.kernel_user"], cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        if self._process.stdout.readline() != "ready\n":
            self.close()
            raise OSError("file systems can't be mounted here")
        self.cache = Path(f"/proc/{self._process.pid}/root/var/cache")
        self.roots_own = Path(f"/proc/{self._process.pid}/root{home}")

    def use(self, uid: int = 0, **wish: Any) -> dict[str, Any]:
        """One user's answer. Settings in capitals are its environment."""
        environment = {name: str(value) for name, value in wish.items() if name.isupper()}
        rest = {name: value for name, value in wish.items() if not name.isupper()}
        self._process.stdin.write(json.dumps({"uid": uid, "environment": environment, **rest}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End it."""
        self._process.communicate()


if __name__ == "__main__":
    serve()
