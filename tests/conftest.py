"""Settings of every test, and stores to ask, which all workers share.

Hypothesis has no deadline, for a kernel's first call compiles it, and tries the same examples every time, so that a
commit's tests say the same everywhere: a sample in `make test`, all in `make test-all`; `make fuzz` tries others each
time.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from . import stores
from .made.sample import write_sample
from .shared import shared
from .skipped import SKIP_NOTHING, fail_if_skipped
from .stores import SENSORS, ingest

# Where CI is set, pytest compares what differs line by line, whatever its size: two files of a megabyte took hours.
if os.environ.pop("CI", "").lower() in ("true", "1"):
    os.environ[SKIP_NOTHING] = "1"

# xdist tells its workers the terminal's width, by which tables would be narrow (cli/present.py).
os.environ.pop("COLUMNS", None)

# By itself, structlog draws a traceback with all variables in it, by rich: half a minute for one of a portal.
structlog.configure([structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)])

settings.register_profile("ims", deadline=None, derandomize=True, max_examples=40)
settings.register_profile("all", deadline=None, derandomize=True)
settings.register_profile("fuzz", deadline=None)
settings.load_profile("ims")

TOGETHER = ("tests/lake/test_spark_", "tests/trial/")
"""Files whose names begin so are one group, which one worker runs: they share one Spark, or booted machines. Else each file is a group. (xdist's
own mark for groups does nothing with pytest 9.2.) Those are begun first, so that nobody has them left at the end."""


class Groups(LoadScopeScheduling):
    """Hands out groups of tests, in the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return next((begin for begin in TOGETHER if path.startswith(begin)), path)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return Groups(config, log)


def pytest_configure(config: pytest.Config) -> None:
    fail_if_skipped(config)
    config.addinivalue_line("markers", "needs_captures: skipped without the real captures; in CI it fails without them")
    config.addinivalue_line("markers", "exhaustive: one of a cross product; a commit runs a sample (see effort.py)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(TOGETHER))


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
