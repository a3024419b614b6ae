"""Settings of every test, and stores to ask.

Hypothesis has no deadline, for a kernel's first call compiles it, and tries the same examples every time, so that a
commit's tests say the same everywhere; `make fuzz` tries others each time.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from ims.simulate.sample import write_sample

from . import stores
from .stores import SENSORS, ingest

# Where CI is set, pytest compares what differs line by line, whatever its size: two files of a megabyte took hours.
if os.environ.pop("CI", "").lower() in ("true", "1"):
    os.environ[stores.SKIP_NOTHING] = "1"

settings.register_profile("ims", deadline=None, derandomize=True)
settings.register_profile("fuzz", deadline=None)
settings.load_profile("ims")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs_captures: skipped without the real captures; in CI it fails without them")


@pytest.hookimpl(tryfirst=True)  # before pytest skips a test that has no captures to be run with
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("needs_captures") is not None:
        stores.require_captures()


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """3,000 packets of a day to 198.51.100.0/24, by seed."""
    folder = tmp_path_factory.mktemp("samples")
    paths = {seed: folder / f"dark{seed}.pcap" for seed in (1, 2)}
    for seed, path in paths.items():
        write_sample(path, packets=3000, seed=seed)
    return paths


@pytest.fixture(scope="session")
def one_store(tmp_path_factory: pytest.TempPathFactory, samples: dict[int, Path]) -> Path:
    """One sensor, one block."""
    return ingest(tmp_path_factory.mktemp("one") / "STORE", samples[1])


@pytest.fixture(scope="session")
def three_sensors(tmp_path_factory: pytest.TempPathFactory, samples: dict[int, Path]) -> Path:
    """The sensors of `tests.stores`, in one store."""
    store = tmp_path_factory.mktemp("three") / "STORE"
    for sensor, (seed, block) in SENSORS.items():
        ingest(store, samples[seed], sensor=sensor, blocks=[block])
    return store


@pytest.fixture(scope="session")
def three_stores(tmp_path_factory: pytest.TempPathFactory, samples: dict[int, Path]) -> list[Path]:
    """The same, each in a store of its own."""
    folder = tmp_path_factory.mktemp("apart")
    return [
        ingest(folder / sensor, samples[seed], sensor=sensor, blocks=[block])
        for sensor, (seed, block) in SENSORS.items()
    ]
