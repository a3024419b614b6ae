"""docs/pki.md runs as printed."""

from __future__ import annotations

from .deployment import Trial


def test_certificates(machines: Trial) -> None:
    machines["desk"].run("mkdir -p pki; cd pki")
    machines.follow("pki.md", "desk", hooks={}, not_run={})
    machines["desk"].run("cd")
    assert "alice" in machines.printed("ims pki revoke alice")
