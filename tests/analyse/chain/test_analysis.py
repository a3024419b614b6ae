"""Hosts that do steps in order, told from those who do the same in another order, or apart."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import ims
from ims.analyse.analyses import ANALYSES
from ims.analyse.chain.analysis import MOST_VARIANTS, Data, model
from ims.analyse.result import Result, schema
from ims.query.errors import QuestionError
from ims.settings.durations import HOUR_US

from ...stores import CAPTURES, MIDNIGHT, ingest, needs_captures, udp, write_pcap
from ..chain_store import HOSTS, STEPS, chain_store, events  # noqa: F401  (a fixture)

DAY_US = MIDNIGHT // 1000


@pytest.fixture(scope="module")
def result(chain_store: Path) -> Result:  # noqa: F811
    with ims.open(chain_store / "STORE") as telescope:
        return telescope.analyse.chain(**STEPS)


def test_hosts_are_found_and_nobody_else(result: Result, chain_store: Path) -> None:  # noqa: F811
    """Neither those who scan one of the ports, or both, nor those who do the steps in the wrong order."""
    planted = events(chain_store)
    hosts = {address for name in HOSTS for address in planted[name]["addresses"]}
    found = set(result.rows.column("source").to_pylist())
    assert len(found & hosts) >= 0.99 * len(hosts) > 300
    assert len(found & hosts) >= 0.99 * len(found)


def test_variants_are_told_by_the_last_step_s_payload(result: Result, chain_store: Path) -> None:  # noqa: F811
    planted = events(chain_store)
    for name, length in (("blaster", 42), ("variant", 44)):
        [signature] = [each["signature"] for each in planted[name]["signatures"] if each["length"] == length]
        rows = [row for row in result.rows.to_pylist() if row["variant"] == signature]
        assert {row["source"] for row in rows} == set(planted[name]["addresses"])
        [sent] = [each["packets"] for each in planted[name]["signatures"] if each["length"] == length]
        assert sum(row["times"] for row in rows) == sent, "each command follows a request"


def test_hosts_that_were_not_seen_are_in_the_interval(result: Result) -> None:
    estimate = result.estimates["sources"]
    assert estimate.low <= sum(HOSTS.values()) <= estimate.high  # type: ignore[operator]
    assert any("379 hosts did it, and at least" in note for note in result.notes)


def test_in_the_wrong_order_it_is_the_others(chain_store: Path) -> None:  # noqa: F811
    with ims.open(chain_store / "STORE") as telescope:
        found = telescope.analyse.chain(first=STEPS["then"], then=STEPS["first"])
    assert set(found.rows.column("source").to_pylist()) == set(events(chain_store)["backwards"]["addresses"])


def test_the_series_counts_each_host_once_in_a_bin_and_once_as_new(result: Result) -> None:
    assert result.series.schema == schema(ANALYSES["chain"].series)
    rows = result.series.to_pylist()
    by_variant = {name: [row for row in rows if row["variant"] == name] for name in {row["variant"] for row in rows}}
    assert {len(each) for each in by_variant.values()} == {24}, "hours"
    hosts = len(set(result.rows.column("source").to_pylist()))
    assert sum(row["new"] for row in by_variant["all"]) == hosts
    for at, row in enumerate(by_variant["all"]):
        assert row["sources"] == sum(each[at]["sources"] for name, each in by_variant.items() if name != "all")
        assert row["new"] <= row["sources"]
    assert by_variant["all"][0]["new"] == by_variant["all"][0]["sources"] > 0


def test_rows_are_one_for_each_host_and_variant_oldest_first(result: Result) -> None:
    assert result.rows.schema == schema(ANALYSES["chain"].columns)
    rows = result.rows.to_pylist()
    assert len({(row["source"], row["variant"]) for row in rows}) == len(rows)
    assert [row["first"] for row in rows] == sorted(row["first"] for row in rows)
    assert all(row["first"] <= row["last"] for row in rows)


def test_the_width_of_bins_changes_neither_hosts_nor_their_number(result: Result, chain_store: Path) -> None:  # noqa: F811
    with ims.open(chain_store / "STORE") as telescope:
        narrow = telescope.analyse.chain(**STEPS, bin="5m")
    assert narrow.rows.equals(result.rows)
    assert narrow.estimates == result.estimates
    assert len(narrow.series) == 12 * len(result.series)


def test_a_rule_in_toml_is_the_same_question(result: Result, chain_store: Path) -> None:  # noqa: F811
    rule = tomllib.loads(f"first = {STEPS['first']!r}\nthen = [{STEPS['then']!r}]\nwithin = '10m'")
    with ims.open(chain_store / "STORE") as telescope:
        assert telescope.analyse.chain(**rule).to_json() == result.to_json()


def test_across_sensors_a_host_is_known_that_none_of_them_knows(tmp_path: Path) -> None:
    """Its first step comes to one sensor, its second a minute later to another."""
    blocks = {"a": ("198.51.100.0/24", 0xC6336401, 1), "b": ("203.0.113.0/24", 0xCB007101, 2)}
    for name, (prefix, address, port) in blocks.items():
        sent = [(MIDNIGHT + 60 * 10**9 * port, udp(9, address, port, b"x"))]
        ingest(tmp_path / name, write_pcap(tmp_path / f"{name}.pcap", sent), sensor=name, blocks=[f"{name}={prefix}"])
    words = {"first": "udp dst port 1", "then": "udp dst port 2"}
    with ims.open(tmp_path / "a", tmp_path / "b") as telescope:
        found = {at: telescope.analyse.chain(**words, at=at) for at in ("address", "sensor", "anywhere")}
        late = telescope.analyse.chain(**words, at="anywhere", within="59s")
        assert len(telescope.analyse.chain(**words, at="anywhere", within="60s").rows) == 1
    assert {at: len(each.rows) for at, each in found.items()} == {"address": 0, "sensor": 0, "anywhere": 1}
    assert len(late.rows) == 0
    assert late.estimates["sources"].value is None and not len(late.series) and late.figure() is None
    assert late.notes[:2] == (
        "no source did these steps in this order, so there is nothing to estimate from",
        "step 1 takes 1 packet; step 2 takes 1 packet",
    )


def data(rows: list[tuple[str, str | None, int]], hours: int = 48) -> Data:
    """Hosts that did it once in an hour: source, variant, hour."""
    import pyarrow as pa

    times = pa.array([DAY_US + hour * HOUR_US for _, _, hour in rows], pa.int64()).cast(pa.timestamp("us", "UTC"))
    found = pa.table({
        "source": pa.array([row[0] for row in rows], pa.string()),
        "variant": pa.array([row[1] for row in rows], pa.string()),
        "first": times, "last": times, "times": pa.array([1] * len(rows), pa.int64()),
    })  # fmt: skip
    begins = np.arange(hours, dtype=np.int64) * HOUR_US + DAY_US
    return Data(found, begins, np.full(hours, 3600.0), HOUR_US, 256.0)


def test_hosts_that_came_once_have_no_number() -> None:
    found = model(data([(str(number), None, number % 48) for number in range(30)]))
    assert "sources" not in found.estimates
    assert "30 hosts did it; too few of them came in a second hour" in found.notes[0]
    assert set(found.rows.column("variant").to_pylist()) == {"no payload"}


def test_of_hosts_that_all_come_often_none_is_missing() -> None:
    found = model(data([(str(number), "ab", hour) for number in range(30) for hour in range(48)]))
    estimate = found.estimates["sources"]
    assert (estimate.value, estimate.low) == (30, 30)
    assert estimate.high < 36  # type: ignore[operator]


def test_a_series_has_the_variants_with_the_most_hosts() -> None:
    rows = [(f"{variant}.{host}", f"{variant:02x}", 3) for variant in range(12) for host in range(variant + 1)]
    shown = set(model(data(rows)).series.column("variant").to_pylist())
    assert shown == {"all", *(f"{variant:02x}" for variant in range(12 - MOST_VARIANTS, 12))}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({}, "chain needs --first"),
        ({"first": "udp"}, "chain needs --then"),
        ({"first": "udp", "then": []}, "chain needs --then"),
        ({"first": "udp", "then": ["tpc"]}, "step 2: filter, column 1: 'tpc' can't stand here; meant tcp?"),
        ({"first": " ", "then": ["tcp"]}, "step 1 is empty"),
        ({"first": "udp", "then": ["tcp"], "at": "home"}, "at 'home': expected one of address, sensor, anywhere"),
        ({"first": "udp", "then": ["tcp"], "within": "soon"}, "within 'soon': expected a positive number"),
        ({"first": "udp", "then": ["tcp"] * 5}, "6 steps; a chain has at most 5"),
        ({"first": "udp", "then": ["tcp"], "bin": "1s"}, "bins are more than 20,000"),
    ],
)
def test_wrong_words_are_refused_in_a_line(chain_store: Path, words: dict[str, object], why: str) -> None:  # noqa: F811
    with ims.open(chain_store / "STORE") as telescope, pytest.raises(QuestionError) as error:
        telescope.analysis("chain", dict(words))
    assert why in str(error.value) and "\n" not in str(error.value)


@needs_captures
@pytest.mark.parametrize(
    ("capture", "about"),
    [
        ("worm-lsass445-honeynet-fc1", "an attack through LSASS"),
        ("worm-wannacry-eternalsafety", "WannaCry"),
        ("honeypot-glastopf-20170307-24h", "HTTP, and then HTTPS"),
    ],
)
def test_the_page_has_what_real_captures_hold(capture: str, about: str, tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "analyses.md").read_text().partition("## `chain`")[2]
    [line] = [line for line in page.splitlines() if line.startswith(f"| {about}")]
    _, steps, within, hosts = (cell.strip() for cell in line.strip("|").split("|"))
    first, then = (step.strip().strip("`") for step in steps.split(","))
    with ims.open(ingest(tmp_path / "STORE", CAPTURES / f"{capture}.pcap", blocks=["all/0=0.0.0.0/0"])) as telescope:
        found = telescope.analyse.chain(first=first, then=then, within=within)
    assert sorted(set(found.rows.column("source").to_pylist())) == hosts.split(", ")
    assert found.estimates["sources"].value is None
    assert "too few of them came in a second hour" in found.notes[0]


def test_hosts_of_a_bin_of_which_nothing_is_known_are_rows_alone() -> None:
    """A sensor may find chains, and not answer when it is asked what it watched."""
    columns = {"source": ["203.0.113.1", "203.0.113.2"], "variant": pa.nulls(2, pa.string())}
    moments = pa.array([DAY_US, DAY_US + 3 * HOUR_US], pa.timestamp("us", "UTC"))
    found = pa.table({**columns, "first": moments, "last": moments, "times": [1, 1]})
    result = model(Data(found, np.array([DAY_US]), np.array([3600.0]), HOUR_US, None))
    assert len(result.rows) == 2
    assert result.series.column("sources").to_pylist() == [1]
