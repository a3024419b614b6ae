"""A filter is read once, whoever is asked and however: what follows has its syntax tree."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lark
import pytest

import ims
from ims.cli import app
from ims.darknet import Block
from ims.lake.ship import Shipper
from ims.lake.uri import open_place
from ims.link import contract
from ims.portal.federation.asker import Budget
from ims.portal.federation.merge import MergeEngines
from ims.portal.federation.registry import Registry
from ims.portal.federation.scatter import Scatter
from ims.portal.federation.sensors import Sensors
from ims.portal.federation.sensors_backend import SensorsBackend
from ims.portal.privacy.policy import PrivacyPolicy, SecrecySettings
from ims.query.language import json_codec
from ims.query.language.syntax_tree import Protocol
from ims.query.verbs import VERBS
from ims.queryd.execution import Answerer
from ims.telescope import Telescope
from ims.verb_methods import VerbMethods

from .portal.api.served import ROLES, Served, world
from .portal.test_same_answer import Daemons
from .query.words import needed

FILTER = "ip and tcp dst port 445"
"""That viewers may ask, too."""
FILTERED = [name for name, verb in VERBS.items() if "filter" in verb.by_name]


class Counts:
    """How often filters were read as text, and made of the JSON that travels to a daemon."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.texts: list[str] = []
        self.trees: list[Any] = []
        parse, from_json = lark.Lark.parse, json_codec.from_json

        def parsed(parser: lark.Lark, text: str, *words: Any, **named: Any) -> Any:
            self.texts.append(text)
            return parse(parser, text, *words, **named)

        def made(found: object) -> Any:
            self.trees.append(found)
            return from_json(found)

        monkeypatch.setattr(lark.Lark, "parse", parsed)
        monkeypatch.setattr(json_codec, "from_json", made)

    def taken(self) -> tuple[int, int]:
        found = len(self.texts), len(self.trees)
        self.texts.clear()
        self.trees.clear()
        return found


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counts:
    return Counts(monkeypatch)


@pytest.fixture(scope="module")
def scattered(tmp_path_factory: pytest.TempPathFactory, one_store: Path) -> Iterator[Telescope]:
    """A portal's way of asking, and a query daemon, both in this process."""
    registry = tmp_path_factory.mktemp("registry") / "registry.toml"
    daemons = Daemons({"a": one_store}, registry)
    sensors = Sensors(Registry(registry), None, lambda serial: False)
    sensors.monitored.note("a", ["198.51.100.0/24"])
    yield Telescope(backend=SensorsBackend(Scatter(sensors, MergeEngines(1, 512 << 20), Budget(seconds=120))))
    sensors.close()
    daemons.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, one_store: Path, scattered: Telescope) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("parses")
    prefixes = [Block.parse("C/24=198.51.100.0/24").prefix]
    settings = SecrecySettings(viewer_threshold=0, viewer_noise=0, viewer_span="400d")
    with world(
        folder, one_store, telescope=scattered, secrecy=PrivacyPolicy(settings, lambda: prefixes, secret=bytes(32)),
        octets=lambda signatures: {},
    ) as made:  # fmt: skip
        yield made


def ask(telescope: VerbMethods, verb: str, filter: str) -> None:
    getattr(telescope, verb)(filter=filter, **needed(verb))


def many(verb: str) -> int:
    """How many steps a question of this verb has, each a filter."""
    return 2 if verb == "chain" else 0


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, one_store: Path) -> str:
    folder = tmp_path_factory.mktemp("lake")
    shutil.copytree(one_store, folder / "STORE")
    Shipper(folder / "STORE", open_place(str(folder / "lake"))).ship("a")
    return str(folder / "lake")


@pytest.mark.parametrize("verb", FILTERED)
def test_a_store_and_a_lake_read_it_once(counts: Counts, one_store: Path, lake: str, verb: str) -> None:
    for telescope in (ims.open(one_store), ims.open(lake=lake)):
        ask(telescope, verb, FILTER)
        assert counts.taken()[0] == 1 + many(verb)


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> list[contract.Ask]:
    """What the daemon is asked."""
    found: list[contract.Ask] = []
    answer = Answerer.answer

    def answered(answerer: Answerer, ask: contract.Ask, *words: Any) -> Any:
        found.append(ask)
        return answer(answerer, ask, *words)

    monkeypatch.setattr(Answerer, "answer", answered)
    return found


@pytest.mark.parametrize("role", ROLES)
def test_a_portal_reads_it_once_for_every_role_and_a_daemon_makes_its_tree_once(
    counts: Counts, messages: list[contract.Ask], served: Served, role: str
) -> None:
    for verb in FILTERED:
        words = needed(verb) | {"filter": FILTER, "since": "2026-03-04", "until": "2026-03-05"}
        messages.clear()
        answer = served.as_(role).post(f"/query/{verb}", json=words)
        # Of a cache, viewers are shown all packets' alone. The darknet's filter picks rows of coverage, in the portal.
        may = (
            verb != "local" if role == "analyst" else role != "viewer" or verb in ("count", "series", "top", "darknet")
        )
        assert answer.status_code == (200 if may else 403), answer.text
        with_filter = [ask for ask in messages if ask.filter is not None]
        assert bool(with_filter) == (may and verb != "darknet")
        texts, trees = counts.taken()
        assert texts == 1 + many(verb), verb
        assert trees == len(with_filter) or verb == "chain", verb


@pytest.mark.parametrize("role", ROLES)
def test_no_question_stands_twice_in_a_message(messages: list[contract.Ask], served: Served, role: str) -> None:
    for verb in VERBS:
        words = needed(verb)
        # The range is this role's and verb's alone: what is remembered isn't asked again.
        words |= {"since": f"2026-03-0{2 + ROLES.index(role)}", "until": "2026-03-06"}
        served.as_(role).post(f"/query/{verb}", json=words)
    assert len(messages) >= 5
    for ask in messages:
        questions = [question.model_dump_json() for question in ask.questions]
        assert len(set(questions)) == len(questions), questions


def test_an_export_reads_it_once(counts: Counts, served: Served, one_store: Path, tmp_path: Path) -> None:
    assert served.as_("operator").post("/export/csv", json={"filter": FILTER}).status_code == 200
    assert counts.taken()[0] == 1
    ims.open(one_store).export(tmp_path / "x.pcap", "pcap", FILTER)
    assert counts.taken() == (1, 0)


def test_the_command_line_reads_it_once(counts: Counts, one_store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app(["query", "count", FILTER, "--store", str(one_store)], standalone_mode=False)
    assert counts.taken() == (1, 0)
    assert "packets" in capsys.readouterr().out


def test_a_ticket_is_read_once(counts: Counts) -> None:
    question = {"plan": "count", "request": {"verb": "count"}}
    asked = {"kind": "ask", "version": 2, "questions": [question], "filter": {"is": "protocol", "number": 17}}
    found = contract.read_ticket(json.dumps(asked).encode())
    assert isinstance(found, contract.Ask)
    assert found.typed[0].request.filter == found.filter == Protocol(17)
    assert counts.taken() == (0, 1)
