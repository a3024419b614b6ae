"""An installation tidies up where it compiled, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from ims.install import kernels


def test_where_nothing_can_be_kept_nothing_is_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is published has what lies beside it removed: that must not be the folder one is in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(kernels, "PARTS", ())  # compiling takes half a minute, and would find no place either
    with pytest.raises(OSError, match="nothing could be written to /proc/kernels"):
        kernels.compile_all(Path("/proc/kernels"))


def test_a_switch_of_numba_s_in_the_environment_compiles_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a switch leaves no folder of compiled kernels to be named."""
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    monkeypatch.setattr(kernels, "PARTS", ())
    folder = tmp_path / "kernels"
    folder.mkdir(mode=0o755)
    assert kernels.compile_all(folder).parent == folder
