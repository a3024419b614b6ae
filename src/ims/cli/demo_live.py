"""The live part of `ims demo`: as root, a sensor in a network namespace that real programs probe; else a replay."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ims.cli.demo_process import IMS, complaint, line, show, typed
from ims.full_disk import naming
from ims.simulate.namespaces import PEER, Namespaces, may_make_namespaces
from ims.text import quantity

CONFIG = """
name = "live"
store = "{store}"
interfaces = ["eth0"]
arp = true
reply_limit = "none"
global_limit = "none"

[[block]]
name = "C/24"
prefix = "198.51.100.0/24"
policy = "ack"
"""

OWN_CLIENT = """\
import socket; s = socket.create_connection(('198.51.100.10', 23), 2); s.send(b'enable\\nsystem\\nshell\\n')"""
PROBES: Sequence[tuple[str, Sequence[str]]] = (
    ("curl", ["curl", "-s", "-m", "1", "http://198.51.100.7/index.html"]),
    ("ssh", ["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=1", "-o", "StrictHostKeyChecking=no", "198.51.100.8"]),
    ("nmap", ["nmap", "-sS", "-n", "-Pn", "-p-", "-T4", "--min-rate", "20000", "--open", "-oG", "-", "198.51.100.9"]),
    ("python3", [sys.executable, "-c", OWN_CLIENT]),
)


def live_demo(say: Callable[[str], None], scenario: Path, kept: Path) -> None:
    """As root: start a sensor, probe it with real programs, play a scenario, and query its store, moved to `kept`."""
    folder = Path(tempfile.mkdtemp(prefix="ims-demo-"))
    folder.chmod(0o755)  # the sensor becomes an ordinary user
    store = folder / "store"
    try:
        with Namespaces() as net, _sensor(net, folder, store):
            say("Real programs in another namespace now ask dark addresses, where nothing is:")
            for program, words in PROBES:
                if shutil.which(words[0]) is not None:
                    shown = shlex.join([program, *words[1:]]) if program != "python3" else "python3: a telnet login"
                    print(f"  {shown}", flush=True)
                    _probe(net, words)
            _play(say, net, scenario)
        _keep(store, kept)
        for question, words in (
            ("Each program got its SYN-ACK and sent its request. What they sent first:",
             ["payloads", f"verified and src host {PEER}", "--limit", "5"]),
            ("The worm of the scenario, connection by connection, as far as it spoke:",
             ["count", "verified and tcp dst port 4321 and payload"]),
            ("What the sensor watched, and that nothing was lost:", ["coverage"]),
            ("SYNs, each of them answered, and nothing kept of it but the packet:",
             ["count", "tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn"]),
        ):  # fmt: skip
            say(f"{question}\n{typed('query', *words, '--store', kept)}")
            show("query", *words, "--store", kept)
    finally:
        shutil.rmtree(folder)


def _keep(store: Path, kept: Path) -> None:
    """Move the sensor's store to the demo's folder, and give it to that folder's owner."""
    with naming(kept):
        shutil.move(store, kept)
    owner = kept.parent.stat()
    for place, folders, files in os.walk(kept):
        for name in (".", *folders, *files):
            os.chown(Path(place, name), owner.st_uid, owner.st_gid, follow_symlinks=False)


def left_out(folder: Path) -> list[str]:
    """What this run couldn't show, and how to see it."""
    live = "a live sensor{}, which answers real programs and the worm."
    if os.geteuid() != 0:
        again = line("demo", "--folder", folder)
        return [f"Left out, for only root may: {live.format(' in a network namespace')} As root:\n  {again}"]
    if not may_be_live():
        namespaces = "network namespaces can't be made here (`ip netns add`, of the package iproute2, fails)"
        return [f"Left out, for {namespaces}: {live.format('')}"]
    missing = [words[0] for _, words in PROBES if shutil.which(words[0]) is None]
    return [f"Left out, for they aren't installed: probes with {', '.join(missing)}."] if missing else []


def _play(say: Callable[[str], None], net: Namespaces, scenario: Path) -> None:
    words = ["simulate", str(scenario), "--interface", "eth0", "--speed", "0", "--seed", "2"]
    say(f"And there a day like the first, as fast as it goes: who gets a SYN-ACK goes on.\n  ims {shlex.join(words)}")
    done = subprocess.run(net.at_peer(*IMS, *words), capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"ims simulate failed: {complaint(done.stderr, done.returncode)}")
    print(f"  {(done.stdout.splitlines() or [''])[-1]}", flush=True)


def _probe(net: Namespaces, words: Sequence[str]) -> None:
    try:
        done = subprocess.run(
            net.at_peer(*words), capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        return
    if words[0] == "nmap":
        print(f"    {quantity(done.stdout.count('/open/tcp/'), 'port')} open", flush=True)


@contextmanager
def _sensor(net: Namespaces, folder: Path, store: Path) -> Iterator[None]:
    config = folder / "sensor.toml"
    with naming(config):
        config.write_text(CONFIG.format(store=store))
    words = net.at_machine(*IMS, "sensor", "--config", config)
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        log = [""]
        try:
            while "watching" not in log[-1]:
                log.append(process.stderr.readline())
                if not log[-1]:
                    raise OSError(f"ims sensor didn't start: {complaint(''.join(log), process.wait())}")
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.stderr.read()


def replay_demo(say: Callable[[str], None], capture: Path, store: Path) -> None:
    """As any user: replay the capture through the live code at full speed; replies are made but not sent."""
    words = ["sensor", "--replay", str(capture), "--speed", "0", "--store", str(store), "--sensor", "live"]
    words += ["--block", "C/24=198.51.100.0/24", "--reply-limit", "none"]
    say(f"The live sensor on the same capture; its replies go nowhere:\n{typed(*words)}")
    done = subprocess.run([*IMS, *words], stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise OSError(f"ims sensor failed: {complaint(done.stderr, done.returncode)}")
    print((done.stderr.splitlines() or [""])[-1], flush=True)


def may_be_live() -> bool:
    """Whether this is root on a machine with namespaces."""
    return os.geteuid() == 0 and may_make_namespaces()
