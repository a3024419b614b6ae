"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("internet-motion-sensor", "numpy", "numba", "pyarrow", "duckdb", "ibis-framework", "pyspark", "dpkt")
PROGRAMS = {
    "tcpdump": ["tcpdump", "--version"],
    # tracestats doesn't tell.
    "tracestats": ["dpkg-query", "--show", "--showformat", "${Version}", "libtrace-tools"],
    "p0f": ["p0f", "-h"],
    "argus": ["argus", "-h"],
    "zstd": ["zstd", "--version"],
}
"""how to ask each for its version"""


def describe() -> list[str]:
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())
    name = re.search(r'PRETTY_NAME="(.*)"', Path("/etc/os-release").read_text())
    return [
        f"{cpu.group(1) if cpu else platform.machine()}, {os.cpu_count()} cores, "
        f"{int(memory.group(1)) / 1048576 if memory else 0:.0f} GiB, "
        f"load {os.getloadavg()[0]:.1f} at the start",
        f"{name.group(1) if name else platform.system()}, Linux {platform.release()}, "
        f"Python {platform.python_version()}",
        ", ".join(f"{package} {installed(package)}" for package in PACKAGES),
        ", ".join(filter(None, (program_version(*item) for item in PROGRAMS.items()))),
    ]


def installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def program_version(program: str, command: list[str]) -> str:
    if not shutil.which(program):
        return f"{program} absent"
    if not shutil.which(command[0]):
        return program
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    number = re.search(r"\d+\.\d+[\w.]*", said.stdout + said.stderr)
    return f"{program} {number.group()}" if number else program
