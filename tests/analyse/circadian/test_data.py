"""What a daily pattern is estimated from: of a store of three days with a gap, and of roles that see less."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import ims
from ims.analyse.analyses import ANALYSES
from ims.analyse.circadian.data import MOST_BINS, Data, data
from ims.analyse.evidence import Evidence
from ims.analyse.execution import options_of, run
from ims.query.answer import Answer
from ims.query.errors import NotShownError, QuestionError
from ims.query.request import Request
from ims.telescope import Telescope

from ...shared import shared
from ...stores import MIDNIGHT, ingest, udp, write_pcap

HOUR_NS, HOUR_US = 3600 * 10**9, 3_600_000_000
HOURS = [*range(10), *range(14, 60)]
"""That were watched."""
NETWORKS = (0x0B010200, 0x0B010300, 0x17000100)
"""/24s, the first two of one /8."""


def packets(hours: list[int]) -> Iterator[tuple[int, bytes]]:
    """In each hour, of two sources of the first network and one of the others, each in the first and the last ten
    minutes; the last packet ends the last hour."""
    for hour in hours:
        for minute in (5, 55):
            for number, source in enumerate((NETWORKS[0] + 1, NETWORKS[0] + 2, NETWORKS[1] + 1, NETWORKS[2] + 1)):
                at = MIDNIGHT + hour * HOUR_NS + minute * 60 * 10**9 + number * 10**9
                yield at, udp(source, 0xC6336400, 53)
    yield MIDNIGHT + (hours[-1] + 1) * HOUR_NS - 1000, udp(NETWORKS[0] + 1, 0xC6336400, 53)


def make(folder: Path) -> None:
    for name, hours in (("early", HOURS[:10]), ("late", HOURS[10:])):
        ingest(folder / "STORE", write_pcap(folder / f"{name}.pcap", packets(hours)))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared(tmp_path_factory, "circadian-data", make) / "STORE"


@pytest.fixture
def telescope(store: Path) -> Iterator[Telescope]:
    with ims.open(store) as telescope:
        yield telescope


@dataclass(frozen=True)
class Origins:
    """Two countries; the third network's isn't known."""

    asked: list[int]

    def names(self, kind: str, prefixes: Any) -> list[str | None]:
        assert kind == "country"
        return [{NETWORKS[0]: "JP", NETWORKS[1]: "KR"}.get(int(each)) for each in prefixes]

    def offsets(self, prefixes: Any, moment: int) -> Any:
        self.asked.append(moment)
        return np.array([9.0 if int(each) in NETWORKS[:2] else np.nan for each in prefixes])


def of(ask: Any, origins: Origins | None = None, **words: Any) -> Data:
    """The data that the model is handed."""
    options = options_of(ANALYSES["circadian"], words)
    options = replace(options, values={**options.values, "origins": origins})
    evidence = Evidence(ask, options.request)
    evidence.watches()
    return data(evidence, options)


def test_sources_are_counted_by_hour_and_by_network_in_ten_minutes(telescope: Telescope) -> None:
    found = of(telescope.ask)
    assert ((found.drawn.time - MIDNIGHT // 1000) // HOUR_US).tolist() == HOURS
    assert found.sources.value.tolist() == [4] * 56
    assert found.narrow.width * 6 == HOUR_US and len(found.narrow.time) == 56 * 6
    networks = found.networks
    assert networks is not None and networks.bits == 8 and networks.drawn is None
    assert networks.prefix.tolist() == [0x0B000000, 0x17000000]
    by_network = [
        np.bincount(networks.narrow.bin[networks.narrow.network == each],
                    networks.narrow.count[networks.narrow.network == each], 336).reshape(-1, 6).tolist()
        for each in (0, 1)
    ]  # fmt: skip
    assert by_network[0] == [[3, 0, 0, 0, 0, 3]] * 56
    assert by_network[1] == [[1, 0, 0, 0, 0, 1]] * 56


def test_by_country_each_24_has_its_country_and_its_clock(telescope: Telescope) -> None:
    origins = Origins([])
    found = of(telescope.ask, origins, by="country")
    networks = found.networks
    assert networks is not None and networks.bits == 24 and networks.drawn is not None
    assert networks.prefix.tolist() == list(NETWORKS)
    assert networks.names == ("JP", "KR", None)
    assert networks.ahead == pytest.approx([9, 9, np.nan], nan_ok=True)
    assert np.bincount(networks.drawn.network, networks.drawn.count).tolist() == [112, 56, 56]
    assert abs(origins.asked[0] / 1000 - MIDNIGHT / 1e6 - 30 * 3.6e6) < 8 * 3.6e6  # about the middle


def test_clocks_are_known_without_groups_too(telescope: Telescope) -> None:
    networks = of(telescope.ask, Origins([])).networks
    assert networks is not None and networks.bits == 24 and networks.drawn is None


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"by": "planet"}, "expected country or as"),
        ({"by": "country"}, "needs files"),
        ({"bin": "1m"}, "a wider --bin"),
    ],
)
def test_wrong_words_and_too_many_bins_are_refused_in_a_line(telescope: Telescope, words: Any, why: str) -> None:
    with pytest.raises(QuestionError, match=why) as refused:
        of(telescope.ask, **words)
    assert "\n" not in str(refused.value)
    assert MOST_BINS < 60 * 56


@pytest.mark.parametrize(("bin", "part"), [("10m", 1), ("20m", 2), ("1h", 6), ("3h", 6), ("7h", None)])
def test_narrow_bins_are_ten_minutes_or_a_sixth(telescope: Telescope, bin: str, part: int | None) -> None:
    found = of(telescope.ask, bin=bin)
    assert (found.networks is None) == (part is None)
    assert found.narrow.width * (part or 1) == found.drawn.width


class Role:
    """A role that sees less than all."""

    def __init__(self, telescope: Telescope, **shown: Any) -> None:
        self.telescope, self.shown, self.asked = telescope, shown, list[Request]()

    def __call__(self, request: Request) -> Answer:
        self.asked.append(request)
        if request.verb == "series" and request.group is not None:
            if self.shown.get("networks") is False:
                raise NotShownError("viewers can't group by source/8")
            if request.bin is not None and request.bin < self.shown.get("narrowest", 0):
                raise QuestionError("more rows than a role may have")
        answer = self.telescope.ask(request)
        if request.verb == "series" and "noise" in self.shown:
            value = answer.table.column("value").cast(pa.float64())
            table = answer.table.set_column(answer.table.column_names.index("value"), "value", value)
            for end, ends in (("low", 0.0), ("high", 9.0)):
                table = table.append_column(end, pa.array([ends] * len(table)))
            answer = Answer(table, answer.record)
        return answer


@pytest.mark.parametrize("shown", [{"networks": False}, {"noise": True}])
def test_a_role_that_is_not_shown_networks_has_totals(telescope: Telescope, shown: Any) -> None:
    found = of(Role(telescope, **shown))
    assert found.networks is None and found.narrow is found.drawn
    assert found.sources.value.tolist() == [4] * 56
    assert (found.sources.high > found.sources.low).all() == ("noise" in shown)


def test_a_role_that_may_have_fewer_rows_has_wider_bins(telescope: Telescope) -> None:
    assert of(Role(telescope, narrowest=1_200_000_000)).narrow.width == 1_200_000_000
    with pytest.raises(QuestionError, match="more rows"):
        of(Role(telescope, narrowest=2 * HOUR_US))


def test_it_runs_over_a_store(telescope: Telescope) -> None:
    result = run(ANALYSES["circadian"], telescope.ask, {})
    assert result.estimates["peak_hour"].value is None
    assert result.rows.column("group").to_pylist() == ["all"] and len(result.series) == 56
