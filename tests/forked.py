"""`ims` quickly: a process that has imported all of it forks one for each command, which then costs 0.05 s, not 0.8 s.

Each is a process of its own, with its own arguments, folder, environment, standard streams and exit status, and runs
what the console script runs, with kernels that are loaded already. `python -m tests.forked SOCKET` is the one that
forks; `ims()` starts it and makes a program called `ims` that asks it, for a shell's PATH, and `Daemon` is one that goes on.
"""

from __future__ import annotations

import array
import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

MODULES = (
    "ims.cli", "ims.sensor.ingest", "ims.telescope", "ims.query.engines.duckdb", "ims.query.plans.predicate", "ims.cli.present",
    "ims.query_run", "ims.lake.ship", "ims.lake.lake", "ims.simulate.output.capture", "ims.portal.auth.accounts", "ims.pki.authority",
    "ims.sensor.doctor", "ims.sensor.daemon", "ims.queryd.daemon", "ims.queryd.doctor", "ims.portal.daemon",
    "ims.portal.doctor", "pandas", "pyarrow.compute", "pyarrow.dataset", "pyarrow.parquet", "rich.table",
    "altair", "plotext", "scipy.interpolate", "scipy.optimize", "scipy.special",
)  # fmt: skip
"""What commands import when they run. None starts a thread."""
CLIENT = """#!{python} -SE
import array, json, os, signal, socket, struct, sys
door = socket.socket(socket.AF_UNIX)
door.connect({path!r})
words = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)], ensure_ascii=True).encode()
door.sendmsg([struct.pack("<I", len(words))], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))])
door.sendall(words)
process = struct.unpack("<i", door.recv(4, socket.MSG_WAITALL))[0]
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, lambda number, frame: os.kill(process, number))
for stream in (0, 1, 2):
    os.close(stream)
status = struct.unpack("<i", door.recv(4, socket.MSG_WAITALL))[0]
if status < 0:
    signal.signal(-status, signal.SIG_DFL) if -status not in (signal.SIGKILL, signal.SIGSTOP) else None
    os.kill(os.getpid(), -status)
os._exit(status)
"""


CLONE_NEWNS, CLONE_NEWNET, MS_REC, MS_SLAVE, MNT_DETACH = 0x20000, 0x40000000, 0x4000, 0x80000, 2


def enter(network: int) -> None:
    """A network namespace, with a /sys of its own, as `ip netns exec` does."""
    libc = ctypes.CDLL(None, use_errno=True)
    for done in (
        lambda: libc.setns(network, CLONE_NEWNET), lambda: libc.unshare(CLONE_NEWNS),
        lambda: libc.mount(b"", b"/", b"none", MS_SLAVE | MS_REC, None), lambda: libc.umount2(b"/sys", MNT_DETACH),
        lambda: libc.mount(b"sysfs", b"/sys", b"sysfs", 0, None),
    ):  # fmt: skip
        if done() != 0:
            raise OSError(ctypes.get_errno(), "enter a network namespace")


def run(words: list[str], folder: str, environment: dict[str, str], streams: list[int]) -> None:
    """In a process of its own, what the console script does. A fourth stream is a network namespace to do it in."""
    for network in streams[3:]:
        enter(network)
    for number, stream in enumerate(streams[:3]):
        os.dup2(stream, number)
    for stream in streams:
        os.close(stream)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["ims", *words]
    sys.stdin, sys.stdout, sys.stderr = (open(n, mode) for n, mode in ((0, "r"), (1, "w"), (2, "w")))  # noqa: PTH123, SIM115
    from ims.cli import main

    status = 0
    try:
        main()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 0
    except BaseException:
        traceback.print_exc()
        status = 1
    threading._shutdown()  # type: ignore[attr-defined]  # as at any exit: threads that are no daemons are waited for
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BrokenPipeError):
            stream.flush()
    os._exit(status)  # without the third of a second that it takes to put all modules away


def serve_one(door: socket.socket) -> None:
    """Run what one client asks for, and tell him how it ended. Where he is gone, it is killed."""
    head, rights, _, _ = door.recvmsg(4, 1024, socket.MSG_WAITALL)
    streams = array.array("i", b"".join(octets for _, _, octets in rights)).tolist()
    words, folder, environment = json.loads(door.recv(struct.unpack("<I", head)[0], socket.MSG_WAITALL))
    child = os.fork()
    if child == 0:
        door.close()
        run(words, folder, environment, streams)  # doesn't return
    for stream in streams:
        os.close(stream)
    door.sendall(struct.pack("<i", child))
    ended = os.pidfd_open(child)
    ready = select.select([door, ended], [], [])[0]
    if ended not in ready:
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with contextlib.suppress(BrokenPipeError):
        door.sendall(struct.pack("<i", status))
    os._exit(0)


def serve(path: str) -> None:
    """Fork for each that comes, until the process that started us ends, which closes our standard input."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    os.environ["JE_ARROW_MALLOC_CONF"] = "background_thread:false"  # as ims/cli/sensor.py has it
    for name in MODULES:
        importlib.import_module(name)
    from ims.process.warm_up import compile_all

    compile_all()
    gc.collect()
    gc.freeze()  # else each child would copy what its collector looks at
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen(64)
        print("listening", flush=True)
        while True:
            ready = select.select([listening, sys.stdin], [], [])[0]
            if sys.stdin in ready:
                return
            door, _ = listening.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                listening.close()
                serve_one(door)
                return
            door.close()


_started: dict[tuple[str, ...], Path] = {}


def ims(before: tuple[str, ...] = ()) -> Path:
    """A program like `ims`, in a folder of its own; the first call starts what it asks, by the words `before` that
    change what its processes may do."""
    if before not in _started:
        folder = Path(tempfile.mkdtemp(prefix="ims-tests-"))
        server: Any = subprocess.Popen(
            [*before, sys.executable, "-m", "tests.forked", folder / "door"], cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert server.stdout.readline() == b"listening\n"

        def end() -> None:
            server.stdin.close()
            server.stdout.close()
            server.wait()
            for left in folder.iterdir():
                left.unlink()
            folder.rmdir()

        atexit.register(end)
        program = folder / "ims"
        program.write_text(CLIENT.format(python=os.path.realpath(sys.executable), path=str(folder / "door")))
        program.chmod(0o755)
        _started[before] = program
    return _started[before]


class Daemon:
    """A command of `ims` that runs, with what tests use of subprocess.Popen: standard error is text, in a pipe. Where
    this process ends, it is killed. `network`: the name of a namespace that it runs in."""

    def __init__(self, words: Sequence[str], network: str | None = None) -> None:
        reading, writing = os.pipe()
        with contextlib.ExitStack() as given:
            files: list[Any] = [given.enter_context(open(os.devnull, "r+b"))] * 2  # noqa: PTH123
            files.append(given.enter_context(os.fdopen(writing, "wb")))
            if network is not None:
                files.append(given.enter_context(Path("/run/netns", network).open("rb")))
            self._door = socket.socket(socket.AF_UNIX)
            self._door.connect(str(ims().with_name("door")))
            told = json.dumps([list(words), str(Path.cwd()), dict(os.environ)], ensure_ascii=True).encode()
            socket.send_fds(self._door, [struct.pack("<I", len(told))], [file.fileno() for file in files])
        self._door.sendall(told)
        self.pid: int = struct.unpack("<i", self._door.recv(4, socket.MSG_WAITALL))[0]
        self.stderr = os.fdopen(reading, "r")
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit status, as Popen has it; None while it runs."""
        if self.returncode is None and select.select([self._door], [], [], 0)[0]:
            self.returncode = struct.unpack("<i", self._door.recv(4, socket.MSG_WAITALL))[0]
            self._door.close()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, once it has ended. Raises subprocess.TimeoutExpired where it doesn't in time."""
        if self.returncode is None and not select.select([self._door], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired(f"ims, process {self.pid}", timeout or 0)
        status = self.poll()
        assert status is not None
        return status

    def send_signal(self, number: int) -> None:
        """Nothing where it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


if __name__ == "__main__":
    serve(sys.argv[1])
