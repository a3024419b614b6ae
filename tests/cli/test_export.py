"""`ims export`: what can't be written is refused in one line, and nothing is left."""

from __future__ import annotations

from pathlib import Path

from ..stores import cli
from .refused import refused


def test_export_refuses_what_it_can_t_write(one_store: Path, tmp_path: Path) -> None:
    refused(
        cli("export", "xls", "--store", one_store, "--out", tmp_path / "x"), "no format 'xls'; expected one of pcap"
    )
    refused(cli("export", "pcap", "--store", one_store, "--out", tmp_path), "is a folder")
    refused(
        cli("export", "pcap", "--store", one_store, "--out", tmp_path / "no" / "x.pcap"),
        f"{tmp_path}/no/x.pcap: its folder isn't there\n",
    )
    (tmp_path / "file").touch()
    refused(
        cli("export", "pcap", "--store", one_store, "--out", tmp_path / "file" / "x.pcap"),
        f"ims: {tmp_path}/file/x.pcap: Not a directory\n",
    )
    (tmp_path / "file").unlink()
    refused(cli("export", "pcap", "--store", one_store), "--out")
    assert list(tmp_path.iterdir()) == []
