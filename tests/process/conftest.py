"""The capture that tests of a sensor have, too; and folders of users, for what root does as one of them."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..readable import readable_by_all
from ..sensor.conftest import sample

__all__ = ["sample"]
USER, OTHER = "games", "nobody"
PLAIN = os.environ | {"NUMBA_DISABLE_JIT": "1"}


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder of root's that all can pass; in it `own` of a user's."""
    folder = Path(tempfile.mkdtemp(prefix="ims-owner-"))
    folder.chmod(0o755)
    (folder / "own").mkdir(mode=0o755)
    give(folder / "own", USER)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def installed(tmp_path: Path) -> list[str]:
    try:
        return readable_by_all(tmp_path / "aside")
    except OSError as error:
        pytest.skip(str(error))


def give(path: Path, user: str) -> None:
    found = pwd.getpwnam(user)
    os.chown(path, found.pw_uid, found.pw_gid, follow_symlinks=False)
