"""One deployment for all pages: tests of this folder are one group, which one worker runs (tests/conftest.py)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from .deploy_page import follow_deploy_page
from .deployment import Trial, trial
from .sensor_page import follow_sensor_page


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
