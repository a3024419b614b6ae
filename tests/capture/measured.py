"""Read a capture in a process of its own and say what came and what it took: `python -m tests.capture.measured PATH`."""

import contextlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO

from ims.capture.open import open_source
from tests.capture.writers import RAW, Packet, enhanced, interface, pcap, section


def peak(reset: bool = False) -> int:
    """The most memory, in octets, that this process has held (since it was last reset)."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def read_through(path: str | Path) -> dict[str, object]:
    """Count the packets of a file without keeping them."""
    count, warnings, error = 0, [], None
    try:
        with contextlib.closing(open_source(path)) as source:
            for frames in source:
                count += frames.count
            warnings = source.warnings
    except ValueError as problem:
        error = str(problem)
    return {"packets": count, "warnings": warnings, "error": error}


def measured(path: str | Path, stdin: BinaryIO | None = None) -> dict[str, object]:
    """What `read_through` says of a file, and `grown`: by how many octets the process grew meanwhile."""
    command = [sys.executable, "-W", "error", "-m", "tests.capture.measured", str(path)]
    folder = Path(__file__).parents[2]
    run = subprocess.run(command, cwd=folder, stdin=stdin, capture_output=True, text=True, check=True)
    return dict(json.loads(run.stdout))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:  # kernels load and compile before anything is measured
        for octets in (pcap([Packet(0, RAW, b"", 0)]), section() + interface() + enhanced(0, 0, b"")):
            first = Path(folder) / "first"
            first.write_bytes(octets)
            read_through(first)
    before = peak(reset=True)
    told = read_through(sys.argv[1])
    print(json.dumps(told | {"grown": peak() - before}))


if __name__ == "__main__":
    main()
