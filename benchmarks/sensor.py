"""A live sensor beside the kernel that answers SYNs itself, and beside tcpdump: what a packet costs, what is lost, how
long an answer takes, how much memory there is.

Everything happens in two namespaces with a wire between them. The sender has a core of its own, and so has what
is measured. A wire of Linux makes the one who sends do the receiver's work in the kernel, so two costs are given: the
processor time of the process alone, and that of the whole machine above what the sender alone takes.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.table import VERDICT_HEAD, table, verdict
from ims.simulate.namespaces import DARK, Namespaces, ip, may_make_namespaces

IMS = Path(sys.executable).parent / "ims"
ROOT = Path(__file__).parents[1]
TICKS = os.sysconf("SC_CLK_TCK")
MIB = 1 << 20
SENDER, MEASURED = "0", "1"
"""Cores."""
STOPS: list[float] = []
"""Seconds from SIGTERM to the end, of all sensors."""
NOBODY = "02:00:00:00:00:99"
CONFIG = """
name = "bench"
store = "{store}"
interfaces = ["eth0"]
reply_limit = "none"
global_limit = "none"
[[block]]
name = "C/24"
prefix = "198.51.100.0/24"
policy = "{policy}"
"""


@dataclass
class Side:
    """One of those that are compared: medians of its runs."""

    name: str
    does: str
    mpps: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    lost: list[float] = field(default_factory=list)
    process_ns: list[float] = field(default_factory=list)
    machine_ns: list[float] = field(default_factory=list)
    peak: int = 0

    def row(self, alone: float) -> list[str]:
        own = statistics.median(self.process_ns)
        return [
            self.name, self.does, f"{statistics.median(self.mpps):.2f}",
            f"{100 * statistics.median(self.answered):.2f} %",
            f"{100 * statistics.median(self.lost):.2f} %", f"{own:,.0f}" if own else "-",
            f"{statistics.median(self.machine_ns) - alone:,.0f}",
        ]  # fmt: skip


def busy_seconds() -> float:
    """Processor time of the whole machine so far, idle time and waiting left out."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    return (sum(map(int, fields[:8])) - int(fields[3]) - int(fields[4])) / TICKS


def cpu_seconds(pid: int | None) -> float:
    if pid is None:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident(pid: int, name: str = "VmRSS") -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) * 1024


def flood(net: Namespaces, kind: str, packets: int, *more: str, core: str = SENDER) -> list[str]:
    words = ["taskset", "-c", core, sys.executable, "-m", "benchmarks.flood", kind, "eth0", net.mac()]
    return net.at_peer(*words, "--packets", str(packets), *more)


@contextmanager
def sensor(net: Namespaces, folder: Path, policy: str) -> Iterator[tuple[int, Path]]:
    """A running sensor on its core; gives its process and its store."""
    store = folder / f"store-{time.monotonic_ns()}"
    config = folder / "sensor.toml"
    config.write_text(CONFIG.format(store=store, policy=policy))
    command = net.at_machine("taskset", "-c", MEASURED, IMS, "sensor", "--config", config)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if '"watching"' in line:
                break
        else:
            raise RuntimeError("the sensor didn't start")
        try:
            yield process.pid, store
        finally:
            begin = time.monotonic()
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.stderr.read()
            process.wait()
            STOPS.append(time.monotonic() - begin)


@contextmanager
def tcpdump(net: Namespaces, folder: Path) -> Iterator[int]:
    file = folder / "tcpdump.pcap"
    words = [
        "taskset",
        "-c",
        MEASURED,
        "tcpdump",
        "-i",
        "eth0",
        "-B",
        "65536",
        "-w",
        file,
        "-Z",
        "root",
        "dst",
        "net",
        DARK,
    ]
    with subprocess.Popen(net.at_machine(*words), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        process.stderr.readline()
        try:
            yield process.pid
        finally:
            process.send_signal(signal.SIGINT)
            process.stderr.read()
            file.unlink()


@contextmanager
def syn_cookies(net: Namespaces) -> Iterator[None]:
    """The kernel itself answers for all dark addresses, at port 80."""
    at = f"-n {net.machine}"
    listen = "import socket; s = socket.create_server(('', 80), backlog=4096); print('ready', flush=True); s.accept()"
    subprocess.run(net.at_machine("sysctl", "-qw", "net.ipv4.tcp_syncookies=2"), check=True)
    ip(f"{at} route add local {DARK} dev lo")
    ip(f"{at} neigh replace 198.18.0.1 lladdr {NOBODY} dev eth0 nud permanent")
    ip(f"{at} route replace 198.18.0.0/15 via 198.18.0.1 dev eth0 onlink")
    with subprocess.Popen(net.at_machine(sys.executable, "-c", listen), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield None
        finally:
            process.kill()
            ip(f"{at} route del local {DARK} dev lo")
            ip(f"{at} route replace 198.18.0.0/15 dev eth0")
            ip(f"{at} neigh del 198.18.0.1 dev eth0")


def send(net: Namespaces, side: Side, pid: int | None, packets: int) -> int:
    """Send SYNs to port 80 while a side is at work; notes what that took. Returns how many were sent."""
    busy, own, received = busy_seconds(), cpu_seconds(pid), net.received()
    done = subprocess.run(
        flood(net, "syn", packets, "--port", "80"), capture_output=True, text=True, check=True, cwd=ROOT
    )
    said = json.loads(done.stdout)
    time.sleep(1.0)  # what is in a ring still counts
    sent = said["sent"]
    side.mpps.append(sent / said["seconds"] / 1e6)
    side.answered.append(min(1.0, (net.received() - received) / sent))
    side.process_ns.append(1e9 * (cpu_seconds(pid) - own) / sent)
    side.machine_ns.append(1e9 * (busy_seconds() - busy) / sent)
    return int(sent)


def stored(store: Path) -> tuple[int, int]:
    """(packets stored, packets lost) as the store says."""

    def ask(*words: str) -> str:
        command = [str(IMS), "query", *words, "--store", str(store), "--format", "json"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    return json.loads(ask("count"))["packets"], sum(row["frames_lost"] for row in json.loads(ask("coverage")))


def rates(folder: Path, packets: int, runs: int) -> tuple[list[Side], float]:
    sides = [
        Side("nobody", "the sender alone"),
        Side("the kernel", "answers with SYN cookies, stores nothing"),
        Side("tcpdump -w", "stores, answers nothing"),
        Side("ims, silent", "signs, stores, answers nothing"),
        Side("ims", "answers, signs, stores"),
    ]
    with Namespaces() as net:
        send(net, Side("warm", "compiles what sends"), None, 1000)
        for _ in range(runs):
            nobody, kernel, dump, silent, whole = sides
            send(net, nobody, None, packets)
            nobody.lost.append(0)
            with syn_cookies(net):
                send(net, kernel, None, packets)
                kernel.lost.append(0)
            with tcpdump(net, folder) as pid:
                send(net, dump, pid, packets)
                dump.lost.append(0)
            for side, policy in ((silent, "silent"), (whole, "ack")):
                with sensor(net, folder, policy) as (pid, store):
                    sent = send(net, side, pid, packets)
                    side.peak = max(side.peak, resident(pid, "VmHWM"))
                kept, lost = stored(store)
                if kept + lost != sent:
                    raise RuntimeError(f"{kept:,} stored and {lost:,} lost of {sent:,} sent")
                side.lost.append(lost / sent)
                subprocess.run(["rm", "-r", store], check=True)
    return sides, statistics.median(sides[0].machine_ns)


def latency(folder: Path, count: int) -> list[float]:
    with Namespaces() as net, sensor(net, folder, "ack"):
        words = [sys.executable, "-m", "benchmarks.latency", "eth0", net.mac(), str(count)]
        done = subprocess.run(net.at_peer(*words), capture_output=True, text=True, check=True, cwd=ROOT)
    said = json.loads(done.stdout)
    if said["unanswered"]:
        raise RuntimeError(f"{said['unanswered']} of {count} SYNs were not answered")
    return sorted(said["milliseconds"])


def visibility(folder: Path, count: int) -> list[float]:
    """Seconds from a packet's arrival until an open telescope counts it."""
    from ims.telescope import Telescope

    taken = []
    with Namespaces() as net, sensor(net, folder, "ack") as (_, store):
        for number in range(1, count + 1):
            begin = time.monotonic()
            subprocess.run(flood(net, "syn", 1), stdout=subprocess.DEVNULL, check=True, cwd=ROOT)
            with Telescope(store) as telescope:
                while telescope.count().rows()[0]["packets"] < number:
                    pass
            taken.append(time.monotonic() - begin)
    return sorted(taken)


def killed(folder: Path, packets: int) -> float:
    """Seconds of packets that are missing after `kill -9` under load."""
    from ims.telescope import Telescope

    with Namespaces() as net, sensor(net, folder, "ack") as (pid, store):
        command = flood(net, "syn", packets, "--rate", str(packets / 5))
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=ROOT):
            time.sleep(4.0)
            os.kill(pid, signal.SIGKILL)
            moment = time.time()
    with Telescope(store) as telescope:
        return moment - telescope.count().rows()[0]["last"].timestamp()


@dataclass
class Soak:
    sent: int
    stored: int
    lost: int
    seconds: float
    memory: list[int]


def soak(folder: Path, packets: int) -> Soak:
    """An hour's packets at once: SYNs from everywhere, payloads that are all different, fragments that stay such."""
    shares = {"syn": 0.6, "payload": 0.3, "fragment": 0.1}
    with Namespaces() as net:
        with sensor(net, folder, "ack") as (pid, store):
            begin = time.monotonic()
            senders = [
                subprocess.Popen(
                    flood(net, kind, int(share * packets), "--rate", str(share * 120_000)),
                    stdout=subprocess.DEVNULL, cwd=ROOT,
                )
                for kind, share in shares.items()
            ]  # fmt: skip
            memory = []
            while any(sender.poll() is None for sender in senders):
                memory.append(resident(pid))
                time.sleep(1.0)
            seconds = time.monotonic() - begin
            time.sleep(1.0)
        kept, lost = stored(store)
        subprocess.run(["rm", "-r", store], check=True)
    return Soak(sum(int(share * packets) for share in shares.values()), kept, lost, seconds, memory)


def measure(folder: Path, packets: int, quick: bool) -> str:
    """Everything, as Markdown. Raises RuntimeError where namespaces can't be made or the books don't add up."""
    if not may_make_namespaces():
        return "The live sensor is measured only as root, with iproute2: it wants network namespaces."
    sides, alone = rates(folder, packets, 1 if quick else 3)
    kernel, silent, whole = sides[1], sides[3], sides[4]
    times = latency(folder, 200 if quick else 1000)
    visible = visibility(folder, 5 if quick else 20)
    missing = [killed(folder, 500_000) for _ in range(1 if quick else 3)]
    soaked = soak(folder, 600_000 if quick else 3_600_000)
    half = len(soaked.memory) // 2
    grown = statistics.median(soaked.memory[half:]) / statistics.median(soaked.memory[half // 2 : half] or [1])
    own = statistics.median(whole.process_ns)
    machine = statistics.median(whole.machine_ns) - alone
    return "\n\n".join([
        f"## A live sensor\n\n{packets:,} SYNs from 131,072 sources, as fast as one core sends them through veth.",
        table(["", "", "Mpps sent", "answered", "lost", "process, ns/packet", "machine above sender, ns/packet"],
              [side.row(alone) for side in sides]),
        table(VERDICT_HEAD, [
            verdict("answered at the sender's rate", 100 * statistics.median(whole.answered), ">=", 100, " %"),
            verdict("lost in the kernel or before the store", 100 * max(whole.lost), "<=", 0, " %"),
            verdict("SYN to SYN-ACK at idle, median", statistics.median(times), "<", 2, " ms"),
            verdict("SYN to SYN-ACK at idle, 99th percentile", times[int(0.99 * len(times))], "<", 20, " ms"),
            verdict("visible to a query, its sender's start included, worst", visible[-1], "<", 2, " s"),
            verdict("missing after kill -9 under load, worst", max(missing), "<=", 1, " s"),
            verdict("from SIGTERM to the end, everything stored, worst", max(STOPS), "<", 2, " s"),
            verdict("peak resident memory under load", max(whole.peak, silent.peak) / MIB, "<", 700, " MiB"),
            verdict("peak resident memory in the soak", max(soaked.memory) / MIB, "<", 700, " MiB"),
        ]),
        f"A packet costs the sensor {own / statistics.median(sides[2].process_ns):.1f} times what it costs tcpdump -w, "
        f"and the machine {machine / (statistics.median(kernel.machine_ns) - alone):.1f} times what SYN cookies cost.",
        f"Soak: {soaked.sent:,} packets (an hour at 1,000 a second), 60 % SYNs, 30 % payloads that are all different, "
        f"10 % fragments, in {soaked.seconds:.0f} s: {soaked.stored:,} stored, {soaked.lost:,} lost and counted; "
        f"memory at the end {grown:.2f} times that of the second quarter.",
    ])  # fmt: skip
