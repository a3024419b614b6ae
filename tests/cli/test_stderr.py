"""Standard error whose reader has gone: what is said is lost, and nothing else happens. And what an error's line says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.cli.stderr import error_line

GOES_ON = """
import io, os, sys
from ims.cli.stderr import outlive_its_reader
before = sys.stderr
outlive_its_reader()
assert sys.stderr is not before
for n in range(1000):
    print("x" * 1000, file=sys.stderr)
print("\\ud800 and \\u20ac", file=sys.stderr)
print(before.fileno(), "went on")
"""


def test_who_speaks_to_nobody_goes_on() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    words = [sys.executable, "-c", GOES_ON]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=writer, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stdout) == (0, "2 went on\n")


def test_who_listens_reads_all_of_it_whatever_letters_are_in_it() -> None:
    words = [sys.executable, "-c", GOES_ON]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
    *lines, last = done.stderr.splitlines()
    assert lines == ["x" * 1000] * 1000
    assert last == "\\ud800 and \\u20ac"


def test_a_standard_error_that_is_no_file_is_left_in_its_place() -> None:
    script = (
        "import io, sys\nfrom ims.cli.stderr import outlive_its_reader\n"
        "for other in (io.StringIO(), None):\n    sys.stderr = other\n    outlive_its_reader()\n"
        "    assert sys.stderr is other\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_any_other_fault_of_it_is_still_an_error() -> None:
    script = (
        "import sys\nfrom ims.cli.stderr import outlive_its_reader\noutlive_its_reader()\n"
        "try:\n    print('x', file=sys.stderr)\nexcept OSError as error:\n    print(error.errno)\n"
    )
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=full, text=True, check=False
        )
    assert done.stdout == "28\n"


def raised(attempt: object) -> Exception:
    with pytest.raises(Exception) as caught:
        attempt()  # type: ignore[operator]
    return caught.value


def test_a_file_is_named_and_an_engine_s_own_words_are_not_said(tmp_path: Path) -> None:
    assert error_line(raised((tmp_path / "none").stat)) == f"{tmp_path}/none: No such file or directory"
    assert error_line(ValueError("no such block")) == "no such block"
    for engine, attempt in (
        ("duckdb", lambda: duckdb.sql("select secret from nowhere")),
        ("pyarrow", lambda: pa.array(["secret"]).cast(pa.int8())),
    ):
        said = error_line(raised(attempt))
        assert said.startswith(f"{engine} failed")
        assert "secret" not in said


@given(st.text())
def test_whatever_an_error_says_is_one_printable_line(text: str) -> None:
    said = error_line(ValueError(text))
    assert said
    assert said.isprintable()
