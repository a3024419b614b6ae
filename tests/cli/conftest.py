"""A newcomer's desk: a folder with a capture, and a shell in which `ims` is found (see forked.py)."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from .. import forked
from ..install.image import image
from ..made.sample import write_sample
from ..origin.mmdb_files import country, write_mmdb
from ..stores import IMS, ingest

__all__ = ["image"]
Shell = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, samples: dict[int, Path]) -> Path:
    """dark.pcap, 1.pcap.gz, 2.pcap.zst, and .venv."""
    folder = tmp_path_factory.mktemp("a desk")
    (folder / ".venv").symlink_to(IMS.parent.parent)
    shutil.copy(samples[1], folder / "dark.pcap")
    for seed, name, compress in ((3, "1.pcap.gz", gzip.compress), (4, "2.pcap.zst", zstandard.compress)):
        write_sample(folder / "plain", packets=1000, seed=seed)
        (folder / name).write_bytes(compress((folder / "plain").read_bytes()))
    return folder


@pytest.fixture(scope="module")
def stocked(desk: Path, samples: dict[int, Path]) -> Path:
    """The desk with a store on it, STORE, and the files that examples of analyses name: a rule, as docs/analyses.md has
    it, and one that tells countries."""
    ingest(desk / "STORE", samples[2], sensor="z")
    page = (Path(__file__).parents[2] / "docs" / "analyses.md").read_text()
    [rule] = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (desk / "blaster.toml").write_text(rule)
    write_mmdb(desk / "GeoLite2-Country.mmdb", {"0.0.0.0/0": country("XA")})
    return desk


@pytest.fixture(scope="module")
def shell(desk: Path) -> Shell:
    """Runs lines as a person types them."""

    def run(lines: str) -> subprocess.CompletedProcess[str]:
        path = f"{forked.ims().parent}:{IMS.parent}:{os.environ['PATH']}"
        environment = os.environ | {"PATH": path, "COLUMNS": "200"}
        return subprocess.run(
            ["bash", "-euc", lines],
            cwd=desk,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


@pytest.fixture
def bench(tmp_path: Path, samples: dict[int, Path]) -> Path:
    """Things that aren't what is wanted."""
    (tmp_path / "dark.pcap").symlink_to(samples[1])
    (tmp_path / "empty.pcap").touch()
    (tmp_path / "text.pcap").write_text("Not a capture\n")
    (tmp_path / "cut.pcap").write_bytes(samples[1].read_bytes()[:20])
    (tmp_path / "folder").mkdir()
    (tmp_path / "strange \x1b[31mname\n.pcap").write_text("no")
    return tmp_path
