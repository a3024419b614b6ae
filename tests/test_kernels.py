"""Where compiled kernels are kept: a folder of one's own, another for other sources or flags, refused if shared."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims import kernels


def started(**settings: str) -> subprocess.CompletedProcess[str]:
    code = "from ims import kernels; print(kernels.cache_folder())"
    environment = {name: text for name, text in os.environ.items() if name not in ("IMS_CACHE_DIR", "IMS_BOUNDSCHECK")}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment | settings, capture_output=True, text=True, check=False
    )


def test_the_folder_is_private(tmp_path: Path) -> None:
    done = started(IMS_CACHE_DIR=str(tmp_path / "cache"))
    folder = Path(done.stdout.strip())
    assert folder.parent == tmp_path / "cache"
    assert folder.stat().st_mode & 0o777 == 0o700 == folder.parent.stat().st_mode & 0o777


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o722])
def test_a_folder_that_others_may_write_into_is_refused(tmp_path: Path, mode: int) -> None:
    shared = tmp_path / "cache"
    shared.mkdir()
    shared.chmod(mode)
    done = started(IMS_CACHE_DIR=str(shared))
    assert done.returncode != 0
    assert f"the kernel cache {shared} must be a folder of user" in done.stderr


def test_a_link_to_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert started(IMS_CACHE_DIR=str(tmp_path / "link")).returncode != 0


def test_somebody_else_s_folder_is_refused(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away; CI is root")
    (tmp_path / "cache").mkdir(mode=0o700)
    os.chown(tmp_path / "cache", 12_345, 12_345)
    assert "must be a folder of user 0" in started(IMS_CACHE_DIR=str(tmp_path / "cache")).stderr


ANNOUNCED = """
from ims.cli.present import announce_compiling
announce_compiling()
from ims.packet.checksum import expected_field
print(expected_field(1, 2))
"""


def test_where_nothing_can_be_kept_kernels_are_compiled_each_time_which_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    flags = {"IMS_BOUNDSCHECK": "all"}  # of which an installation on this machine has none
    for folder, times in (
        (str(tmp_path / "cache"), "once"),
        ("/proc/nowhere", "each time: set IMS_CACHE_DIR"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", ANNOUNCED], env=os.environ | flags | {"IMS_CACHE_DIR": folder}, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert f"takes up to half a minute, {times}" in done.stderr


def test_flags_and_sources_have_folders_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = {"IMS_CACHE_DIR": str(tmp_path)}
    tmp_path.chmod(0o700)
    assert started(**cache).stdout == started(**cache).stdout
    assert started(**cache).stdout != started(IMS_BOUNDSCHECK="all", **cache).stdout
    before = kernels.sources_hash()
    copy = tmp_path / "ims"
    for source in Path(kernels.__file__).parent.rglob("*.py"):
        target = copy / source.relative_to(Path(kernels.__file__).parent)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    monkeypatch.setattr(kernels, "__file__", str(copy / "kernels.py"))
    assert kernels.sources_hash() == before
    for changed in ("cli/demo.py", "cli/present.py", "kernel_cache.py", "install/kernels.py", "portal/daemon.py"):
        (copy / changed).write_text("# no kernel in here, though some load them\n")
        assert kernels.sources_hash() == before
    for changed in ("packet/octets.py", "decode/verdict.py", "records.py", "unwrap.py"):  # and constants
        before = kernels.sources_hash()
        with (copy / changed).open("a") as file:
            file.write("# changed\n")
        assert kernels.sources_hash() != before
    (copy / "extra").mkdir()
    with (copy / "unwrap.py").open("a") as file:
        file.write("from ims.extra import first, second as two\nfrom ims.extra import (\n    third,\n)\n")
    for changed in ("first", "second", "third"):
        before = kernels.sources_hash()
        (copy / "extra" / f"{changed}.py").write_text("NUMBER = 1\n")
        assert kernels.sources_hash() != before, changed


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_arithmetic_is_modulo_2_to_the_64(a: int, b: int) -> None:
    assert int(kernels.add64(a, b)) == (a + b) % 2**64
    assert int(kernels.mul64(a, b)) == (a * b) % 2**64
