"""`ims queryd` as a real process: it only reads, may do nothing else, and ends when it is told."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from ims.link.contract import HELLO, Ask, Tail, read_hello, written
from ims.pki.authority import create_authority
from ims.pki.credentials import Credentials
from ims.process.file_access import check_program_readable
from ims.process.privileges import user_to_become
from ims.query.question import Question
from ims.query.request import make_request
from ims.queryd.low_priority import SCANS

from ..free_port import free_port
from ..stores import IMS
from .waiting import DEADLINE, crowd, soon

COUNT = written(Ask(version=2, questions=(Question(plan="count", request=make_request("count", None)),)))


@pytest.fixture
def place(one_store: Path) -> Iterator[Path]:
    """A folder that every user may look into, with a store that nobody may write to, and certificates."""
    folder = Path(tempfile.mkdtemp(prefix="ims-queryd-"))
    folder.chmod(0o755)
    shutil.copytree(one_store, folder / "STORE")
    for path in [folder / "STORE", *(folder / "STORE").rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    authority = create_authority(folder / "PKI", "Test", 3650, now=datetime.now(UTC) - timedelta(days=60))
    authority.issue("a", "sensor", folder / "a")
    authority.issue("portal", "portal", folder / "portal")
    (folder / "a").chmod(0o755)
    yield folder
    for path in (folder / "STORE").rglob("*"):
        if path.is_dir():
            path.chmod(0o755)
    (folder / "STORE").chmod(0o755)
    shutil.rmtree(folder)


def without_rights() -> tuple[list[str], dict[str, str]]:
    """How to start it so that it has none: as a user, who it becomes by itself where he can read the program; else, in
    a checkout in root's home, as root without capabilities, who can't write to what is read-only either."""
    if os.geteuid() != 0:
        return [], {}
    try:
        check_program_readable(user_to_become(None))
    except PermissionError:
        return ["setpriv", "--bounding-set=-all", "--inh-caps=-all"], {"user": "root"}
    return [], {}


class Running:
    """The process, and a client of it."""

    def __init__(self, place: Path, **settings: Any) -> None:
        self.port = free_port()
        config = place / "queryd.toml"
        before, user = without_rights()
        words = {"store": str(place / "STORE"), "listen": f"127.0.0.1:{self.port}"} | user | settings
        lines = [f"{name} = {json.dumps(value)}" for name, value in words.items()]
        tls = {"certificate": "a/a.pem", "key": "a/a.key", "ca": "a/ca.pem", "revoked": "a/revoked.pem"}
        lines += ["[tls]", *(f'{name} = "{place / file}"' for name, file in tls.items())]
        config.write_text("\n".join(lines))
        # What a service of this process had gRPC say isn't this daemon's.
        environ = {name: said for name, said in os.environ.items() if (name, said) != ("GRPC_VERBOSITY", "NONE")}
        self.process = subprocess.Popen(
            [*before, IMS, "queryd", "--config", config], stderr=subprocess.PIPE, text=True, env=environ
        )
        self.said: list[str] = []
        self._listening = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        soon(self._listening)
        assert any("listening" in line for line in self.said), "".join(self.said)
        own = Credentials.read(place / "portal/portal.pem", place / "portal/portal.key", place / "portal/ca.pem")
        sensor = Credentials.read(place / "a/a.pem", place / "a/a.key", place / "a/ca.pem").identity
        self.client = fl.connect(
            f"grpc+tls://127.0.0.1:{self.port}", tls_root_certs=own.ca, cert_chain=own.certificate, private_key=own.key,
            override_hostname=sensor.hostname,
        )  # fmt: skip

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line)
            if '"listening"' in line or "listening" in line.split():
                self._listening.set()
        self._listening.set()

    def ask(self, ticket: bytes = COUNT) -> int:
        return sum(1 for _ in self.client.do_get(fl.Ticket(ticket), fl.FlightCallOptions(timeout=DEADLINE)))

    def end(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        assert self.process.stderr is not None
        self.process.stderr.close()
        self.client.close()
        return code


@contextlib.contextmanager
def running(place: Path, **settings: Any) -> Iterator[Running]:
    made = Running(place, **settings)
    try:
        yield made
    finally:
        assert made.end() == 0, "".join(made.said)


def all_files(folder: Path) -> dict[str, tuple[int, int, int]]:
    found = {path: path.lstat() for path in [folder, *folder.rglob("*")]}
    return {str(path): (stat.st_mtime_ns, stat.st_size, stat.st_ino) for path, stat in found.items()}


def test_it_answers_unprivileged_and_changes_nothing(place: Path) -> None:
    before = all_files(place / "STORE")
    with running(place) as daemon:
        [found] = daemon.client.do_action(fl.Action(HELLO, b""), fl.FlightCallOptions(timeout=DEADLINE))
        hello = read_hello(found.body.to_pybytes())
        assert (hello.sensors, hello.problem) == (("a",), "")
        assert hello.last_packet is not None
        assert abs(hello.now - time.time()) < 3600
        assert daemon.ask() >= 2
        for plan in ("whole_rows", "frames"):
            question = Question(plan=plan, request=make_request("packets", None))  # type: ignore[arg-type]
            assert daemon.ask(written(Ask(version=2, questions=(question,)))) >= 1
        reader = daemon.client.do_get(fl.Ticket(written(Tail(version=2, every=0.1))))
        assert reader.read_chunk() is not None
        reader.cancel()
        status = dict(
            line.split(":\t", 1)
            for line in Path(f"/proc/{daemon.process.pid}/status").read_text().splitlines()
            if ":\t" in line
        )
        assert status["NoNewPrivs"].strip() == "1"
        assert {status[name].strip().strip("0") for name in ("CapPrm", "CapEff", "CapInh", "CapAmb")} == {""}
        assert set(status["Uid"].split()) != {"0"} or without_rights()[0]
        held = [os.readlink(fd) for fd in Path(f"/proc/{daemon.process.pid}/fd").iterdir()]  # noqa: PTH115
        assert not [path for path in held if path.endswith((".key", "_state/sensor=a/lock"))]
    assert all_files(place / "STORE") == before


def test_its_scans_yield_to_others_on_its_machine(place: Path) -> None:
    """As Linux says of each of its threads: the nineteenth field of stat, proc(5)."""
    with running(place) as daemon:
        daemon.ask()
        tasks = list(Path(f"/proc/{daemon.process.pid}/task").glob("*/stat"))
        nice = Counter(int(task.read_text().rpartition(")")[2].split()[16]) for task in tasks)
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert set(nice) == {own, max(own, SCANS)}
    assert nice[max(own, SCANS)] >= 3, "of each engine one besides who asks"


def test_it_ends_while_a_portal_listens_and_asks(place: Path) -> None:
    with running(place, running=1) as daemon, crowd(2) as threads:
        listening = threading.Event()

        def listen() -> None:
            with contextlib.suppress(pa.ArrowException):
                for _ in daemon.client.do_get(fl.Ticket(written(Tail(version=2, every=60)))):
                    listening.set()

        threads.go(listen)
        soon(listening)
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(DEADLINE) == 0
    assert any("stopped" in line for line in daemon.said)
