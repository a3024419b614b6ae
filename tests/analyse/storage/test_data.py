"""What each form takes, from what the verb counts."""

from __future__ import annotations

import numpy as np
import pytest

from ims.analyse.storage.data import COUNTS, Data
from ims.settings.durations import HOUR_US


def data(**counts: float) -> Data:
    named = {name: np.array([float(counts.get(name, 0))]) for name in COUNTS}
    return Data(np.array([0]), np.array([3600.0]), named, np.array([0]), np.array([3600.0]), HOUR_US, is_all=True)


def test_forms_are_as_the_paper_and_the_file_formats_have_them() -> None:
    found = data(packets=10, bytes=1000, payloads=6, payload_bytes=600, new_payloads=2, new_bytes=150)
    assert found.pcap == [16 * 10 + 1000]
    assert found.signatures == [16 * 10 + 400 + 16 * 6 + 150 + 16 * 2]


def test_of_a_part_of_an_hour_the_files_count_in_part() -> None:
    assert data(packets=5, stored_packets=20, stored_bytes=400).stored == pytest.approx([100])
    assert data(packets=5, stored_packets=0, stored_bytes=400).stored == [0]
