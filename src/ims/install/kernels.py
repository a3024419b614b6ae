"""Compiles all kernels that services run into the system's folder: `python -m ims.install.kernels /var/cache/ims`.

Only root may write there: kernels are code that runs in every user's processes. Anything that others could have written
is removed first: earlier versions gave the folder to the sensor's user. When all kernels of these sources are there,
they become readable by others, and those of other sources are removed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from ims.cause import cause
from ims.kernel_folder import refusal_of
from ims.process import warm_up

FRAME = bytes.fromhex("020000000001020000000002080045000014000000004011f96bc0000201c6336401") + bytes(26)
"""An Ethernet frame: only an IPv4 header, padded to 60 octets."""
PCAPNG = (
    struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
    + struct.pack("<IIHHII", 1, 20, 1, 0, 0, 20)
    + struct.pack("<IIIIIII", 6, 32 + len(FRAME), 0, 0, 0, len(FRAME), len(FRAME))
    + FRAME
    + struct.pack("<I", 32 + len(FRAME))
)
SOME_DAY = 1_772_582_400
ERF = struct.pack("<QBB", SOME_DAY << 32, 2, 4) + struct.pack(">HHH", 18 + len(FRAME), 0, len(FRAME)) + bytes(2) + FRAME
PARTS = ("load_stages", "load_rest")
AGAIN = (sys.executable, "-m", "ims.install.kernels")
"""A child process: the folder of kernels must be known when they are imported."""


def load_stages() -> None:
    """What reads, decodes, signs and stores."""
    warm_up.compile_all("stages")


def load_rest() -> None:
    """What answers packets and questions, and what reads and writes captures of other formats."""
    from ims.capture.afpacket import Ring, interface

    warm_up.compile_all("replies", "answers", "scans")
    with contextlib.suppress(PermissionError):  # a container whose root has no CAP_NET_RAW, nor will a sensor there
        Ring(interface("lo"), 1).close()
    with tempfile.TemporaryDirectory(prefix="ims-") as folder:
        read_and_write(Path(folder))


def read_and_write(folder: Path) -> None:
    """Store captures of all formats, and export them; run queries whose kernels take writable or read-only arrays."""
    import ims
    from ims.darknet import Block, Darknet
    from ims.sensor.ingest import Ingest

    (folder / "a.pcapng").write_bytes(PCAPNG)
    (folder / "b.erf").write_bytes(ERF)
    ingest = Ingest(folder / "store", "warm", Darknet([Block.parse("all=0.0.0.0/0")]))
    ingest.run([str(folder / "a.pcapng"), str(folder / "b.erf")])
    with ims.open(folder / "store") as telescope:
        telescope.export(folder / "out.pcap")
        for metric in ("sources", "destinations", "payloads"):
            telescope.series(metric=metric)
            telescope.top("destination_port", metric=metric)
        for ask in (telescope.count, telescope.sources, telescope.payloads, telescope.cache, telescope.packets):
            ask()


def prepare(folder: Path) -> None:
    """Make the folder writable only by root. Raises OSError, PermissionError if a folder above it isn't root's."""
    folder.mkdir(parents=True, exist_ok=True)
    refusal = refusal_of(folder)
    if refusal is not None:
        if folder.is_symlink() or (refusal := refusal_of(folder.parent)) is not None:
            raise PermissionError(refusal)
        os.chown(folder, 0, 0, follow_symlinks=False)
        folder.chmod(0o755)
        for entry in folder.iterdir():
            remove(entry)
    folder.chmod(0o755)


def remove(entry: Path) -> None:
    """Remove a file or a folder with what is in it."""
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    else:
        entry.unlink()


def compile_all(folder: Path) -> Path:
    """Compile into `folder` what isn't there yet, on two cores. Returns the folder below it of these sources. Raises
    ValueError with a child's error."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    environment["IMS_CACHE_DIR"] = str(folder)
    children = [
        subprocess.Popen([*AGAIN, part, folder], env=environment, stderr=subprocess.PIPE, text=True) for part in PARTS
    ]
    for child, text in [(child, child.communicate()[1]) for child in children]:
        if child.returncode:
            raise ValueError(text.strip().rpartition("\n")[2] or f"it ended with status {child.returncode}")
    words = [*AGAIN, "named", str(folder)]
    named = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    if named.returncode:
        raise ValueError(named.stderr.strip().rpartition("\n")[2])
    compiled = Path(named.stdout.strip())
    if compiled.parent != folder or not compiled.is_dir():  # else `publish` would tidy up elsewhere
        raise OSError(f"nothing could be written to {folder}; is its disk full?")
    return compiled


def named() -> None:
    """Print the folder of these sources."""
    from ims import kernels

    print(kernels.cache_folder())


def publish(compiled: Path) -> None:
    """Make it readable by others, and remove what was compiled from other sources."""
    for path, _, files in os.walk(compiled, topdown=False):
        for name in files:
            Path(path, name).chmod(0o644)
        Path(path).chmod(0o755)
    for entry in compiled.parent.iterdir():
        if entry != compiled:
            remove(entry)


def main() -> int:
    """Do it; 2 and one line if it fails."""
    *part, folder = sys.argv[1:]
    os.umask(0o022)
    try:
        if part:
            {"load_stages": load_stages, "load_rest": load_rest, "named": named}[part[0]]()
        else:
            prepare(Path(folder))
            publish(compile_all(Path(folder)))
    except (OSError, ValueError) as error:
        print(cause(error) if part else f"install: {cause(error)}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
