"""Each table of a scenario refuses what can't be, by itself, in words that say what would be right."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from ims.simulate.scenario.models import (
    AttackModel,
    BackgroundModel,
    BlockModel,
    MisconfigurationModel,
    ScannerModel,
    ServiceModel,
    WormModel,
)

SERVICE = {"port": "tcp/80"}
GOOD = {
    BlockModel: {"name": "C/24", "prefix": "198.51.100.0/24"},
    ServiceModel: SERVICE,
    WormModel: {"name": "w", "hosts": 10, "runs_per_hour": 1, "service": [SERVICE]},
    ScannerModel: {"name": "s", "rate": 1, "service": [SERVICE]},
    AttackModel: {"name": "a", "rate": 1},
    MisconfigurationModel: {"name": "m", "block": "C/24", "interval": "1m", "service": SERVICE},
    BackgroundModel: {"name": "b", "sources": 1, "packets_per_24": 1},
}
by_model = pytest.mark.parametrize("model", GOOD, ids=lambda model: model.__name__)
GROWING = {"hosts": None, "initial": 5, "limit": 100, "doubling": "2h"}


def made(model, **keys):
    return model.model_validate({key: value for key, value in (GOOD[model] | keys).items() if value is not None})


@by_model
def test_a_table_that_is_good_stays_as_it_is_and_each_key_that_must_be_there_is_missed(model):
    good = made(model)
    with pytest.raises(ValidationError, match="frozen"):
        setattr(good, next(iter(GOOD[model])), "other")
    for key in GOOD[model]:
        if model.model_fields[key].is_required():
            with pytest.raises(ValidationError, match=key):
                made(model, **{key: None})


@by_model
def test_an_unknown_key_and_a_number_without_end_are_refused(model):
    with pytest.raises(ValidationError, match="xyzzy"):
        made(model, xyzzy=1)
    for name, field in model.model_fields.items():
        if field.annotation is float:
            for value in (float("inf"), float("nan")):
                with pytest.raises(ValidationError, match=name):
                    made(model, **{name: value})


@by_model
def test_every_key_has_a_sentence_for_the_docs(model):
    assert [name for name, field in model.model_fields.items() if not field.description] == []


REFUSED = [
    (BlockModel, {"name": "C 24"}, "block name 'C 24'"),
    (BlockModel, {"prefix": "0.0.0.0/7"}, "larger than a /8"),
    (BlockModel, {"prefix": "198.51.100.1/24"}, "meant 198.51.100.0/24"),
    (BlockModel, {"network": "198.51.100.128/25"}, "isn't in its network"),
    (WormModel, GROWING | {"hosts": 5}, "either hosts, or initial"),
    (WormModel, {"hosts": None}, "either hosts, or initial"),
    (WormModel, GROWING | {"doubling": None}, "belong together"),
    (WormModel, {"limit": 5}, "no initial, limit or doubling"),
    (WormModel, GROWING | {"initial": 100}, "isn't below limit"),
    (WormModel, {"decline": "+2h"}, "decline and half_life belong together"),
    (WormModel, {"zones": {"+13": 1}}, "time zone '\\+13'"),
    (WormModel, {"targets": {"any": 0}}, "the weights are all 0"),
    (WormModel, {"personas": {"linus": 1}}, "meant linux"),
    (WormModel, {"personas": {"linux": True}}, "'linux' has the weight True"),
    (WormModel, {"service": []}, "no service"),
    (ScannerModel, {"service": []}, "service"),
    (ScannerModel, {"order": "sequential", "range": "10.0.0.1/8"}, "range '10.0.0.1/8'"),
    (ScannerModel, {"range": "10.0.0.0/8"}, "only a sequential scanner"),
    (AttackModel, {"victim": "192.0.2.0/24"}, "victim '192.0.2.0/24'"),
    (AttackModel, {"victim": "192.0.2.1", "count": 2}, "one victim and several attacks"),
    (AttackModel, {"answers": {"rst": 1}}, "not 'rst'"),
    (AttackModel, {"persona": "amiga"}, "no persona 'amiga'"),
    (ServiceModel, {"fresh_octets": "10"}, "fresh_octets"),
    (ServiceModel, {"fragment": "middle"}, "fragment"),
    (MisconfigurationModel, {"destination": -1}, "destination"),
    (BackgroundModel, {"name": "b\n"}, "name"),
]


@pytest.mark.parametrize(("model", "keys", "says"), REFUSED, ids=range(len(REFUSED)))
def test_what_cannot_be_is_refused(model, keys, says):
    with pytest.raises(ValidationError, match=says):
        made(model, **keys)


def test_a_worm_that_grows_declines_and_is_near_is_one():
    worm = made(
        WormModel, **GROWING, decline="+2h", half_life="1h", zones={"-11": 1, "+12": 2, "+0": 1}, targets={"/8": 1}
    )
    assert (worm.doubling, worm.half_life, worm.initial) == (7200, 3600, 5)
