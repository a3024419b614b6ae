"""A sensor in one network namespace, and real programs in another (ims.simulate.namespaces)."""

from __future__ import annotations

import ctypes
import json
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.flood import flood
from prometheus_client.parser import text_string_to_metric_families

from ims.simulate.namespaces import Namespaces
from ims.telescope import Telescope

from .. import forked
from ..stores import IMS

CONFIG = """
name = "a"
store = "{store}"
interfaces = ["{interface}"]
{arp}{limits}
{settings}
[[block]]
name = "C/24"
prefix = "198.51.100.0/24"
policy = {policy}
echo = true
"""
NO_LIMITS = 'reply_limit = "none"\nglobal_limit = "none"'
DEADLINE = 60
ROOT = Path(__file__).parents[2]


LOAD_HALF, LOAD_WORD, AND, JUMP_IF_EQUAL, RETURN = 0x28, 0x20, 0x54, 0x15, 0x06
PACKET_TYPE, PACKET_OUTGOING = 0xFFFFF004, 4  # linux/filter.h: SKF_AD_OFF + SKF_AD_PKTTYPE; linux/if_packet.h
SENT_TO_DARK = [
    (LOAD_WORD, 0, 0, PACKET_TYPE), (JUMP_IF_EQUAL, 0, 6, PACKET_OUTGOING),
    (LOAD_HALF, 0, 0, 12), (JUMP_IF_EQUAL, 0, 4, 0x0800),
    (LOAD_WORD, 0, 0, 30), (AND, 0, 0, 0xFFFFFF00), (JUMP_IF_EQUAL, 0, 1, 0xC6336400),
    (RETURN, 0, 0, 1), (RETURN, 0, 0, 0),
]  # fmt: skip
"""IPv4 to 198.51.100.0/24, as it leaves: what the books of a sensor must hold."""
SOL_PACKET, PACKET_STATISTICS, ETH_P_ALL, CLONE_NEWNET = 263, 6, 3, 0x40000000


def enter(namespace: str) -> None:
    """This thread alone."""
    with Path(f"/run/netns/{namespace}").open("rb") as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {namespace}")


class Counter:
    """Counts frames that leave an interface, by the kernel: a packet socket that nobody reads, whose statistics count
    what its filter took, with room for it or none. (Not what is sent past the queue, as benchmarks.flood does.)"""

    def __init__(self, namespace: str, interface: str = "eth0", program: Any = SENT_TO_DARK) -> None:
        self._count = 0
        with ThreadPoolExecutor(1) as pool:  # a thread that is in the namespace, and ends there
            self._socket = pool.submit(self._open, namespace, interface, program).result()

    @staticmethod
    def _open(namespace: str, interface: str, program: Sequence[tuple[int, int, int, int]]) -> socket.socket:
        enter(namespace)
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)  # takes nothing before it is bound
        code = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
        held = ctypes.create_string_buffer(code, len(code))
        attached = struct.pack("HP", len(program), ctypes.addressof(held))
        opened.setsockopt(socket.SOL_SOCKET, 26, attached)  # SO_ATTACH_FILTER
        opened.bind((interface, ETH_P_ALL))
        return opened

    @property
    def count(self) -> int:
        """Frames since it was made."""
        self._count += struct.unpack("II", self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[0]
        return self._count

    def close(self) -> None:
        self._socket.close()


class Lab(Namespaces):
    """The namespaces, and a folder that is open to every user, since the sensor becomes one. (Not below pytest's own,
    which every pytest that begins closes to others.)"""

    def __init__(self, via: str | None = None) -> None:
        super().__init__(via)
        self.folder = Path(tempfile.mkdtemp(prefix="ims-lab-"))
        self.folder.chmod(0o755)
        self.sensors: list[Sensor] = []

    def __enter__(self) -> Lab:
        super().__enter__()
        self.sent = Counter(self.peer)
        return self

    def __exit__(self, *error: object) -> None:
        for sensor in self.sensors:
            sensor.kill()
        if hasattr(self, "sent"):
            self.sent.close()
        super().__exit__(*error)
        shutil.rmtree(self.folder)

    def run(self, *words: str | Path, timeout: float = DEADLINE, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a program at the peer's end, to its end."""
        return subprocess.run(
            self.at_peer(*words), capture_output=True, text=True, timeout=timeout, check=False, **options
        )

    def start(self, *words: str | Path) -> subprocess.Popen[str]:
        """Start a program at the peer's end."""
        return subprocess.Popen(
            self.at_peer(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
        )

    def metric(self, name: str) -> float:
        """The sum of a metric's samples, of a sensor that serves them at 127.0.0.1:9477."""
        words = self.at_machine("curl", "-s", "http://127.0.0.1:9477/metrics")
        said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        families = text_string_to_metric_families(said)
        return sum(each.value for family in families for each in family.samples if each.name == name)

    def flood_words(self, kind: str, packets: int, rate: float | None = None, seed: int = 1) -> list[str]:
        """A command line that sends so many synthetic packets to the dark addresses (benchmarks/flood.py)."""
        words = [sys.executable, "-m", "benchmarks.flood", kind, "eth0", self.mac()]
        words += ["--packets", str(packets), "--seed", str(seed)]
        return words if rate is None else [*words, "--rate", str(rate)]

    def flood(self, kind: str, packets: int, rate: float | None = None, seed: int = 1) -> None:
        """Send so many synthetic packets to the dark addresses, and wait until they have left."""

        def send() -> float:
            enter(self.peer)
            return flood(kind, "eth0", self.mac(), packets, rate, seed)["sent"]

        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(send).result() == packets

    def sensor(
        self, policy: str = '"ack"', settings: str = "", store: str = "STORE", wait: bool = True,
        limits: str = NO_LIMITS, interface: str = "eth0", before: Sequence[str] = (),
    ) -> Sensor:  # fmt: skip
        """Start a sensor and wait until it watches."""
        path = self.folder / store
        config = self.folder / f"{path.name}.toml"
        arp = "" if "arp =" in settings else "arp = true\n"
        config.write_text(
            CONFIG.format(store=path, policy=policy, settings=settings, limits=limits, interface=interface, arp=arp)
        )
        started = Sensor(self, config, path, before)
        self.sensors.append(started)
        if wait:
            started.wait_for("watching")
        return started


class Sensor:
    """A running `ims sensor`, forked (forked.py) but where other words stand `before` it."""

    process: subprocess.Popen[str] | forked.Daemon

    def __init__(self, lab: Lab, config: Path, store: Path, before: Sequence[str] = ()) -> None:
        self.lab, self.config, self.store = lab, config, store
        words = ("sensor", "--config", str(config))
        if before:
            command = lab.at_machine(*before, IMS, *words)
            self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        else:
            self.process = forked.Daemon(words, lab.machine)
        self.said: list[str] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._news:
                self.said.append(line)
                self._news.notify_all()
        self.process.stderr.close()
        with self._news:
            self.said.append("")
            self._news.notify_all()

    def wait_for(self, words: str, seconds: float = 300) -> str:
        """Wait until it has said something."""

        def found() -> str | None:
            return next((line for line in self.said if words in line), None)

        with self._news:
            done = self._news.wait_for(lambda: found() is not None or "" in self.said, seconds)
        line = found()
        assert done and line is not None, "".join(self.said)
        return line

    @property
    def lost(self) -> int:
        """Packets lost, as the store's coverage says."""
        return sum(row["frames_lost"] for row in self.answer("coverage"))

    def wait_for_books(self, sent: int, expression: str = "", seconds: float = DEADLINE) -> tuple[int, int]:
        """Wait until what was sent is stored or counted as lost, all of it; returns (stored, lost)."""
        end = time.monotonic() + seconds
        while (found := (self.count(expression), self.lost)) and sum(found) < sent:
            assert time.monotonic() < end, f"{found} of {sent}: {''.join(self.said)}"
            assert self.process.poll() is None, "".join(self.said)
        assert sum(found) == sent, found
        return found

    def balance(self, seconds: float = DEADLINE, expression: str | None = None) -> tuple[int, int, int]:
        """Wait until every packet that the peer has sent to the dark addresses is stored or counted as lost, none
        more; returns (sent, stored, lost). The peer's kernel may go on sending what a client left behind. `expression`:
        takes the packets to 198.51.100.0/24, where there are others."""
        end = time.monotonic() + seconds
        while True:
            before = self.lab.sent.count
            with Telescope(self.store) as telescope:
                stored = telescope.count(expression).rows()[0]["packets"]
                lost = sum(row["frames_lost"] for row in telescope.coverage().rows())
            if before == stored + lost == self.lab.sent.count:
                return before, stored, lost
            assert time.monotonic() < end, f"sent {before}, stored {stored}, lost {lost}: {''.join(self.said)}"
            assert self.process.poll() is None, "".join(self.said)
            time.sleep(0.1)

    def count(self, expression: str = "") -> int:
        """Packets stored that a filter chooses."""
        words = [
            forked.ims(),
            "query",
            "count",
            *([expression] if expression else []),
            "--store",
            self.store,
            "--format",
            "json",
        ]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        return int(json.loads(done.stdout)["packets"]) if done.returncode == 0 else 0

    def wait_for_packets(self, count: int, expression: str = "", seconds: float = DEADLINE) -> int:
        """Wait until so many are stored; returns how many there are."""
        end = time.monotonic() + seconds
        while (found := self.count(expression)) < count:
            assert time.monotonic() < end, f"{found} of {count} packets {expression}: {''.join(self.said)}"
            assert self.process.poll() is None, "".join(self.said)
        return found

    def answer(self, *words: str) -> Any:
        """What `ims query` says, as JSON."""
        done = subprocess.run(
            [forked.ims(), "query", *words, "--store", self.store, "--format", "json"],
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)

    @property
    def pid(self) -> int:
        """Of `ims` itself: `ip netns exec` becomes it."""
        return self.process.pid

    def stop(self) -> int:
        """End it as systemd would; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        return code

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
