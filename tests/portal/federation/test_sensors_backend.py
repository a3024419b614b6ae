"""Answers of several rounds are of the same sensors, by real daemons' services of which some fail between two."""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import dpkt
import pytest

import ims
from ims.link.contract import Ask
from ims.portal.federation.asker import Budget
from ims.portal.federation.merge import MergeEngines
from ims.portal.federation.registry import Registry
from ims.portal.federation.scatter import ROUNDS, Scatter
from ims.portal.federation.sensors import Sensors
from ims.portal.federation.sensors_backend import SensorsBackend
from ims.query.errors import LaterError, UnansweredError
from ims.telescope import Telescope

from ...queryd.waiting import DEADLINE
from ...stores import BLOCK, MIDNIGHT, ingest, udp, write_pcap
from ..test_turns import Holding, served

NAMES = "abcd"


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One a sensor, with a payload that all have and one of its own."""
    folder, found = tmp_path_factory.mktemp("stores"), {}
    for number, name in enumerate(NAMES):
        packets = [
            (MIDNIGHT + n, udp(0x18000001 + n, 0xC6336407, 53, text))
            for n, text in enumerate((b"common", f"of {name} alone".encode(), *[b"common"] * number))
        ]
        pcap = write_pcap(folder / f"{name}.pcap", packets)
        found[name] = ingest(folder / name, pcap, sensor=name, blocks=[BLOCK])
    return found


class Portal:
    """What a portal asks services with, one of each store. `falls`: by sensor, whether it fails at a question before which
    so many came."""

    def __init__(self, folder: Path, stores: dict[str, Path]) -> None:
        self._open, self.sensors = ExitStack(), dict[str, Holding]()
        self.falls: dict[str, Callable[[int], bool]] = {}
        registry = ""
        for name, store in stores.items():
            service, holding, _ = self._open.enter_context(served(store, 2))
            holding.free.set()
            holding.holds = partial(self._falls, name, holding)
            self.sensors[name] = holding
            registry += f'[[sensor]]\nname = "{name}"\naddress = "127.0.0.1:{service.port}"\n'
        (folder / "registry.toml").write_text(registry)
        sensors = self._open.enter_context(
            contextlib.closing(Sensors(Registry(folder / "registry.toml"), None, lambda serial: None))
        )
        self.telescope = Telescope(
            backend=SensorsBackend(Scatter(sensors, MergeEngines(1, 64 << 20), Budget(DEADLINE)))
        )

    def _falls(self, name: str, holding: Holding, ask: Ask) -> bool:
        if self.falls.get(name, lambda before: False)(len(holding.asked) - 1):
            raise OSError("its disk fails")
        return False

    def close(self) -> None:
        self._open.close()


@pytest.fixture
def portal(tmp_path: Path, stores: dict[str, Path]) -> Iterator[Portal]:
    with contextlib.closing(Portal(tmp_path, stores)) as made:
        yield made


def at(number: int) -> Callable[[int], bool]:
    """Fails at every question of which so many came before."""
    return lambda before: before >= number


def rows_of(verb: str, *stores: Path) -> list[dict[str, Any]]:
    with ims.open(*stores) as telescope:
        return list(getattr(telescope, verb)().rows())


def test_who_falls_silent_between_two_rounds_is_left_out_of_both(portal: Portal, stores: dict[str, Path]) -> None:
    portal.falls["d"] = at(1)
    answer = portal.telescope.payloads()
    assert answer.rows() == rows_of("payloads", *(stores[name] for name in "abc"))
    assert set(answer.record.silent) == {"d"}
    assert (answer.record.asked, answer.record.sensors) == (("a", "b", "c", "d"), ("a", "b", "c"))


def test_one_after_the_other_may_fall_silent_until_the_rounds_are_over(portal: Portal, stores: dict[str, Path]) -> None:
    """In the second round of the first try, and of the second."""
    portal.falls = {"d": at(1), "c": at(3)}
    answer = portal.telescope.payloads()
    assert answer.rows() == rows_of("payloads", stores["a"], stores["b"])
    assert set(answer.record.silent) == {"c", "d"}
    assert ROUNDS == 3


def test_where_another_falls_silent_each_time_the_caller_is_told_to_try_again(portal: Portal) -> None:
    portal.falls = {"d": at(1), "c": at(3), "b": at(5)}
    with pytest.raises(LaterError, match="keep falling silent"):
        portal.telescope.payloads()
    assert [len(portal.sensors[name].asked) for name in "dcba"] == [2, 4, 6, 6]  # who was lost isn't asked again


def test_a_payload_comes_from_whoever_has_it_though_others_fail(portal: Portal) -> None:
    for name in NAMES:
        text = f"of {name} alone".encode()
        assert portal.telescope.payload(hashlib.md5(text).hexdigest()) == text
    portal.falls["a"] = at(1)
    assert portal.telescope.payload(hashlib.md5(b"common").hexdigest()[:10]) == b"common"
    with pytest.raises(ValueError, match="no payload is stored"):
        portal.telescope.payload(hashlib.md5(b"of a alone").hexdigest())


def test_where_none_answers_it_is_an_error_that_names_each(portal: Portal) -> None:
    portal.falls = dict.fromkeys(NAMES, at(0))
    with pytest.raises(OSError, match=r"no sensor answered \(a: .*; b: .*; c: .*; d: .*\)") as caught:
        portal.telescope.count()
    assert "its disk fails" not in str(caught.value), "what a daemon's system says stays there"


def test_an_export_is_whole_or_says_who_fell_silent(portal: Portal, stores: dict[str, Path]) -> None:
    with ims.open(*stores.values()) as telescope:
        [row] = telescope.count().rows()
    out = io.BytesIO()
    assert portal.telescope.export(out, "pcap").packets == row["packets"]
    assert sum(1 for _ in dpkt.pcap.Reader(io.BytesIO(out.getvalue()))) == row["packets"]
    asked = len(portal.sensors["c"].asked)
    portal.falls["c"] = at(asked + 1)
    with pytest.raises(UnansweredError, match=r"fell silent during the export \(c: .*isn't whole"):
        portal.telescope.export(io.BytesIO(), "pcap")
