"""A portal whose audit log has a disk of its own, which is full: it answers, and says what it loses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..stores import needs_programs

SCRIPT = 'mount -t tmpfs -o size=64k tmpfs "$1" && exec "$2" -m tests.portal.full_audit_disk "$1" "$3" "$4"'


@needs_programs("unshare", "mount")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a disk")
def test_a_full_audit_disk_is_told_and_nobody_is_kept_from_asking(tmp_path: Path, one_store: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    words = ["unshare", "--mount", "sh", "-c", SCRIPT, "sh", disk, sys.executable, tmp_path, one_store]
    root = Path(__file__).parents[2]
    found = subprocess.run(words, capture_output=True, text=True, check=False, cwd=root, timeout=120)
    assert found.returncode == 0, found.stderr
    told = json.loads(found.stdout)
    assert told["before"] == {"status": "degraded", "why": "sensors: 1 silent, 1 watching nothing, of 2"}
    assert told["asked"] == [200] * 5
    assert told["full"]["status"] == "degraded"
    assert told["full"]["why"].endswith("; the audit log loses lines")
    assert told["after"]["why"].endswith("; the audit log lost lines in the last hour")
    assert told["metric"] == told["lost"] >= 5
    assert told["lines"][-1]["verb"] == "audit"
    assert told["lines"][-1]["lost"] == told["lost"]
    assert "No space left on device" in told["lines"][-1]["why"]
    assert "the audit log loses lines" in found.stderr + found.stdout
    assert "the audit log is written again" in found.stderr + found.stdout
    assert any("lines are lost, or will be" in line for line in told["doctor"])
