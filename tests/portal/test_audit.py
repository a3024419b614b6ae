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

from ims.portal.audit import LONGEST_UNKNOWN, Audit
from ims.portal.audit_file import DAY
from ims.portal.audit_line import REDACTED

from .test_audit_line import ANY


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


def test_what_is_cut_says_so(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "audit.log")
    audit.write(caller="alice", role="viewer", words={"filter": "tcp and " * 4000})
    audit.write_unknown("192.0.2.1", path="/" + "x" * 30_000, status=404)
    audit.close()
    [mine] = lines(tmp_path / "audit.log")
    assert mine["cut"] and mine["words"]["filter"].endswith("... (cut, of 32,000 characters)")
    [other] = lines(tmp_path / "audit-unknown.log")
    assert other["cut"] and other["path"].endswith("... (cut, of 30,001 characters)") and other["status"] == 404
    assert (tmp_path / "audit-unknown.log").stat().st_size <= LONGEST_UNKNOWN


def test_whoever_is_not_known_drops_no_line_about_who_is(tmp_path: Path) -> None:
    """Long refused requests, more than all files may hold: they stand apart, few of them, and the rest is counted."""
    now = [0.0]
    audit = Audit(tmp_path / "audit.log", max_bytes=50_000, ticks=lambda: now[0])
    audit.write(caller="alice", role="operator", verb="export")
    for number in range(5000):
        now[0] += 0.001
        audit.write_unknown(f"10.0.{number % 256}.{number % 100}", path="/" + "x" * 30_000, status=401)
    now[0] += 61
    audit.write(caller="alice", role="operator", verb="count")
    audit.close()
    assert [each["verb"] for each in lines(tmp_path / "audit.log")] == ["export", "count"]
    unknown = [*tmp_path.glob("audit-unknown.log*")]
    assert sum(path.stat().st_size for path in unknown) <= 2 * 50_000
    [more] = [each["more"] for path in unknown for each in lines(path) if "more" in each]
    assert more == audit.held_back > 4000
    assert audit.lost == 0


def test_old_lines_go_by_age_and_by_no_size(tmp_path: Path) -> None:
    now = [1_700_000_000.0]
    audit = Audit(tmp_path / "audit.log", age=400 * DAY, max_bytes=2000, clock=lambda: now[0])
    for number in range(420):
        audit.write(number=number, filler="x" * 300)
        os.utime(tmp_path / "audit.log", (now[0], now[0]))
        now[0] += DAY
    audit.close()
    kept = sorted(each["number"] for path in tmp_path.glob("audit.log*") for each in lines(path))
    assert kept == list(range(kept[0], 420))
    assert 420 - 400 - 14 <= kept[0] <= 20  # a file goes when its last line is too old
    assert len(list(tmp_path.iterdir())) > 50


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


def test_threads_write_whole_lines(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "audit.log", max_bytes=20_000)
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
        found = audit.losses()
        assert found is not None and found.why == "File too large"
        audit.write(number=2)
        found = audit.losses()
        assert found is not None and (found.lost, found.now, found.why) == (2, True, "File too large")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    audit.write(number=3)
    found = audit.losses()
    assert found is not None and (found.lost, found.now) == (2, False)
    audit.close()
    written = path.read_bytes().splitlines()
    assert json.loads(written[0])["number"] == 0
    assert json.loads(written[-2])["number"] == 3
    assert json.loads(written[-1])["lost"] == 2
    assert len(written) == 4


def test_a_folder_that_goes_does_not_stop_anybody(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    audit = Audit(folder / "audit.log", max_bytes=100)
    audit.write(number=0)
    for path in folder.iterdir():
        path.unlink()
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
from ims.portal.audit import LONGEST, LONGEST_UNKNOWN, Audit
from ims.portal.audit_file import DAY, AuditFile
from ims.portal.audit_line import REDACTED, line
audit = Audit(Path(sys.argv[1]), max_bytes=3000)
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
    audit = Audit(tmp_path / "audit.log", max_bytes=3000)
    audit.write(number=-1)
    audit.close()
    numbers = {line["number"] for path in tmp_path.iterdir() for line in lines(path)}
    assert numbers >= {-1, *range(last + 1)}
