"""What one look can't find keeps no other from being told."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ims.process.doctor import OK, WARNING, Finding, findings, root


def test_a_look_that_fails_is_a_finding_and_the_others_are_told_in_order(tmp_path: Path) -> None:
    def half() -> Iterator[Finding]:
        yield Finding(OK, "disk", "half of it")
        (tmp_path / "gone").stat()

    def refuses() -> Iterator[Finding]:
        raise ValueError("no such clock")

    def runs() -> list[Finding]:
        subprocess.run([sys.executable, "-c", "raise SystemExit(3)"], check=True)
        return []

    found = list(
        findings({"disk": half, "clock": refuses, "route": runs, "arp": lambda: [Finding(OK, "arp", "answered")]})
    )
    assert [(each.level, each.subject) for each in found] == [
        (OK, "disk"), (WARNING, "disk"), (WARNING, "clock"), (WARNING, "route"), (OK, "arp"),
    ]  # fmt: skip
    assert found[1].found == f"couldn't look: {tmp_path}/gone: No such file or directory"
    assert found[2].found.endswith("no such clock")
    assert "status 3" in found[3].found
    assert all(each.remedy for each in found if each.level != OK)


def test_an_error_of_ours_is_no_finding() -> None:
    def broken() -> Iterator[Finding]:
        raise KeyError("ours")

    with pytest.raises(KeyError):
        list(findings({"disk": broken}))


@pytest.mark.parametrize(
    ("uid", "name", "warned"), [(0, "root", True), (0, "ims", False), (0, None, False), (7, "root", False)]
)
def test_only_a_daemon_that_stays_root_is_warned_of(
    uid: int, name: str | None, warned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    assert [each.level for each in root(name)] == [WARNING] * warned
