"""What answers say of what isn't shown in them tells nothing of what is stored or watched."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

import ims
from ims.portal.privacy.omissions import NO_SOURCES, omissions
from ims.portal.privacy.policy import Forbidden, PrivacyPolicy, SecrecySettings
from ims.query.answer import Answer
from ims.query.request import Request

from ..permuted import MIDNIGHT, store
from .gate import HOUR

START = MIDNIGHT // 1000
LATER = (START + 48 * HOUR) / 1e6
DARKNETS = ([], ["198.51.100.0/24"], ["10.0.0.0/8", "198.51.100.128/25"])


ANSWERS: dict[str, Answer] = {}
"""What was asked already: all stores are the same here."""


def withheld(role: Any, asked: dict[str, Any], prefixes: list[str], telescope: Any = None) -> tuple[str, ...]:
    """The lines for a role; without a telescope, of an answer of no rows to the question that the gate makes of it."""
    networks = [ipaddress.IPv4Network(prefix) for prefix in prefixes]
    gate = PrivacyPolicy(SecrecySettings(viewer_bin="1h"), lambda: networks, clock=lambda: LATER, secret=bytes(32))
    request = gate.check(role, Request(**asked))

    def put(asked: Request) -> Answer:
        words = asked.model_dump_json()
        if words not in ANSWERS:
            ANSWERS[words] = telescope.ask(asked)
        return ANSWERS[words]

    return gate.answer(role, request, put).record.withheld


ASKED = [
    {"verb": "count"},
    {"verb": "count", "filter": "src net 10.0.0.0/8"},
    {"verb": "series", "bin": 60_000_000},
    {"verb": "series", "per_24": True, "group": "source/8"},
    {"verb": "top", "group": "block", "since": START, "until": START + 24 * HOUR},
    {"verb": "top", "group": "destination_port", "per_24": True},
    {"verb": "series", "metric": "bytes"},
    {"verb": "cache"},
    {"verb": "chain", "chain": {"steps": ["ip", "ip"], "within": 60_000_000}},
    {"verb": "chain", "chain": {"steps": ["src net 10.0.0.0/8", "udp"], "within": 1, "at": "anywhere", "bin": HOUR}},
    {"verb": "sightings", "group": "sensor"},
    {"verb": "novelty"},
    {"verb": "coverage"},
    {"verb": "darknet", "group": "block"},
]


@pytest.mark.parametrize("role", ["viewer", "analyst"])
def test_they_are_the_same_whatever_is_watched_and_stored(tmp_path_factory: pytest.TempPathFactory, role: str) -> None:
    """Of an empty darknet, a /24 and a /8, over a full store and one in which nothing came in the range."""
    full = ims.open(store(tmp_path_factory.mktemp("full"), 0))
    for asked in ASKED:
        if role == "viewer" and asked["verb"] in ("chain", "sightings", "novelty"):
            with pytest.raises(Forbidden):
                withheld(role, asked, DARKNETS[1], full)
            continue
        [once] = {withheld(role, asked, prefixes, full) for prefixes in DARKNETS}
        if asked["verb"] in ("count", "series") and not asked.get("group") and asked.get("metric") is None:
            none = {**asked, "filter": "block X"}
            assert withheld(role, none, DARKNETS[1], full) == tuple(line for line in once if line != NO_SOURCES)
        assert bool(once) == (
            role == "viewer" or asked.get("group") == "source/8" or "filter" in asked
            or asked["verb"] in ("coverage", "chain", "sightings")
        )  # fmt: skip


def test_chains_of_analysts_say_that_monitored_sources_and_some_variants_are_missing() -> None:
    for asked in ASKED:
        if asked["verb"] == "chain":
            lines = omissions("analyst", Request(**asked), SecrecySettings(), None)
            assert len(lines) == 2 and lines[1] == NO_SOURCES and "withheld" in lines[0]
            assert omissions("operator", Request(**asked), SecrecySettings(), None) == ()


def test_sightings_of_analysts_say_that_some_signatures_are_missing() -> None:
    [line] = omissions("analyst", Request(verb="sightings"), SecrecySettings(), None)
    assert "withheld" in line and omissions("analyst", Request(verb="novelty"), SecrecySettings(), None) == ()


def test_a_viewer_s_lines_name_what_the_settings_make_of_the_question(tmp_path_factory: pytest.TempPathFactory) -> None:
    full = ims.open(store(tmp_path_factory.mktemp("full"), 0))
    assert withheld("viewer", {"verb": "series", "bin": 60_000_000, "metric": "bytes"}, DARKNETS[1], full) == (
        "viewers are shown whole bins of 1h that are at least 1h old: here from 2026-02-26T23:00:00Z to "
        "2026-03-05T23:00:00Z",
        "bins are 1h wide, not 1m: viewers are shown none narrower",
        "viewers are shown no bytes of 1h below 3,000,000; what isn't shown may be less, or nothing, and counts as nothing",
        "those shown carry noise (750,000, one standard deviation): see low and high, 95 %",
        "what was lost isn't shown to viewers",
    )
    day = {"since": START, "until": START + 24 * HOUR}
    assert withheld("viewer", {"verb": "count", **day}, DARKNETS[1], full)[:2] == (
        "viewers are shown no packets of 1h below 1,000; what isn't shown may be less, or nothing, and counts as nothing",
        "those shown carry noise (250, one standard deviation): see low and high, 95 %",
    )
    assert withheld("operator", {"verb": "series", "bin": 60_000_000}, DARKNETS[1], full) == ()
