"""The audit log: whole lines, whatever is written and whatever the disk does."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.portal.audit import REDACTED, Audit

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_a_line_has_its_time_and_fields(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "audit.log", clock=lambda: 1.5)
    audit.write(caller="alice", verb="count", rows=3, time="mine")
    audit.close()
    assert lines(tmp_path / "audit.log") == [
        {"time": "1970-01-01T00:00:01.500000Z", "caller": "alice", "verb": "count", "rows": 3}
    ]
    assert (tmp_path / "audit.log").stat().st_mode & 0o777 == 0o600


@given(st.dictionaries(st.text(), ANY, max_size=5))
def test_whatever_is_written_is_one_printable_line(fields: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        audit = Audit(Path(folder) / "audit.log")
        audit.write(**fields)
        audit.close()
        written = (Path(folder) / "audit.log").read_bytes()
    assert written.endswith(b"\n")
    assert all(0x20 <= octet < 0x7F for octet in written[:-1])
    assert audit.lost == 0


def test_secrets_are_not_written(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "audit.log")
    secret = "ims_jgKgYk_ARAEOdf9SYRCZT7uUmH_UrGtLbU0wc12j9bw"
    audit.write(
        password="hunter22hunter22",
        headers={"Authorization": f"Bearer {secret}", "Cookie": "sid=abcdef123456"},
        path=f"/x?token={secret}",
        words=[secret, {"new_password": "hunter22hunter22"}],
        note=f"Bearer {secret}",
    )
    audit.close()
    written = (tmp_path / "audit.log").read_text()
    for word in (secret, "hunter22", "abcdef123456"):
        assert word not in written
    assert REDACTED in written


def test_old_files_are_kept_in_order_and_no_more_than_wanted(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "audit.log", max_bytes=200, keep=2)
    for number in range(30):
        audit.write(number=number, filler="x" * 60)
    audit.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["audit.log", "audit.log.1", "audit.log.2"]
    files = [lines(tmp_path / name) for name in ("audit.log.2", "audit.log.1", "audit.log")]
    numbers = [line["number"] for file in files for line in file]
    assert numbers == list(range(numbers[0], 30))
    assert all(path.stat().st_size <= 200 for path in tmp_path.iterdir())


def test_threads_write_whole_lines(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "audit.log", max_bytes=20_000, keep=100)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: audit.write(number=n, filler="y" * (n % 300)), range(2000)))
    audit.close()
    numbers = [line["number"] for path in tmp_path.iterdir() for line in lines(path)]
    assert sorted(numbers) == list(range(2000))


def test_a_full_disk_is_counted_and_what_follows_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    audit = Audit(path)
    audit.write(number=0)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, hard))
        audit.write(number=1, filler="x" * 100)  # a part of it fits
        audit.write(number=2)
        assert audit.lost == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    audit.write(number=3)
    audit.close()
    written = path.read_bytes().splitlines()
    assert json.loads(written[0])["number"] == 0
    assert json.loads(written[-1])["number"] == 3
    assert len(written) == 3


def test_a_folder_that_goes_does_not_stop_anybody(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    audit = Audit(folder / "audit.log", max_bytes=100)
    audit.write(number=0)
    (folder / "audit.log").unlink()
    folder.rmdir()
    for number in range(5):
        audit.write(number=number, filler="x" * 60)
    audit.close()
    audit.write(number=9)
    assert audit.lost == 1
    with pytest.raises(OSError, match="No such file"):
        Audit(folder / "audit.log")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "audit.log").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError):
        Audit(tmp_path / "audit.log")


WRITER = """
import sys
from pathlib import Path
from ims.portal.audit import Audit
audit = Audit(Path(sys.argv[1]), max_bytes=3000, keep=1000)
for number in range(1_000_000):
    audit.write(number=number, filler="z" * 200)
    print(number, flush=True)
"""


def test_lines_that_were_written_survive_kill_9(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "audit.log")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for _ in range(50):
        last = int(process.stdout.readline())
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    audit = Audit(tmp_path / "audit.log", max_bytes=3000, keep=1000)
    audit.write(number=-1)
    audit.close()
    numbers = {line["number"] for path in tmp_path.iterdir() for line in lines(path)}
    assert numbers >= {-1, *range(last + 1)}
