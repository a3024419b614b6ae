"""All populations of a scenario are made in one order, each with dice of its own, and estimate what they send."""

from __future__ import annotations

import numpy as np
import pytest

from ims.simulate.output.play import Play
from ims.simulate.populations.population import populations_of
from ims.simulate.scenario.tables import Cast
from ims.simulate.scenario.world import world_of

from ..captures import scenario, simulated

HOUR = 3600 * 10**9
EACH = {
    "background": [{"name": "b", "sources": 100, "packets_per_24": 500, "ports": {"tcp/80": 1}, "tail": 0}],
    "misconfiguration": [{"name": "m", "block": "C/24", "interval": "3m", "service": {"port": "udp/53"}}],
    "attack": [{"name": "a", "rate": 50_000, "victim": "192.0.2.80"}],
    "scanner": [{"name": name, "rate": 100_000, "service": [{"port": "tcp/22"}]} for name in ("s", "t")],
    "worm": [{"name": "w", "hosts": 1000, "runs_per_hour": 100_000, "service": [{"port": "tcp/445"}]}],
}  # fmt: skip


def made(**tables):
    given, cast = scenario(**tables), Cast(1)
    return populations_of(given, cast, world_of(given)), cast


def test_populations_come_by_kind_and_in_the_order_of_their_tables():
    found, cast = made(**EACH)
    assert [event.name for event in cast.events] == ["w", "s", "t", "a", "m", "b"]
    assert len(found) == len(cast.events)
    assert [event.kind for event in cast.events] == [
        "worm",
        "scanner",
        "scanner",
        "attack",
        "misconfiguration",
        "background",
    ]


@pytest.mark.parametrize("kind", EACH)
def test_who_sends_an_hour_long_was_estimated_to_send_it(kind):
    """On average and at most: so no more comes than four deviations above, and something does."""
    play = Play(scenario(duration="1h", **{kind: EACH[kind]}), 1)
    packets, octets = np.sum([population.expected(0, HOUR) for population in play.populations], axis=0)
    parts = [(part.count, int(part.draft.used[1])) for part in play.whiles()]
    sent = sum(count for count, _ in parts)
    assert 0 < sent <= packets + 4 * packets**0.5 + 4
    assert octets >= 54 * sent * 0.7


def test_whoever_comes_later_changes_nothing_of_those_before():
    """Dice are a population's own."""
    alone, _ = simulated(worm=EACH["worm"])
    capture, _ = simulated(**EACH)
    mine = (capture.destination_port == 445) & (capture.source != 0xC0000250)
    columns = ("time", "source", "destination", "source_port", "length", "ttl")
    assert len(alone) > 300
    for name in columns:
        assert getattr(alone, name).tolist() == getattr(capture, name)[mine].tolist(), name


def test_what_a_population_cannot_be_is_refused_by_its_maker():
    nothing = {key: value for key, value in EACH["background"][0].items() if key != "ports"}
    given, cast = scenario(background=[nothing]), Cast(1)
    with pytest.raises(ValueError, match="neither ports nor a tail"):
        populations_of(given, cast, world_of(given))
