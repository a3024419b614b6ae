"""What test_full_audit_disk.py runs where a small disk is mounted: DISK FOLDER STORE. Prints what was told as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import structlog

from ims.portal.audit import Audit
from ims.portal.config import checked_portal
from ims.portal.doctor import audit_disk
from ims.portal.metrics import PortalMetrics

from .api.served import world


def main(disk: Path, folder: Path, store: Path) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    path, filler = disk / "audit.jsonl", disk / "filler"
    audit, metrics = Audit(path), PortalMetrics()
    metrics.watch_audit(audit)
    with world(folder / "portal", store, audit=audit) as served:
        asker, anyone = served.as_("viewer"), served.as_(None)
        asker.get("/me")
        told = {"before": anyone.get("/health").json()}
        with filler.open("wb", buffering=0) as file:
            try:
                while file.write(b"x" * 512):
                    pass
            except OSError:
                pass
        size = -1
        while path.stat().st_size > size:  # a page may have room left
            size = path.stat().st_size
            asker.get("/me")
        told["asked"] = [asker.get("/query/count").status_code for _ in range(5)]
        told["full"] = anyone.get("/health").json()
        config = checked_portal({"registry": "r.toml", "accounts": "a.db", "audit": str(path)})
        told["doctor"] = [finding.found for finding in audit_disk(config)]
        filler.unlink()
        asker.get("/me")
        told["after"] = anyone.get("/health").json()
        told["metric"] = metrics.registry.get_sample_value("ims_portal_audit_lines_total", {"outcome": "lost"})
        told["lost"] = audit.lost
        told["lines"] = [json.loads(line) for line in path.read_bytes().splitlines() if line.endswith(b"}")]
    print(json.dumps(told))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
