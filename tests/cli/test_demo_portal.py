"""The portal of `ims demo`; with its daemons it is run by `.ci/demo`."""

from __future__ import annotations

from pathlib import Path

import pytest

from ims.cli import demo_portal


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
