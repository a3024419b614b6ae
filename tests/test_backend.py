"""What works on one backend works on all: stores, a lake, a portal's sensors, a portal over HTTP."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ims.analyse.analyses import ANALYSES
from ims.backend import Backend
from ims.client import PortalBackend
from ims.lake.backend import LakeBackend
from ims.lake.ship import Shipper
from ims.lake.uri import open_place
from ims.portal.federation.asker import Budget
from ims.portal.federation.merge import MergeEngines
from ims.portal.federation.registry import Registry
from ims.portal.federation.scatter import Scatter
from ims.portal.federation.sensors import Sensors
from ims.portal.federation.sensors_backend import SensorsBackend
from ims.query.request import make_request
from ims.stores_backend import StoresBackend
from ims.telescope import Telescope

from .effort import every
from .portal.api.served import world
from .portal.test_same_answer import Daemons
from .query.words import found_by_analysis

DAY = {"since": "2026-03-04", "until": "2026-03-05"}
KINDS = ("stores", "lake", "sensors", "portal")


@pytest.fixture(scope="module")
def backends(tmp_path_factory: pytest.TempPathFactory, one_store: Path) -> Iterator[dict[str, Backend]]:
    folder = tmp_path_factory.mktemp("backends")
    shutil.copytree(one_store, folder / "STORE")
    Shipper(folder / "STORE", open_place(str(folder / "lake"))).ship("a")
    daemons = Daemons({"a": one_store}, folder / "registry.toml")
    sensors = Sensors(Registry(folder / "registry.toml"), None, lambda serial: False)
    with world(folder / "world", one_store) as served:
        portal = PortalBackend(served.url, served.world.tokens["operator"])
        yield {
            "stores": StoresBackend([one_store]),
            "lake": LakeBackend(str(folder / "lake")),
            "sensors": SensorsBackend(Scatter(sensors, MergeEngines(1, 512 << 20), Budget(seconds=120))),
            "portal": portal,
        }
        portal.close()
    sensors.close()
    daemons.close()


@pytest.fixture(params=KINDS)
def backend(request: Any, backends: dict[str, Backend]) -> Backend:
    return backends[request.param]


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ("count", {}),
        ("series", {"bin": "5m", "group": "block", "per_24": True}),
        ("top", {"group": "destination_port", "limit": 7}),
        ("packets", {"limit": 7}),
        ("payloads", {"limit": 5}),
        ("sources", {"limit": 5}),
        ("chain", {"first": "ip", "then": "payload"}),
        ("chain", {"first": "udp", "then": ["udp", "udp"], "within": "1d", "at": "sensor", "bin": "2h", "limit": 5}),
        ("chain", {"first": "tcp", "then": ["payload"], "within": 7200, "at": "anywhere", "bin": 600}),
        ("sightings", {"limit": 9}),
        ("sightings", {"group": "sensor", "fresh": "2026-03-04T06:00"}),
        ("novelty", {"bin": "2h", "group": "sensor"}),
        ("novelty", {"bin": "30m", "fresh": "2026-03-04T03:00"}),
        ("cache", {}),
        ("coverage", {}),
        ("darknet", {"bin": "5m", "group": "block"}),
    ],
)
def test_a_question_has_one_answer(backends: dict[str, Backend], verb: Any, words: dict[str, Any]) -> None:
    request = make_request(verb, None if verb in ("coverage", "darknet") else "udp or tcp", **DAY, **words)
    first, *others = [backends[kind].run(request) for kind in KINDS]
    assert len(first)
    for other in others:
        assert other.table.equals(first.table)
        for name in ("sensors", "darknet_24s", "frames_lost", "payloads_lost", "limit", "verb"):
            assert getattr(other.record, name) == getattr(first.record, name), name


@pytest.mark.parametrize("name", every(2, ANALYSES))
def test_an_analysis_has_one_result(backends: dict[str, Backend], name: str) -> None:
    words = {"filter": "udp or tcp", **DAY, **found_by_analysis(Telescope(backend=backends["stores"]), name)}
    if name == "new-payloads":  # made here of a portal's verbs: it has no more rows than these have for the role
        words["limit"] = 1000
    first, *others = [Telescope(backend=backends[kind]).analysis(name, words) for kind in KINDS]
    assert len(first.series) or name == "ports"  # a day is too short for it
    assert {other.to_json() for other in others} == {first.to_json()}


def test_hours_hold_the_packets_of_a_range(backend: Backend, backends: dict[str, Backend]) -> None:
    request = make_request("packets", None, **DAY)
    found = backend.hours(request)
    begins = [begin for begin, _ in found]
    assert begins == sorted(set(begins)) and all(begin % 3_600_000_000 == 0 for begin in begins)
    exact = backends["stores"].run(make_request("series", None, bin="1h", **DAY)).rows()
    for row in exact:
        begin = round(row["time"].timestamp() * 1e6)
        assert row["value"] == 0 or dict(found)[begin] >= row["value"]


def test_a_record_tells_the_darknet_s_size_without_a_question(backend: Backend, backends: dict[str, Backend]) -> None:
    request = make_request("top", "udp", group="block", **DAY)
    record = backend.record(request)
    assert record.darknet_24s == backends["stores"].run(request).record.darknet_24s > 0
    assert record.sensors == ("a",)


def test_a_file_is_written_alike(backend: Backend, backends: dict[str, Backend], tmp_path: Path) -> None:
    request = make_request("packets", "udp", **DAY)
    for name, each in (("one", backends["stores"]), ("other", backend)):
        each.write(request, tmp_path / name, "pcap", "raw")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_a_payload_is_given_alike(backend: Backend, backends: dict[str, Backend]) -> None:
    [row] = backends["stores"].run(make_request("payloads", None, limit=1)).rows()
    assert backend.payload(row["signature"]) == row["payload"]


def test_what_is_wrong_is_a_value_error_everywhere(backend: Backend, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no payload is stored"):
        backend.payload("00" * 16)
    with pytest.raises(ValueError, match="no format 'doc'"):
        backend.write(make_request("packets", None), tmp_path / "x", "doc", "raw")
    assert not (tmp_path / "x").exists()
