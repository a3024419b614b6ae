"""10,000 questions of an analyst's and a viewer's account tell nothing of which prefixes are monitored (attacker.py).

What must not differ at all (status, text, size, kept or not) is compared as it stands. Times are guessed by: of as many
guesses as there are ways of asking, none may be better than chance, at one false alarm in ten thousand for all.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.portal.attack.attacker import Attacker, analysts_questions, bits, chance, right, viewers_questions
from tests.portal.attack.pairs import Pair, riddle, store_of
from tests.portal.deployment import Deployment, deployed

MANY = 60
FALSE_ALARMS = 1e-4
QUESTIONS = {"analyst": analysts_questions(), "viewer": viewers_questions()}
TIMED = {
    "analyst": (
        "count: one", "count: nearly longest", "count: around", "top: one", "sources: one", "packets: not",
        "count: signature of form 0", "payload of form 0",
    ),
    "viewer": ("count: one", "series: one", "count: refused"),
}  # fmt: skip
ROUNDS = {"analyst": 5, "viewer": 9}
SLOW = ("count: signature of form 0", "payload of form 0")
"""Refused after a multiple of half a second: of these three rounds are asked, and nothing twice."""


def running(
    folder: str, tmp_path_factory: pytest.TempPathFactory, many: int
) -> Iterator[tuple[Deployment, list[Pair]]]:
    place = tmp_path_factory.mktemp(folder)
    pairs = riddle(many, seed=2005)
    store = store_of(pairs, place, packets=280, seed=7)
    # Of every other block the registry says nothing: its coverage alone does.
    blocks = {"a": [(pair.block, str(pair.monitored)) for pair in pairs[::2]]}
    settings = {"secrecy": {"viewer_threshold": 5, "viewer_noise": 0}}  # so that viewers see something at all
    with deployed(place / "deployment", {"a": store}, blocks=blocks, **settings) as deployment:
        deployment.heard()
        yield deployment, pairs


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Deployment, list[Pair]]]:
    yield from running("few", tmp_path_factory, 4)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Deployment, list[Pair]]]:
    yield from running("many", tmp_path_factory, MANY)


def differences(
    deployment: Deployment, pairs: list[Pair], role: str, every: int = 1
) -> list[tuple[str, str, list[str]]]:
    """Questions whose answers differ within a pair. `every`: each pair is asked every so many of them."""
    found = []
    with Attacker(deployment.url, deployment.tokens[role]) as attacker:
        for turn, pair in enumerate(pairs):
            for number, (name, question) in enumerate(QUESTIONS[role].items()):
                if (number + turn) % every == 0:
                    differs = attacker.differs(question, pair, number + 1)
                    found += [(pair.block, name, differs)] if differs else []
    return found


@pytest.mark.parametrize("role", ["analyst", "viewer"])
def test_answers_about_a_monitored_prefix_are_those_about_another(
    few: tuple[Deployment, list[Pair]], role: str
) -> None:
    assert differences(*few, role, every=8) == []


@pytest.mark.exhaustive
@pytest.mark.timeout(2400)
@pytest.mark.parametrize("role", ["analyst", "viewer"])
def test_no_answer_and_no_time_of_ten_thousand_questions_tells_more_than_chance(
    many: tuple[Deployment, list[Pair]], role: str
) -> None:
    deployment, pairs = many
    assert differences(deployment, pairs, role, every=6) == []
    told = {}
    numbers = itertools.count(1000)
    with Attacker(deployment.url, deployment.tokens[role]) as attacker:
        for name in TIMED[role]:
            for again in (False,) if name in SLOW else (False, True):
                turns = [[next(numbers) for _ in range(3 if name in SLOW else ROUNDS[role])] for _ in pairs]
                figures = [
                    attacker.timed(QUESTIONS[role][name], pair, turn, again)
                    for pair, turn in zip(pairs, turns, strict=True)
                ]
                found = right(pairs, figures)
                told[f"{name}{', again' if again else ''}"] = (found, chance(found, MANY), bits(found, MANY))
    print(role, told)
    assert min(by_chance for _, by_chance, _ in told.values()) > FALSE_ALARMS / len(told), told
