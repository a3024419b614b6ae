"""A scenario written to a capture, and its truth beside it."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ims.full_disk import naming
from ims.simulate.kernels.order import write_records
from ims.simulate.output.play import Play
from ims.simulate.output.truth import Truth
from ims.simulate.scenario.scenario import Scenario

HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)
"""Of a pcap file: microseconds, Ethernet, snapshot length."""


def write_scenario(
    scenario: Scenario, file: BinaryIO, *, seed: int = 1, progress: Callable[[float, int], None] | None = None
) -> dict[str, Any]:
    """Write the capture (pcap, microseconds, Ethernet, sorted by time) and return the truth about it: the same bytes
    for the same scenario and seed. `progress` gets the share of time that is done, and packets so far. Raises
    ValueError where the scenario can't be played, OSError where the file can't be written."""
    return write_play(Play(scenario, seed), file, progress)


def write_play(play: Play, file: BinaryIO, progress: Callable[[float, int], None] | None = None) -> dict[str, Any]:
    """As write_scenario, for a scenario that is known to be playable."""
    truth = Truth(play)
    file.write(HEADER)
    out = np.zeros(1 << 22, np.uint8)
    packets = 0
    for part in play.whiles():
        room = int(part.draft.used[1]) + 16 * part.count
        if room > out.size:
            out = np.zeros(room + room // 4, np.uint8)
        length = write_records(part.draft, part.order, part.count, play.epoch, out)
        file.write(out[:length].data)
        truth.count(part)
        packets += part.count
        if progress is not None:
            progress(part.until / play.length, packets)
    return truth.whole()


def write_truth(path: Path, truth: dict[str, Any]) -> None:
    """The truth as JSON."""
    with naming(path):
        path.write_text(json.dumps(truth, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
