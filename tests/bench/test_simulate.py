from pathlib import Path

from benchmarks.measure import Run
from benchmarks.simulate import SYNS, Measured

from ims.simulate.scenario.scenario import read_scenario


def test_the_small_packets_are_a_scenario(tmp_path: Path) -> None:
    file = tmp_path / "syns.toml"
    file.write_text(SYNS.format(seconds=20))
    assert read_scenario(str(file)).duration == 20


def test_figures_are_medians_of_runs() -> None:
    measured = Measured("x", ["x"])
    measured.packets, measured.size = 4_000_000, 400_000_000
    measured.wrote = [Run(seconds, 2 * seconds, 100, "") for seconds in (1.0, 2.0, 8.0)]
    measured.copied = [0.5, 0.25, 1.0]
    assert measured.mpps == 2.0
    assert measured.row() == [
        "x", "4.00 M", "100", "3", "2.00", "2.00", "0.50 to 4.00", "200", "4.00", "0", "4.0", "absent",
    ]  # fmt: skip
