"""Telescopes behind the gate, for the tests that only ask."""

from __future__ import annotations

import pytest

import ims
from ims.query.answer import Answer
from ims.query.request import Request

from ..permuted import known_payloads, store
from .gate import Ask, Copy


@pytest.fixture(scope="session")
def copies(tmp_path_factory: pytest.TempPathFactory) -> list[Copy]:
    folder = tmp_path_factory.mktemp("permuted")
    return [Copy(ims.open(store(folder, seed)), known_payloads(seed)) for seed in (0, 1, 2)]


@pytest.fixture(scope="session")
def telescope(copies: list[Copy]) -> Ask:
    """Answers a question, once."""
    opened = copies[0].telescope
    kept: dict[str, Answer] = {}

    def put(request: Request) -> Answer:
        asked = request.model_dump_json()
        if asked not in kept:
            kept[asked] = opened.ask(request)
        return kept[asked]

    return put
