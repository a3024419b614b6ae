"""A telescope: stores in a folder, or whatever else answers, behind the same verbs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import ims
from ims.query.request import Request, make_request
from ims.stores_backend import StoresBackend
from ims.telescope import Telescope

TENS = ((0x0A00_0000, 0x0AFF_FFFF),)
ALL = ((0, 0xFFFF_FFFF),)


class Asked(StoresBackend):
    """Stores that note what they are asked."""

    def __init__(self, store: Path) -> None:
        super().__init__([store], threads=1)
        self.requests: list[Request] = []
        self.closed = 0

    def run(self, request: Request) -> Any:
        self.requests.append(request)
        return super().run(request)

    def close(self) -> None:
        self.closed += 1
        super().close()


def test_several_stores_answer_as_the_one_that_has_all_of_their_rows(
    three_sensors: Path, three_stores: list[Path]
) -> None:
    one, several = Telescope(three_sensors), ims.open(*three_stores)
    for verb in ("count", "series", "sources", "payloads", "cache"):
        assert getattr(one, verb)("udp").table.equals(getattr(several, verb)("udp").table), verb
    assert one.count().record.sensors == tuple(sorted(several.count().record.sensors))
    assert several.shared_names == {}


def test_another_backend_answers_in_place_of_stores(one_store: Path) -> None:
    backend = Asked(one_store)
    with Telescope(backend=backend) as telescope:
        assert telescope.count("tcp").table.equals(ims.open(one_store).count("tcp").table)
        assert telescope.backend is backend and telescope.shared_names == backend.shared_names
        assert backend.requests == [make_request("count", "tcp")]
    assert backend.closed == 1


def test_who_may_not_see_sources_sees_them_in_no_group_and_counts_them(one_store: Path) -> None:
    """By the name that is to go, which says so; what a request hides itself stays hidden."""
    backend = Asked(one_store)
    telescope = Telescope(backend=backend)
    with pytest.warns(DeprecationWarning, match="hiding"):
        hiding = telescope.hiding(ALL)
    assert len(telescope.sources()) > 0 == len(hiding.sources())
    assert hiding.count("src net 0.0.0.0/0").rows()[0]["packets"] == 0 < telescope.count().rows()[0]["packets"]
    assert hiding.count().table.equals(telescope.count().table)
    hiding.ask(make_request("count", None).hiding(TENS))
    assert backend.requests[-1].hidden == TENS
    assert {request.hidden for request in backend.requests[:-1]} == {None, ALL}


def test_what_a_telescope_is_given_it_takes_along(one_store: Path) -> None:
    with Telescope(one_store, memory_bytes=256 << 20, threads=1) as telescope:
        with telescope.backend.begin(make_request("count", None)) as run:  # type: ignore[attr-defined]
            limit, threads = run.engine._con.execute(
                "SELECT current_setting('memory_limit'), current_setting('threads')"
            ).fetchall()[0]
        assert (limit, threads) == ("256.0 MiB", 1)
