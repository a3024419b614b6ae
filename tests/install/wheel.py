"""Wheels made on the spot, and what builds such a one from `src`: the backend of a small stand-in for the project."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import Any


def write_wheel(folder: Path | str, name: str, version: str, files: dict[str, bytes], script: str = "") -> Path:
    """A wheel of these files; `script`, `COMMAND = MODULE:FUNCTION`, is put on PATH."""
    about = f"{name}-{version}.dist-info"
    whole = files | {
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{about}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/entry_points.txt": f"[console_scripts]\n{script}\n".encode(),
    }
    record = "".join(f"{path},,\n" for path in (*whole, f"{about}/RECORD"))
    wheel = Path(folder) / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, octets in (whole | {f"{about}/RECORD": record.encode()}).items():
            archive.writestr(path, octets)
    return wheel


def locked(wheel: Path) -> str:
    """The wheel's line in a lock."""
    name, version = wheel.name.split("-")[:2]
    return f"{name}=={version} \\\n    --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


def build_wheel(wheel_directory: str, config_settings: Any = None, metadata_directory: Any = None) -> str:
    """PEP 517: `src` is the package ims, and VERSION its version."""
    files = {str(path.relative_to("src")): path.read_bytes() for path in Path("src").rglob("*.py")}
    return write_wheel(wheel_directory, "ims", Path("VERSION").read_text().strip(), files, "ims = ims:main").name
