"""An authority, another one called the same, and what the first issued."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ims.pki.authority import Authority, create_authority
from ims.pki.credentials import Credentials

from ..shared import shared

ROLES = ("sensor", "portal", "operator")


@pytest.fixture(scope="session")
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PKI with a sensor, a portal and an operator, each called as its role; foreign, likewise."""

    def make(folder: Path) -> None:
        for name in ("PKI", "foreign"):
            authority = create_authority(folder / name, "Test", 3650)
            for role in ROLES:
                authority.issue(role, role)

    return shared(tmp_path_factory, "pki", make)


@pytest.fixture
def pki(made: Path, tmp_path: Path) -> Authority:
    """A copy that a test may change."""
    shutil.copytree(made / "PKI", tmp_path / "PKI")
    return Authority(tmp_path / "PKI")


@pytest.fixture
def foreign(made: Path) -> Authority:
    return Authority(made / "foreign")


def files(folder: Path, name: str) -> tuple[Path, Path, Path]:
    """Certificate, key and authority of what was handed out."""
    return folder / f"{name}.pem", folder / f"{name}.key", folder / "ca.pem"


def credentials(authority: Authority, name: str, now: datetime | None = None) -> Credentials:
    return Credentials.read(*files(authority.folder / "out" / name, name), now=now)
