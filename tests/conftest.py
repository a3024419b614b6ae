"""Settings of every test, and stores to ask, which all workers share.

Hypothesis has no deadline, for a kernel's first call compiles it, and tries the same examples every time, so that a
commit's tests say the same everywhere: a sample in `make test`, all in `make test-all`; `make fuzz` tries others each
time.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from ims.simulate.sample import write_sample

from . import stores
from .shared import shared
from .stores import SENSORS, ingest

# Where CI is set, pytest compares what differs line by line, whatever its size: two files of a megabyte took hours.
if os.environ.pop("CI", "").lower() in ("true", "1"):
    os.environ[stores.SKIP_NOTHING] = "1"

settings.register_profile("ims", deadline=None, derandomize=True, max_examples=40)
settings.register_profile("all", deadline=None, derandomize=True)
settings.register_profile("fuzz", deadline=None)
settings.load_profile("ims")

LONGEST = ("spark",)
"""Groups of tests (a file is one, where no mark says otherwise) that take longest: begun first, so that no worker has one
left when the other is done."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs_captures: skipped without the real captures; in CI it fails without them")
    config.addinivalue_line("markers", "exhaustive: one of a cross product; a commit runs a sample (see effort.py)")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    groups: dict[str, list[pytest.Item]] = {}
    for item in items:
        mark = item.get_closest_marker("xdist_group")
        name = mark.args[0] if mark else item.location[0].removeprefix("tests/")
        if mark is None:
            item.add_marker(pytest.mark.xdist_group(name))
        groups.setdefault(name, []).append(item)
    by_length = sorted(groups, key=lambda name: LONGEST.index(name) if name in LONGEST else len(LONGEST))
    items[:] = [item for name in by_length for item in groups[name]]


@pytest.hookimpl(tryfirst=True)  # before pytest skips a test that has no captures to be run with
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("needs_captures") is not None:
        stores.require_captures()


def write_samples(folder: Path) -> None:
    for seed in (1, 2):
        write_sample(folder / f"dark{seed}.pcap", packets=3000, seed=seed)


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """3,000 packets of a day to 198.51.100.0/24, by seed."""
    folder = shared(tmp_path_factory, "samples", write_samples)
    return {seed: folder / f"dark{seed}.pcap" for seed in (1, 2)}


@pytest.fixture(scope="session")
def one_store(tmp_path_factory: pytest.TempPathFactory, samples: dict[int, Path]) -> Path:
    """One sensor, one block."""
    return shared(tmp_path_factory, "one", lambda folder: ingest(folder / "STORE", samples[1])) / "STORE"


@pytest.fixture(scope="session")
def three_sensors(tmp_path_factory: pytest.TempPathFactory, samples: dict[int, Path]) -> Path:
    """The sensors of `tests.stores`, in one store."""

    def make(folder: Path) -> None:
        for sensor, (seed, block) in SENSORS.items():
            ingest(folder / "STORE", samples[seed], sensor=sensor, blocks=[block])

    return shared(tmp_path_factory, "three", make) / "STORE"


@pytest.fixture(scope="session")
def three_stores(tmp_path_factory: pytest.TempPathFactory, samples: dict[int, Path]) -> list[Path]:
    """The same, each in a store of its own."""

    def make(folder: Path) -> None:
        for sensor, (seed, block) in SENSORS.items():
            ingest(folder / sensor, samples[seed], sensor=sensor, blocks=[block])

    folder = shared(tmp_path_factory, "apart", make)
    return [folder / sensor for sensor in SENSORS]
