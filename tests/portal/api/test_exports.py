"""Exports: the same octets as on the sensor's machine, for operators, in bounded room."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import ims
from ims.export import FORMATS
from ims.portal.services import Limits

from .served import Served, refused, world


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "words", [{}, {"filter": "tcp dst port 445", "since": "2026-03-04T03:00"}, {"filter": "udp and not udp"}]
)
def test_an_export_is_the_store_s(
    served: Served, one_store: Path, tmp_path: Path, format: str, words: dict[str, Any]
) -> None:
    report = ims.open(one_store).export(tmp_path / "wanted", format, **words)
    found = served.as_("operator").post(f"/export/{format}", json=words)
    assert found.content == (tmp_path / "wanted").read_bytes()
    assert json.loads(found.headers["x-ims-report"])["packets"] == report.packets
    assert found.headers["content-disposition"] == f'attachment; filename="export.{format}"'


def test_a_link_is_the_store_s_too(served: Served, one_store: Path, tmp_path: Path) -> None:
    ims.open(one_store).export(tmp_path / "wanted", link="ethernet")
    found = served.as_("operator").post("/export/pcap", json={"link": "ethernet"})
    assert found.content == (tmp_path / "wanted").read_bytes()
    refused(served.as_("operator").post("/export/csv", json={"link": "ipv4"}), 400, "--link ipv4 goes with pcap")
    refused(served.as_("operator").post("/export/pcap", json={"link": "fddi"}), 400, "link: ")


@pytest.mark.parametrize("role", ["viewer", "analyst"])
def test_exports_are_for_operators(served: Served, role: str) -> None:
    refused(served.as_(role).post("/export/pcap", json={}), 403, "this is for operators")


def test_what_makes_no_sense_is_refused(served: Served) -> None:
    asker = served.as_("operator")
    refused(asker.post("/export/xls", json={}), 400, "format: ")
    refused(asker.post("/export/pcap", json={"filter": "tpc"}), 400, "filter, column 1: ")
    refused(asker.post("/export/..%2Fpcap", json={}), 404)
    refused(asker.get("/export/pcap"), 405)


def test_what_is_too_large_is_refused_and_leaves_nothing(tmp_path: Path, one_store: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    limits = Limits(export_bytes=10_000, export_folder=spool, exports=1)
    with world(tmp_path / "portal", one_store, limits=limits) as served:
        asker = served.as_("operator")
        for format in FORMATS:
            refused(asker.post(f"/export/{format}", json={}), 400, "more than 10,000 bytes: ask for a shorter time")
        assert asker.post("/export/pcap", json={"filter": "udp and not udp"}).status_code == 200
        assert list(spool.iterdir()) == []
