"""Compiles all kernels that services run into the system's folder: `python -m ims.install.kernels /var/cache/ims`.

Root's: what is loaded from there runs as code, in every user's processes. Whatever is in the folder that root alone
hasn't written is removed first: earlier versions gave it to the sensor's user. The kernels of these sources become
readable by others when all are there; those of other sources are removed then.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from ims.kernel_cache import refusal_of

STAGES = "from ims.sensor.daemon import load_stage_kernels; load_stage_kernels()"
REST = """
from ims.sensor.daemon import load_answering_kernels
from ims.queryd.daemon import warm_up
from ims.portal.daemon import load_scanning_kernels
load_answering_kernels()
warm_up()
load_scanning_kernels()
"""
NAMED = "from ims.kernels import cache_folder; print(cache_folder())"


def prepare(folder: Path) -> None:
    """Make the folder root's alone. Raises OSError, PermissionError where a folder above it isn't root's."""
    folder.mkdir(parents=True, exist_ok=True)
    if refusal_of(folder) is not None:
        if folder.is_symlink() or (refusal := refusal_of(folder.parent)) is not None:
            raise PermissionError(refusal_of(folder) if folder.is_symlink() else refusal)
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
    """Compile into `folder` what isn't there yet, on two cores. Returns where: below it, for these sources. Raises
    ValueError with what a child said."""
    environment = os.environ | {"IMS_CACHE_DIR": str(folder)}
    children = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE, text=True)
        for code in (STAGES, REST)
    ]
    said = [child.communicate()[1] for child in children]
    for child, text in zip(children, said, strict=True):
        if child.returncode:
            raise ValueError(text.strip().rpartition("\n")[2] or f"it ended with status {child.returncode}")
    named = subprocess.run([sys.executable, "-c", NAMED], env=environment, capture_output=True, text=True, check=True)
    return Path(named.stdout.strip())


def publish(compiled: Path) -> None:
    """Have others read it, and remove what was compiled from other sources."""
    for path, _, files in os.walk(compiled, topdown=False):
        for name in files:
            (Path(path) / name).chmod(0o644)
        Path(path).chmod(0o755)
    for entry in compiled.parent.iterdir():
        if entry != compiled:
            remove(entry)


def main() -> int:
    """Do it; 2 and one line if it can't be done."""
    folder = Path(sys.argv[1])
    os.umask(0o022)
    try:
        prepare(folder)
        publish(compile_all(folder))
    except (OSError, ValueError) as error:
        print(f"install: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
