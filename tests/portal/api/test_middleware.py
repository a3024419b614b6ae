"""Who has no account erases nothing of the audit log, however long and many the requests are that he is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ims.portal.audit import Audit

from .served import refused, world

MOST = 20_000
"""Bytes of a file of the log, instead of 64 MiB."""
LONG = "/" + "x" * 7000


def written(folder: Path) -> list[dict[str, Any]]:
    """All lines that are kept, of all files."""
    return [json.loads(line) for path in folder.glob("audit*") for line in path.read_bytes().splitlines()]


def test_long_refused_requests_erase_no_line_about_a_caller_who_is_known(tmp_path: Path, one_store: Path) -> None:
    """They are twenty times what the log's files of known callers may hold before the oldest goes."""
    folder = tmp_path / "log"
    folder.mkdir()
    with world(tmp_path / "portal", one_store, audit=Audit(folder / "audit.jsonl", max_bytes=MOST)) as served:
        assert served.as_("operator").get("/query/count").status_code == 200
        anyone, stranger = served.as_(None), {"Authorization": "Bearer ims_" + "x" * 43}
        for number in range(60):
            if number % 2:
                refused(anyone.get(LONG), 404)
            else:
                refused(anyone.get("/query/count", params={"filter": LONG}, headers=stranger), 401)
        assert served.as_("viewer").get("/me").status_code == 200
    lines = written(folder)
    assert [line["caller"] for line in lines if "caller" in line] == ["operator", "viewer"]
    assert sum(path.stat().st_size for path in folder.iterdir()) < 3 * MOST
    unknown = [line for line in lines if "caller" not in line]
    assert len(unknown) + sum(line.get("more", 1) - 1 for line in unknown) == 60
