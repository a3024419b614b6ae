"""The live part of `ims demo`; with its namespaces it is run by `.ci/demo`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from ims.cli import demo_live
from ims.cli.demo_process import ending_on_signals


def test_a_sensor_that_is_still_starting_is_ended_too(tmp_path: Path) -> None:
    class Net:
        def at_machine(self, *_: object) -> list[str]:
            told = "import os, pathlib, signal, time; os.kill(os.getppid(), signal.SIGTERM); time.sleep(20)"
            return [sys.executable, "-c", f"{told}; pathlib.Path({str(tmp_path / 'survived')!r}).touch()"]

    net: Any = Net()
    with pytest.raises(SystemExit), ending_on_signals(), demo_live._sensor(net, tmp_path, tmp_path / "store"):
        pytest.fail("it said that it watches")
    assert not (tmp_path / "survived").exists()
