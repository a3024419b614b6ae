"""A file that lines are appended to: whole lines, and the old ones go by age or by number."""

from __future__ import annotations

import itertools
import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.portal.audit_file import DAY, AuditFile


def test_old_files_of_an_earlier_version_go_by_age_too(tmp_path: Path) -> None:
    for number, age in ((1, 10), (2, 500)):
        (tmp_path / f"audit.log.{number}").write_text("{}\n")
        os.utime(tmp_path / f"audit.log.{number}", (1e9 - age * DAY,) * 2)
    (tmp_path / "audit.log.mine").write_text("")
    AuditFile(tmp_path / "audit.log", max_bytes=1000, age=400 * DAY, clock=lambda: 1e9).close()
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"audit.log", "audit.log.1", "audit.log.mine"}


def texts(folder: Path) -> list[bytes]:
    """Lines of all files, those of the oldest first."""
    old = sorted(path for path in folder.iterdir() if path.name != "log")
    return [line for path in [*old, folder / "log"] for line in path.read_bytes().splitlines()]


@given(st.lists(st.binary(max_size=60).map(lambda octets: octets.replace(b"\n", b"") + b"\n"), max_size=30))
def test_what_is_appended_is_in_the_files_whole_and_in_order(lines: list[bytes]) -> None:
    ticks = itertools.count(1e9, 0.001)
    with tempfile.TemporaryDirectory() as folder:
        file = AuditFile(Path(folder) / "log", max_bytes=100, age=DAY, clock=lambda: next(ticks))
        for line in lines:
            file.append(line)
        file.close()
        files = [path.read_bytes() for path in sorted([*file.old()])] + [(Path(folder) / "log").read_bytes()]
        assert all((Path(folder) / path).stat().st_mode & 0o777 == 0o600 for path in Path(folder).iterdir())
    assert b"".join(files) == b"".join(lines)
    assert all(len(each) <= 100 for each in files)


def test_all_but_the_newest_go_where_a_number_is_kept(tmp_path: Path) -> None:
    ticks = itertools.count(time.time(), 1)
    file = AuditFile(tmp_path / "log", max_bytes=10, age=400 * DAY, keep=2, clock=lambda: next(ticks))
    for number in range(6):
        file.append(b"line %d..\n" % number)
    file.close()
    assert texts(tmp_path) == [b"line 3..", b"line 4..", b"line 5.."]


def test_a_file_that_spans_a_week_is_followed_by_another_also_when_it_is_opened_again(tmp_path: Path) -> None:
    now = [1e9]
    for day, files in ((0, 1), (6.9, 1), (7.1, 2), (7.2, 2)):
        now[0] = 1e9 + day * DAY
        file = AuditFile(tmp_path / "log", max_bytes=1 << 20, age=1e10, clock=lambda: now[0])
        moment = datetime.fromtimestamp(now[0], UTC).isoformat()
        file.append(b'{"time": "%s"}\n' % moment.encode())
        file.close()
        assert len(list(tmp_path.iterdir())) == files
    assert len(texts(tmp_path)) == 4


@pytest.mark.parametrize("first", [b'{"time": "never, ever"}', b'{"time": "\\ud800\\ud800"}', b"\xff" * 300, b"{}"])
def test_a_first_line_without_a_time_is_no_obstacle(tmp_path: Path, first: bytes) -> None:
    (tmp_path / "log").write_bytes(first + b"\n")
    file = AuditFile(tmp_path / "log", max_bytes=1 << 20, age=DAY)
    file.append(b"second\n")
    file.close()
    assert texts(tmp_path) == [first, b"second"]


def test_a_line_that_was_cut_does_not_spoil_the_next(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b'whole\n{"time": "19')
    file = AuditFile(tmp_path / "log", max_bytes=1 << 20, age=DAY)
    file.append(b"next\n")
    file.close()
    assert (tmp_path / "log").read_bytes() == b'whole\n{"time": "19\nnext\n'


def test_a_file_that_others_may_read_is_closed_to_them_and_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log").touch(0o644)
    AuditFile(tmp_path / "log", max_bytes=10, age=DAY).close()
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600
    (tmp_path / "link").symlink_to(tmp_path / "log")
    with pytest.raises(OSError, match="symbolic links"):
        AuditFile(tmp_path / "link", max_bytes=10, age=DAY)
