"""Backends that answer by plans: each question is a run of its own, which is closed whatever becomes of it."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import dpkt
import pytest

from ims.plan_backend import PlanBackend
from ims.query.request import Request, make_request
from ims.query_run import QueryRun
from ims.stores_backend import StoresRun


class Counting(PlanBackend):
    """One store, whose runs are counted."""

    def __init__(self, store: Path) -> None:
        self.store = store
        self.begun: list[Request] = []
        self.open = 0

    def begin(self, request: Request) -> QueryRun:
        backend = self

        class Run(StoresRun):
            def close(self) -> None:
                backend.open -= 1
                super().close()

        self.begun.append(request)
        run = Run([self.store], request, 256 << 20, 1)
        self.open += 1
        return run


@pytest.fixture
def backend(one_store: Path) -> Counting:
    return Counting(one_store)


def test_each_question_is_a_run_of_its_own(backend: Counting, tmp_path: Path) -> None:
    request = make_request("packets", "udp", limit=5)
    assert len(backend.run(request)) == 5
    assert backend.hours(request)
    assert backend.record(request).sensors == ("a",)
    backend.write(request, tmp_path / "x", "json", "raw")
    assert backend.begun == [request] * 4 and backend.open == 0
    backend.close()
    assert len(backend.run(request)) == 5


@pytest.mark.parametrize(
    "ask",
    [
        lambda backend, path: backend.payload("zz"),
        lambda backend, path: backend.payload("00" * 16),
        lambda backend, path: backend.write(make_request("packets", None), path, "doc", "raw"),
        lambda backend, path: backend.write(make_request("packets", None), path / "no" / "folder", "pcap", "raw"),
    ],
)
def test_a_question_that_fails_leaves_nothing_open(backend: Counting, tmp_path: Path, ask: Any) -> None:
    with pytest.raises((ValueError, OSError)):
        ask(backend, tmp_path)
    assert len(backend.begun) == 1 and backend.open == 0
    assert not list(tmp_path.iterdir())


def test_a_payload_is_that_of_its_signature_by_all_or_some_of_its_digits(backend: Counting) -> None:
    for row in backend.run(make_request("payloads", None, limit=3)).rows():
        for digits in (row["signature"], row["signature"][:10], row["signature"].upper()):
            assert hashlib.md5(backend.payload(digits)).hexdigest() == row["signature"]


def test_what_is_written_is_what_a_question_counts(backend: Counting) -> None:
    """A limit isn't looked at."""
    file = io.BytesIO()
    backend.write(make_request("packets", "udp", limit=1), file, "pcap", "raw")
    packets = [dpkt.ip.IP(octets) for _, octets in dpkt.pcap.Reader(io.BytesIO(file.getvalue()))]
    assert len(packets) == backend.run(make_request("count", "udp")).rows()[0]["packets"] > 1
    assert {packet.p for packet in packets} == {17}
