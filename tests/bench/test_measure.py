import sys

import pytest
from benchmarks.measure import run
from benchmarks.table import table, verdict


def test_wall_clock_cpu_and_memory_are_those_of_the_child():
    code = "import time; b = bytearray(200 << 20); time.sleep(0.3); print(len(b))"
    took = run([sys.executable, "-c", code])
    assert took.output.split() == [str(200 << 20)]
    assert took.seconds > 0.3
    assert took.peak_bytes > 200 << 20
    assert took.cpu_seconds > 0


def test_a_program_that_fails_says_what_it_said():
    with pytest.raises(RuntimeError, match="ended with 3: no such thing"):
        run([sys.executable, "-c", "import sys; print('no such thing', file=sys.stderr); sys.exit(3)"])


def test_verdicts_compare_with_their_target():
    assert verdict("a", 0.3, ">=", 0.25)[-1] == "met"
    assert verdict("a", 0.2, ">=", 0.25)[-1] == "MISSED"
    assert verdict("a", 0.75, "<=", 0.75)[-1] == "met"
    assert verdict("a", 1.0, "<", 1, " s")[1:] == ["1 s", "< 1 s", "MISSED"]


def test_tables_are_aligned_markdown():
    assert table(("a", "bb"), [["x", "1"], ["yy", "22"]]).splitlines() == [
        "| a  | bb |",
        "|----|---:|",
        "| x  |  1 |",
        "| yy | 22 |",
    ]
