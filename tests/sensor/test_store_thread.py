"""A disk that is full from the beginning, or to the end: the coverage says all the same what was lost."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import ims
from ims.sensor.config import SensorConfig
from ims.sensor.coverage import CoverageLog
from ims.sensor.store_thread import StoreThread

from ..store.full_disk import small_disk

SIZE = 4 << 20
DEADLINE = 30.0
BLOCK = {"name": "C/24", "prefix": "198.51.100.0/24"}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", SIZE) as mounted:
        if not mounted:
            pytest.skip("file systems can't be mounted here; CI is root")
        yield tmp_path / "disk"


def fill(disk: Path) -> Path:
    """Leave no room at all."""
    filler = disk / "filler"
    with filler.open("ab", buffering=0) as file:
        for piece in (1 << 16, 4096, 1):
            try:
                while file.write(bytes(piece)) == piece:
                    pass
            except OSError:
                continue
    return filler


def begun(disk: Path, keep_free: int = 1) -> StoreThread:
    config = SensorConfig.model_validate(
        {
            "name": "a", "store": str(disk / "STORE"), "interfaces": ["lo"], "block": [BLOCK],
            "keep_free": keep_free, "journal_interval": 0.1, "respond": False,
        }
    )  # fmt: skip
    watched = CoverageLog(config.darknet(), config.policies(), _now_us, lambda: time.monotonic_ns() // 1000)
    keeper = StoreThread(config, watched, lambda: 0, _now_us)
    keeper.start()
    return keeper


def _now_us() -> int:
    return time.time_ns() // 1000


def until_stored(keeper: StoreThread) -> None:
    end = time.monotonic() + DEADLINE
    while keeper.failing is not None or not keeper.checkpoints:
        assert time.monotonic() < end, keeper.failing
        keeper.checkpoint_now()


def lost_in(disk: Path) -> int:
    """What a question is told was lost."""
    with ims.open(disk / "STORE") as telescope:
        answer = telescope.coverage()
    assert all(row["until"] > row["since"] for row in answer.rows())
    return answer.record.frames_lost


def test_a_disk_full_from_the_start_leaves_coverage_once_there_is_room(disk: Path) -> None:
    (disk / "STORE").mkdir()
    filler = fill(disk)
    keeper = begun(disk)
    assert "No space left" in (keeper.failing or "")
    assert not keeper.reserve()
    keeper.refuse(700)
    filler.unlink()
    until_stored(keeper)
    keeper.stop()
    assert keeper.failure is None
    assert lost_in(disk) == keeper.not_stored == 700


def test_a_sensor_stopped_on_a_full_disk_says_what_it_lost_from_its_reserve(disk: Path) -> None:
    keeper = begun(disk)
    until_stored(keeper)
    fill(disk)
    end = time.monotonic() + DEADLINE
    while keeper.failing is None:
        assert time.monotonic() < end
        keeper.checkpoint_now()
    keeper.refuse(300)
    assert shutil.disk_usage(disk).free == 0
    keeper.stop()
    assert keeper.failure is None
    assert lost_in(disk) == 300


def test_below_keep_free_from_the_start_to_the_end_coverage_is_written(disk: Path) -> None:
    keeper = begun(disk, keep_free=SIZE * 2)
    end = time.monotonic() + DEADLINE
    while keeper.failing is None:
        assert time.monotonic() < end
        keeper.checkpoint_now()
    keeper.refuse(50)
    keeper.stop()
    assert lost_in(disk) == 50
