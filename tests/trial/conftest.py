"""One deployment for all pages: tests of this folder are one group, which one worker runs (tests/conftest.py)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from .deploy_page import follow_deploy_page
from .deployment import Trial, trial
from .sensor_page import follow_sensor_page

LIMIT_SECONDS = 1800
"""The first test's fixtures boot and follow pages; each command has a limit of its own, and says so (shell.py)."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(LIMIT_SECONDS))


@pytest.fixture(scope="session")
def machines() -> Iterator[Trial]:
    """Booted and connected."""
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        pytest.skip("wants root and debootstrap; CI has both")
    with trial() as booted:
        yield booted


@pytest.fixture(scope="session")
def day(machines: Trial) -> Trial:
    """After docs/sensor.md at sensor-a."""
    follow_sensor_page(machines)
    return machines


@pytest.fixture(scope="session")
def deployed(day: Trial) -> Trial:
    """After docs/deploy.md, too: two sensors and a portal."""
    follow_deploy_page(day)
    return day
