"""A portal's process whose audit log has a disk of its own, which is full: it answers, and says what it loses."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from ..free_port import free_port
from ..queryd.waiting import until
from ..store.full_disk import small_disk
from ..stores import IMS, needs_programs
from .deployment import Deployment, deployed


class Asker:
    """Asks a portal over HTTP, and keeps the ID of each request of which a line is to be written."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment, self.ids = deployment, list[str]()

    def ask(self, path: str, token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        found = httpx.get(f"{self.deployment.url}/api/v1/{path}", headers=headers, timeout=60)
        self.ids.append(found.headers["x-request-id"])
        return found.status_code

    def health(self) -> tuple[str, str]:
        """Its status, and why. The sensor's store was read from captures, so nothing watches, which is said first."""
        found = httpx.get(f"{self.deployment.url}/api/v1/health", timeout=60).json()
        return found["status"], found["why"].removeprefix("sensors: 1 watching nothing, of 1")

    def counted(self) -> dict[str, int]:
        """Lines by what became of them, once that is so of each request's: it is written when the answer is sent."""
        return until(lambda: found if sum((found := self.scraped()).values()) == len(self.ids) else None)

    def scraped(self) -> dict[str, int]:
        """As Prometheus reads it."""
        text = httpx.get(f"http://{self.deployment.settings['metrics']}/metrics", timeout=60).text
        [lines] = [each for each in text_string_to_metric_families(text) if each.name == "ims_portal_audit_lines"]
        return {each.labels["outcome"]: int(each.value) for each in lines.samples if each.name.endswith("_total")}

    def doctor(self) -> list[str]:
        """What is found wrong."""
        words = [IMS, "doctor", "--portal", self.deployment.folder / "portal.toml", "--format", "json"]
        found = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
        return [each["found"] for each in json.loads(found.stdout) if each["level"] == "wrong"]


def fill(disk: Path) -> Path:
    with (disk / "filler").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        while file.write(b"x" * 512):
            pass
    return disk / "filler"


@needs_programs("mount", "umount")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a disk")
def test_a_portal_s_process_answers_and_counts_each_line_that_its_full_disk_loses(
    tmp_path: Path, one_store: Path
) -> None:
    disk = tmp_path / "disk"
    settings = {"audit": str(disk / "audit.jsonl"), "metrics": f"127.0.0.1:{free_port()}"}
    with (
        small_disk(disk, 64 << 10) as mounted,
        deployed(tmp_path / "D", {"a": one_store}, installed=True, **settings) as running,
    ):
        assert mounted and running.portal is not None
        portal, asker = running.portal, Asker(running)
        viewer, nobody = running.tokens["viewer"], "ims_" + "x" * 43
        portal.until("sensor", state="answers")
        assert asker.ask("query/count", viewer) == 200
        assert asker.health() == ("degraded", "")
        assert asker.counted() == {"written": 1, "held_back": 0, "lost": 0}

        filler = fill(disk)
        while not asker.counted()["lost"]:  # a page may have room left
            assert asker.ask("me", viewer) == 200
        told = portal.until("the audit log loses lines")
        assert (told["level"], told["why"]) == ("error", "No space left on device")
        assert [asker.ask("query/count", viewer) for _ in range(4)] == [200] * 4
        assert asker.ask("me", nobody) == 401
        lost = asker.counted()["lost"]
        assert asker.health() == ("degraded", "; the audit log loses lines")
        assert asker.doctor() == [f"0 MiB free for the audit log at {disk}: lines are lost, or will be"]

        # Lines of both files, and of no other reason, are those that are missing.
        assert lost >= 5
        filler.unlink()
        assert asker.ask("me", viewer) == 200
        asker.counted()
        assert portal.until("the audit log is written again")["lost"] == lost
        assert asker.health() == ("degraded", "; the audit log lost lines in the last hour")
        # Of the first one that was lost a part may be there.
        lines = [line for path in disk.glob("audit*.jsonl") for line in path.read_bytes().splitlines()]
        both = [json.loads(line) for line in lines if line.endswith(b"}")]
        assert {each["request"] for each in both if "request" in each} < set(asker.ids)
        assert len(asker.ids) == lost + sum("request" in each for each in both)
        [loss] = [each for each in both if each.get("verb") == "audit"]
        assert (loss["lost"], loss["why"]) == (lost, "No space left on device")
        assert asker.counted() == {"written": len(both) - 1, "held_back": 0, "lost": lost}

        # One that begins while its disk is full does no worse.
        fill(disk)
        assert portal.end() == 0
        again, asker = running.start_portal(), Asker(running)
        again.until("sensor", state="answers")
        while not asker.counted()["lost"]:
            assert asker.ask("me", viewer) == 200
        assert asker.health() == ("degraded", "; the audit log loses lines")
