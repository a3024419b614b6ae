"""The project's sources as a machine has them: cloned as they are here, or an archive of a newer commit, unpacked."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

AUTHOR = ("-c", "user.name=trial", "-c", "user.email=trial@example.org")
ANYBODYS = ("git", "-c", "safe.directory=*", "-C")


def copy_sources(checkout: Path, target: Path) -> None:
    """The checkout as somebody has it who clones it now, with what isn't committed yet."""
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    git = [*ANYBODYS, checkout]
    subprocess.run(
        ["git", "-c", "safe.directory=*", "clone", "--quiet", "--no-hardlinks", checkout, target], check=True
    )
    listed = [*git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, capture_output=True, check=True).stdout.decode().split("\0")
    for name in filter(None, names):
        here, there = checkout / name, target / name
        if here.is_file():
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(here, there)
        else:
            there.unlink(missing_ok=True)


def unpack_newer(checkout: Path, target: Path, *, kernels: bool = False) -> str:
    """The checkout's next commit, as `git archive` has it, in place of what is there. Returns the commit, 12 digits.
    `kernels`: it changes the sources that kernels are compiled from."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="ims-trial-") as scratch:
        newer = Path(scratch) / "newer"
        copy_sources(checkout, newer)
        if kernels:
            with (newer / "src" / "ims" / "kernels.py").open("a") as source:
                source.write("# newer\n")
        git = [*ANYBODYS, newer]
        subprocess.run([*git, "add", "--all"], check=True)
        subprocess.run([*git, *AUTHOR, "commit", "--quiet", "--allow-empty", "--message=newer"], check=True)
        commit = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True)
        subprocess.run([*git, "archive", f"--output={scratch}/newer.tar", "HEAD"], check=True)
        shutil.rmtree(target)
        target.mkdir()
        subprocess.run(["tar", "-x", "-C", target, "-f", f"{scratch}/newer.tar"], check=True)
    return commit.stdout.strip()
