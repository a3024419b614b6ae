"""Whatever lies where a ledger should: it is one, or it is refused in one line."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ims.lake.ledger import (
    Ledger,
    Shipment,
    head_name,
    lake_id,
    ledger_name,
    ledger_sensors,
    make_lake,
    read_ledger,
    whole_ledger,
    write_head,
)
from ims.lake.uri import open_place

PATH = "packets/sensor=a/date=2026-03-05/hour=12/0.parquet"
FILE = {"rows": 1, "bytes": 2, "sha256": "0" * 64, "number": 1}
GOOD = {"store": "f" * 32, "number": 3, "files": {PATH: FILE}}


@pytest.fixture
def place(tmp_path):
    return open_place(tmp_path / "lake")


def read(place, content):
    place.write(ledger_name("a"), content if isinstance(content, bytes) else json.dumps(content).encode())
    return read_ledger(place, "a")


def test_a_ledger_is_read_as_written(uri):
    place = open_place(uri)
    assert read_ledger(place, "a") is None
    ledger = Ledger("f" * 32, 3, {PATH: Shipment(1, 2, "0" * 64, 1)})
    assert read(place, ledger.octets()) == ledger
    assert ledger_sensors(place) == ["a"]
    assert json.loads(ledger.octets()).items() > GOOD.items()
    assert read(place, GOOD) == ledger  # as earlier versions wrote it


def test_a_ledger_with_a_changed_figure_is_refused(place):
    octets = Ledger("f" * 32, 3, {PATH: Shipment(1, 2, "0" * 64, 1, 7)}).octets()
    for before, after in ((b'"rows": 1', b'"rows": 9'), (b'"xxh3": 7', b'"xxh3": 8'), (b'"number": 3', b'"number": 2')):
        with pytest.raises(ValueError, match="is damaged: it does not match its checksum"):
            read(place, octets.replace(before, after))


def test_a_ledger_that_is_put_back_or_gone_is_told_by_its_head(place):
    write_head(place, "a", 0)
    assert whole_ledger(place, "a") is None
    read(place, Ledger("f" * 32, 3).octets())
    write_head(place, "a", 3)
    assert whole_ledger(place, "a") == Ledger("f" * 32, 3)
    read(place, Ledger("f" * 32, 2).octets())
    with pytest.raises(ValueError, match="is damaged: it is of shipment 2, and 3 was made; put the newer one back"):
        whole_ledger(place, "a")
    place.remove(ledger_name("a"))
    assert ledger_sensors(place) == ["a"]
    with pytest.raises(ValueError, match="is damaged: it isn't there, and 3 was made"):
        whole_ledger(place, "a")
    place.write(head_name("a"), b"?")
    assert whole_ledger(place, "a") is None


def test_in_a_bucket_a_key_that_may_write_the_ledger_alone_is_enough(bucket_uri):
    place = open_place(bucket_uri)
    write_head(place, "a", 0)
    read(place, GOOD)
    write_head(place, "a", 3)
    assert place.names() == [ledger_name("a")]


def paths(*names):
    return [GOOD | {"files": {name: FILE}} for name in names]


HOSTILE = [
    b"", b"\xff", b"{", b"[]", b"7", b"null", b"[" * 100_000, b'{"store": NaN}', {}, GOOD | {"more": 1},
    GOOD | {"store": "x"}, GOOD | {"store": 7}, GOOD | {"number": -1}, GOOD | {"number": True}, GOOD | {"number": 1.0},
    GOOD | {"number": 10**30}, GOOD | {"files": []}, GOOD | {"files": {PATH: 7}}, GOOD | {"files": {PATH: {}}},
    *(GOOD | {"files": {PATH: FILE | change}} for change in (
        {"rows": -1}, {"rows": "1"}, {"bytes": None}, {"sha256": "0" * 63}, {"sha256": "G" * 64}, {"number": 4},
        {"number": 0}, {"more": 1},
    )),
    *paths(
        "", "../../etc/passwd", "/etc/passwd", PATH.replace("=a", "=b"), PATH.replace("=a", "=.."), "_hot/" + PATH,
        PATH.replace("packets", "secrets"), PATH.replace("12/", "24/"), PATH.replace("03-05", "13-05"),
        PATH.replace("2026-03-05", "----------"), PATH.replace("0.p", ".p"), PATH.replace(".parquet", ".exe"),
        PATH.replace("0.p", "..\\x.p"), PATH.replace("0.p", "\n.p"), PATH.replace("0.p", "*.p"),
        PATH.replace("0.p", "0" * 200 + ".p"), PATH + "/", PATH.replace("12", "١٢"),
    ),
]  # fmt: skip


@pytest.mark.parametrize("content", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_ledger_is_refused_in_one_line(place, content):
    with pytest.raises(ValueError, match=r"lake/_lake/sensor=a\.json is damaged: ") as raised:
        read(place, content)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 700


def test_one_that_is_too_large_is_not_taken_in(uri, monkeypatch):
    monkeypatch.setattr("ims.lake.ledger.MOST_LEDGER", 100)
    with pytest.raises(ValueError, match="is larger than 100 octets"):
        read(open_place(uri), GOOD)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*GOOD, *FILE, PATH]), inner),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from([*GOOD]), JSON), st.dictionaries(st.sampled_from([*FILE]), JSON))
def test_any_json_is_a_ledger_or_a_value_error(place, top, inner):
    try:
        ledger = read(place, GOOD | {"files": {PATH: FILE | inner}} | top)
    except ValueError:
        return
    assert all(0 < file.number <= ledger.number for file in ledger.files.values())


def test_other_objects_beside_ledgers_name_no_sensors(uri):
    place = open_place(uri)
    for name in ("sensor=.json", "sensor=-x.json", "sensor=a", "x.json", "sensor=ok.json", "sensor=a b.json"):
        place.write(f"_lake/{name}", b"{}")
    assert ledger_sensors(place) == ["ok"]


def test_a_lake_is_made_once(uri):
    place = open_place(uri)
    assert lake_id(place) is None
    made = make_lake(place)
    assert make_lake(place) == lake_id(place) == made
    assert len(made) == 32


def test_a_place_that_holds_something_else_is_no_lake_and_not_made_one(uri):
    place = open_place(uri)
    place.write("notes.txt", b"mine")
    with pytest.raises(ValueError, match="is not empty and no lake"):
        make_lake(place)
    place.write("store.json", b"{}")
    with pytest.raises(ValueError, match="is a store; expected a lake or a new folder"):
        make_lake(place)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": "ims store", "schema": 1}', b"\xff", b"[" * 4000])
def test_a_lake_json_that_is_none_is_refused(place, content):
    place.write("lake.json", content)
    with pytest.raises(ValueError, match=r"is no lake: its lake\.json is damaged"):
        lake_id(place)


def test_a_lake_of_another_schema_is_refused(place):
    place.write("lake.json", json.dumps({"format": "ims lake", "schema": 2, "id": "0" * 32}).encode())
    with pytest.raises(ValueError, match="has lake schema 2; this version reads 1"):
        lake_id(place)
