"""Runs a command line that reads a live interface or a watched folder, in a network namespace of its own.

    python -m tests.cli.live pipe|watch|sensor|doctor LINE

Run under `unshare`: the namespace has one interface, eth0, whose other end this program sends packets into, and a
/var that nobody else sees. It ends the line with Ctrl-C when all packets are in the store STORE.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKETS = 40
CONFIG = """
name = "a"
store = "STORE"
interfaces = ["eth0"]

[[block]]
name = "C/24"
prefix = "198.51.100.0/24"
"""
DEADLINE = 120


def frames(capture: Path) -> list[bytes]:
    """The first frames of a pcap."""
    octets, at, found = capture.read_bytes(), 24, []
    while len(found) < PACKETS:
        captured = int.from_bytes(octets[at + 8 : at + 12], "little")
        found.append(octets[at + 16 : at + 16 + captured])
        at += 16 + captured
    return found


def stored() -> int:
    done = subprocess.run(
        ["ims", "query", "count", "--store", "STORE", "--format", "json"], capture_output=True, text=True, check=False
    )
    return int(json.loads(done.stdout)["packets"]) if done.returncode == 0 else 0


def empty_var() -> None:
    """An empty /var of our own; but for the checkout and the folder we are in, where they are below it."""
    kept = [folder for folder in (ROOT, Path.cwd()) if folder.is_relative_to("/var")]
    whole = Path(tempfile.mkdtemp(prefix="ims-var-", dir="/tmp"))
    subprocess.run(["mount", "--rbind", "/var", whole], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", "/var"], check=True)
    for folder in kept:
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "--bind", whole / folder.relative_to("/var"), folder], check=True)
    subprocess.run(["umount", "-l", whole], check=True)
    whole.rmdir()


def main(kind: str, line: str) -> int:
    for command in (
        "ip link add eth0 type veth peer name peer",
        "ip link set eth0 up",
        "ip link set peer up",
    ):
        subprocess.run(command.split(), check=True)
    empty_var()
    folder = Path("/var/captures")
    folder.mkdir()
    Path("/var").chmod(0o755)
    if kind in ("sensor", "doctor"):  # which becomes a user to whom this folder is closed
        shutil.copy("dark.pcap", "/var/dark.pcap")
        os.chdir("/var")
        Path("sensor.toml").write_text(CONFIG)
    if kind == "doctor":
        done = subprocess.run(["bash", "-c", line], check=False)
        print(0)  # packets
        return done.returncode
    with subprocess.Popen(["bash", "-c", line], stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stderr is not None
        if kind != "watch":
            said = ""
            while "listening on eth0" not in said and '"watching"' not in said:
                said = process.stderr.readline()
                assert said, "it ended before it listened"
            with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
                wire.bind(("peer", 0))
                for frame in frames(Path("dark.pcap")):
                    wire.send(frame)
            wanted = PACKETS
        else:
            shutil.copy("dark.pcap", folder / ".aside")
            (folder / ".aside").rename(folder / "0001.pcap")
            wanted = 3000
        begun = time.monotonic()
        while stored() < wanted:
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < begun + DEADLINE, f"{stored()} of {wanted} packets"
        os.killpg(process.pid, signal.SIGINT)
        error = process.stderr.read()
    assert "Traceback" not in error, error
    print(stored())
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
