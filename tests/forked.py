"""`ims` quickly: a process that has imported all of it forks one for each command, which then costs 0.05 s, not 0.8 s.

Each is a process of its own, with its own arguments, folder, environment, standard streams and exit status, and runs
what the console script runs. `python -m tests.forked SOCKET IMPORT...` is the one that forks; `ims(folder)` starts it
and makes a program called `ims` that asks it, for a shell's PATH.
"""

from __future__ import annotations

import array
import atexit
import contextlib
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
from pathlib import Path
from typing import Any

MODULES = (
    "ims.cli", "ims.sensor.ingest", "ims.telescope", "ims.query.engines.duckdb", "ims.query.plans.predicate", "ims.cli.present",
    "ims.query_run", "ims.lake.ship", "ims.lake.lake", "ims.simulate.output.capture", "ims.portal.auth.accounts", "ims.pki.authority",
    "ims.sensor.doctor", "ims.sensor.daemon", "ims.queryd.daemon", "ims.queryd.doctor", "ims.portal.daemon",
    "ims.portal.doctor", "pandas", "pyarrow.compute", "pyarrow.dataset", "pyarrow.parquet", "rich.table",
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


def run(words: list[str], folder: str, environment: dict[str, str], streams: list[int]) -> None:
    """In a process of its own, what the console script does."""
    for number, stream in enumerate(streams):
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
    for name in MODULES:
        importlib.import_module(name)
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


if __name__ == "__main__":
    serve(sys.argv[1])
