"""A system in a folder, as far as users are, in which services are installed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from .. import forked
from ..stores import needs_programs

ALL = ("sensor", "queryd", "portal", "ship")
AS_ROOT = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can install a service; CI is root"),
    needs_programs("useradd", "groupadd", "usermod"),
]


UNITS = "etc/systemd/system"


class Entry(NamedTuple):
    owner: str
    mode: int


class Image:
    """A system in a folder, as far as users are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "etc").mkdir(parents=True)
        (folder / "etc" / "passwd").write_text(
            "root:x:0:0:root:/root:/bin/bash\nsomebody:x:1000:1000::/home/s:/bin/sh\n"
        )
        (folder / "etc" / "group").write_text("root:x:0:\nsomebody:x:1000:\n")

    def install(self, *words: str, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        command = [*before, forked.ims(), "install-service", *words, "--root", self.folder]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def lines(self, *words: str) -> list[str]:
        done = self.install(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def numbers(self, file: str) -> dict[int, str]:
        lines = [line.split(":") for line in (self.folder / "etc" / file).read_text().splitlines()]
        return {int(fields[2]): fields[0] for fields in lines}

    def entry(self, path: str) -> Entry:
        status = (self.folder / path).lstat()
        user, group = self.numbers("passwd")[status.st_uid], self.numbers("group")[status.st_gid]
        return Entry(f"{user}:{group}", status.st_mode & 0o7777)

    def all_there_is(self) -> dict[str, tuple[int, int, int, bytes]]:
        found = {}
        for path in sorted(self.folder.rglob("*")):
            status = path.lstat()
            content = path.read_bytes() if path.is_file() else b""
            found[str(path)] = (status.st_uid, status.st_gid, status.st_mode, content)
        return found


@pytest.fixture
def image(tmp_path: Path) -> Image:
    return Image(tmp_path / "an image")
