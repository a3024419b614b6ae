"""The same answer of a store, a lake and a portal; and what a portal's roles see of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ims
from ims.analyse.result_reader import from_json
from ims.lake.ship import Shipper
from ims.lake.uri import open_place

from ...portal.api.served import Served, world
from ..port_store import port_store  # noqa: F401  (a fixture)

MONITORED = re.compile(r"198\.51\.100\.\d|33252567\d\d|332525687\d|c63364", re.IGNORECASE)


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory, port_store: Path) -> Iterator[Served]:  # noqa: F811
    with world(tmp_path_factory.mktemp("ports") / "world", port_store) as served:
        yield served


@pytest.fixture(scope="module")
def own(port_store: Path) -> dict[str, Any]:  # noqa: F811
    with ims.open(port_store) as telescope:
        return dict(json.loads(telescope.analyse.ports().to_json()))


def test_a_lake_has_the_store_s_answer(tmp_path: Path, port_store: Path, own: dict[str, Any]) -> None:  # noqa: F811
    Shipper(port_store, open_place(str(tmp_path / "lake"))).ship("a")
    with ims.open(lake=str(tmp_path / "lake")) as lake:
        found = json.loads(lake.analyse.ports().to_json())
    for part in ("rows", "estimates", "series"):
        assert found[part] == own[part]
    assert [row["port"] for row in found["rows"]] == [4000]


def test_an_analyst_has_all_of_it_and_no_monitored_address(portal: Served, own: dict[str, Any], tmp_path: Path) -> None:
    """Neither in rows, series and notes, nor as text, nor in a figure."""
    reply = portal.as_("analyst").post("/analyses/ports", json={})
    assert reply.status_code == 200, reply.text
    for part in ("rows", "estimates", "series"):
        assert reply.json()[part] == own[part]
    result = from_json(reply.json())
    result.save(tmp_path / "x.svg")
    figure = (tmp_path / "x.svg").read_text()
    assert "4000/udp" in figure
    for text in (reply.text, result.plot() or "", repr(result._repr_mimebundle_()), figure):
        assert not MONITORED.search(text)


@pytest.mark.parametrize("words", [{}, {"well_known": True}, {"bin": "1w"}, {"filter": "udp dst port 4000"}])
def test_a_viewer_is_refused_and_told_why(portal: Served, words: dict[str, Any]) -> None:
    """Whatever the range is."""
    reply = portal.as_("viewer").post("/analyses/ports", json=words)
    assert reply.status_code == 403 and "viewers" in reply.json()["error"]
    assert not MONITORED.search(reply.text)
