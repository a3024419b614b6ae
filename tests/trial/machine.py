"""A Debian that boots systemd as its first process, in namespaces of its own: what an operator's machine is.

Its disk is a layer of its own (overlayfs) above a folder that others share. Its network has nobody but `Link`s give it;
what is said to need the Internet (installing packages) runs in it with the network of this machine.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from .shell import ONLINE_SECONDS, TYPED, UNTIL, UNTIL_SECONDS, BlockError, Shell, run_once

BOOT = Path(__file__).with_name("boot.sh")
ENVIRONMENT = {
    "HOME": "/root", "LANG": "C.UTF-8", "USER": "root",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
}  # fmt: skip
"""A login's, as root."""
BOOT_SECONDS, STOP_SECONDS = 120, 60
"""How long nothing is heard of a machine that boots; how long one that was killed takes to be gone."""


class Machine:
    """One machine; `run` is a shell on it that goes on from block to block, as a person's does."""

    def __init__(self, name: str, below: Sequence[Path], folder: Path, cgroup: Path) -> None:
        """`below`: folders that its disk begins as, the topmost first. `folder`: where its own layer lies."""
        self.name = name
        self.layer, self._work, self.root = (folder / name / part for part in ("layer", "work", "root"))
        for path in (self.layer, self._work, self.root):
            path.mkdir(parents=True)
        self.environment: dict[str, str] = {}
        """of its shells, beside a login's"""
        self._below = below
        self._notify = Path(tempfile.mkdtemp(prefix="trial-"))
        self._cgroup = cgroup / name
        self._namespaces: subprocess.Popen[bytes] | None = None
        self._shell: Shell | None = None
        self._first = 0

    def mount(self) -> None:
        """Its disk at `root`, where it can be written to before it boots. It is thrown away, so nothing waits for a real
        one when it is unmounted (volatile)."""
        if self.root.is_mount():
            return
        lower = ":".join(str(path) for path in self._below)
        subprocess.run(
            ["mount", "-t", "overlay", "overlay",
             "-o", f"lowerdir={lower},upperdir={self.layer},workdir={self._work},volatile", self.root], check=True,
        )  # fmt: skip

    def share(self, folder: Path, inside: str) -> None:
        """A folder of this machine at that place, from its next boot on."""
        self.mount()
        self.path(inside).mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "--bind", folder, self.path(inside)], check=True)

    def boot(self) -> None:
        """Returns when systemd says that it is up (sd_notify(3)). Raises RuntimeError where it isn't."""
        self.mount()
        (self.root / "etc" / "hostname").write_text(f"{self.name}\n")
        self._cgroup.mkdir(parents=True, exist_ok=True)
        log = self._notify / "errors"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told, log.open("wb") as errors:
            told.bind(str(self._notify / "notify"))
            enter = f"echo 0 >'{self._cgroup}/cgroup.procs'; exec \"$@\""
            self._namespaces = subprocess.Popen(
                ["sh", "-c", enter, "sh", "setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup",
                 "--fork", "--kill-child", "sh", str(BOOT), str(self.root), str(self._notify)],
                stdin=subprocess.DEVNULL, stderr=errors, start_new_session=True,
            )  # fmt: skip
            self._await_ready(told, self._namespaces, log)
        children = Path(f"/proc/{self._namespaces.pid}/task/{self._namespaces.pid}/children")
        self._first = int(children.read_text().split()[0])

    def _await_ready(self, told: socket.socket, namespaces: subprocess.Popen[bytes], log: Path) -> None:
        ended = os.pidfd_open(namespaces.pid)
        try:
            while ready := select.select([told, ended], [], [], BOOT_SECONDS)[0]:
                if ended in ready:
                    break
                if b"READY=1" in told.recv(4096).split(b"\n"):
                    return
        finally:
            os.close(ended)
        why = f"it ended with status {namespaces.wait()}" if ready else f"nothing for {BOOT_SECONDS} s"
        raise RuntimeError(f"{self.name} didn't boot: {why}\n{log.read_text(errors='replace')}")

    def _entered(self, *, own_network: bool = True) -> list[str]:
        kinds = ["--mount", "--uts", "--ipc", "--pid", "--cgroup", *(["--net"] if own_network else [])]
        return ["nsenter", "--target", str(self._first), *kinds, "env", "--chdir=/root", "-i",
                *(f"{name}={value}" for name, value in {**ENVIRONMENT, **self.environment}.items())]  # fmt: skip

    def command(self, *words: str, own_network: bool = True) -> list[str]:
        """The words that run a command there, from here."""
        return [*self._entered(own_network=own_network), *words]

    def run(self, text: str, stdin: str = "") -> str:
        """What a block of commands prints, on both streams, in the shell that ran the blocks before. `stdin`: what is
        typed. Raises AssertionError, with the machine's journal, where a command fails, or hangs."""
        if self._shell is None:
            self._shell = Shell(self.command("bash"), self.path(TYPED))
        try:
            return self._shell.run(text, stdin)
        except BlockError as failed:
            self._end_shell()
            raise AssertionError(f"on {self.name}, {failed}\n{self.journal()}") from None

    def until(self, condition: str, meanwhile: str = "true") -> None:
        """A command is tried until it succeeds, as long as another one does. Raises AssertionError with what it said last,
        where it doesn't for `UNTIL_SECONDS`."""
        self.run(UNTIL.format(condition=condition, meanwhile=meanwhile, seconds=UNTIL_SECONDS))

    def run_online(self, text: str) -> str:
        """As `run`, in a shell of its own that has the network of this machine: to install packages."""
        words = self.command("bash", "-euo", "pipefail", "-c", text, own_network=False)
        try:
            return run_once(words, ONLINE_SECONDS)
        except BlockError as failed:
            raise AssertionError(f"on {self.name}, {failed}\n{self.journal()}") from None

    def _end_shell(self) -> None:
        if self._shell is not None:
            self._shell.end()
            self._shell = None

    def write(self, file: str, text: str) -> None:
        """As an editor does: a file that is there keeps its owner and its mode."""
        path = self.path(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def journal(self) -> str:
        """Its last lines, for whoever looks for what went wrong."""
        words = self.command("journalctl", "--no-pager", "--lines=40", "--output=cat")
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        return f"its journal:\n{done.stdout}"

    def path(self, inside: str) -> Path:
        """A file of its disk, from here."""
        return self.root / inside.lstrip("/")

    def kill(self) -> None:
        """Without a word to anybody: its first process ends, and all others with it."""
        self._end_shell()
        if self._namespaces is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._first, signal.SIGKILL)

    def off(self) -> None:
        """Switched off, if it isn't; what is on its disk stays in `layer`."""
        self.kill()
        if self._namespaces is not None:
            self._namespaces.wait(STOP_SECONDS)
            self._namespaces = None
        subprocess.run(["umount", "--lazy", "--recursive", self.root], stderr=subprocess.DEVNULL, check=False)
        if self.root.is_mount():
            raise OSError(f"{self.root} can't be unmounted: what is shared into it must not be removed with it")
        for folder, _, _ in os.walk(self._cgroup, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()
        shutil.rmtree(self._notify, ignore_errors=True)

    @property
    def first(self) -> int:
        """The number of its first process, from here."""
        return self._first


@contextlib.contextmanager
def cgroups() -> Iterator[Path]:
    """A control group of version 2 for machines of ours. Raises OSError where the kernel has none."""
    place = Path(tempfile.mkdtemp(prefix="trial-"))
    subprocess.run(["mount", "-t", "cgroup2", "cgroup2", place], check=True)
    group = place / f"trial-{os.getpid()}"
    try:
        group.mkdir()
        yield group
        group.rmdir()
    finally:
        subprocess.run(["umount", "--lazy", place], check=False)
        place.rmdir()
