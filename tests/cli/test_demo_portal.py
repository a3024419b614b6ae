"""The portal of `ims demo`; with its daemons it is run by `.ci/demo`."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from ims.cli import demo_portal

from ..store.full_disk import small_disk


def test_the_demo_s_token_is_for_who_runs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its folder may be looked into by all, for daemons that root starts become ordinary users."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo_portal, "say_quietly", lambda *_, **__: 'serial = "0"')
    monkeypatch.setattr(demo_portal, "_user", lambda: 'user = "root"\n')
    monkeypatch.setattr(demo_portal, "daemon", stop)
    with pytest.raises(KeyboardInterrupt):
        demo_portal._deploy(lambda _: None, tmp_path, tmp_path / "dark.pcap")
    [token] = tmp_path.glob("**/token")
    assert token.stat().st_mode & 0o777 == 0o600


def test_a_full_folder_for_temporary_files_is_named_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There the demo's daemons have their stores, of its live part and of the portal's."""
    disk = tmp_path / "disk"
    with small_disk(disk, 1 << 20) as mounted:
        if not mounted:
            pytest.skip("file systems can't be mounted here; CI is root")
        monkeypatch.setattr(tempfile, "tempdir", str(disk))
        with pytest.raises(OSError, match=r"ims simulate failed: .*/modern\.pcap: No space left on device"):
            demo_portal.portal_demo(lambda _: None, tmp_path / "dark.pcap")
        (disk / "other").write_bytes(bytes((1 << 20) - 4096))
        with pytest.raises(OSError, match=r"No space left on device") as caught:
            demo_portal.portal_demo(lambda _: None, tmp_path / "dark.pcap")
        assert f"{disk}/ims-demo-" in str(caught.value)
