"""Lake and sensor together are every packet once, whatever was written, shipped and dropped in between."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.store.schema import hour_folder
from ims.store.shipment import ShipmentRecord, open_shipped, read_shipped, shipped_file, write_shipped
from tests.lake.shipped import ship, watched

TABLES = ("packets", "frames_raw", "payloads")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 5), st.sampled_from(TABLES)),
        st.tuples(st.just("ship"), st.integers(1, 4), st.booleans()),
        st.tuples(st.just("drop"), st.integers(0, 5), st.none()),
        st.tuples(st.just("prune"), st.none(), st.none()),
    ),
    max_size=30,
)


class World:
    """What there would be: a store's files, a ledger, and the record; files by path, with the number that they got."""

    def __init__(self):
        self.ever, self.held, self.ledger = set(), set(), {}
        self.number, self.record = 0, None

    def write(self, hour, table):
        path = f"{hour_folder(table, 'a', 500_000 + hour)}/{len(self.ever)}.parquet"
        self.ever.add(path)
        self.held.add(path)

    def ship(self, most, remembered):
        new = sorted(self.held - set(self.ledger))[:most]
        if new:
            self.number += 1
            self.ledger |= dict.fromkeys(new, self.number)
        if remembered and self.number:
            self.record = ShipmentRecord(
                "L", "uri", self.number, dict(self.ledger), self.record.pruned if self.record else 0
            )

    def drop(self, hour, _):
        """Retention: what was shipped, and remembered as shipped, may go; an hour at a time."""
        gone = {p for p in self.held if p.split("/")[2:4] == hour_folder("x", "a", 500_000 + hour).split("/")[2:4]}
        if self.record is not None and gone <= set(self.record.files):
            self.held -= gone

    def prune(self, *_):
        if self.record is None:
            return
        gone = [n for path, n in self.record.files.items() if path not in self.held and not path.startswith("payloads")]
        files = {path: number for path, number in self.record.files.items() if path in self.held}
        pruned = max([self.record.pruned, *gone])
        self.record = ShipmentRecord("L", "uri", self.record.number, files, pruned)


@given(STEPS, st.data())
def test_lake_as_of_t_and_sensor_beyond_it_are_every_packet_once(steps, data):
    world = World()
    for step, *what in steps:
        getattr(world, step)(*what)
    if world.record is None:
        return
    asked = data.draw(st.integers(0, world.number + 1))
    as_of, left_out = world.record.beyond("L", asked, world.held)
    assert as_of <= world.number
    lake = [path for path, number in world.ledger.items() if number <= as_of and not path.startswith("payloads")]
    sensor = [path for path in world.held - left_out if not path.startswith("payloads")]
    assert sorted(lake + sensor) == sorted(path for path in world.ever if not path.startswith("payloads"))
    payloads = [path for path in world.ever if path.startswith("payloads")]
    assert {*payloads} <= {*world.ledger, *world.held}
    assert not left_out & {*payloads}
    newest = max([*(n for p, n in world.record.files.items() if p not in world.held), world.record.pruned], default=0)
    if newest <= asked <= world.record.number:
        assert as_of == asked


def test_another_lake_is_not_subtracted():
    assert ShipmentRecord("L", "uri", 3).beyond("M", 1, ()) is None


def test_a_record_is_read_as_written_and_damage_is_named(tmp_path):
    watched(tmp_path / "s", 1)
    assert read_shipped(tmp_path / "s", "a") is None
    shipped = ShipmentRecord("ab", "/lake", 4, {"packets/x": 3}, 2)
    write_shipped(tmp_path / "s", "a", shipped)
    assert read_shipped(tmp_path / "s", "a") == shipped
    whole = json.loads(shipped_file(tmp_path / "s", "a").read_bytes())
    for damage in (
        b"", b"{", b"[]", b"7", b"[" * 100_000, json.dumps(whole | {"number": "4"}).encode(),
        json.dumps(whole | {"more": 1}).encode(), json.dumps(whole | {"files": {"p": 5}}).encode(),
        json.dumps(whole | {"files": []}).encode(), json.dumps(whole | {"lake": None}).encode(),
    ):  # fmt: skip
        shipped_file(tmp_path / "s", "a").write_bytes(damage)
        with pytest.raises(ValueError, match=r"shipped.json is damaged.*without it, `ims ship` writes it anew"):
            read_shipped(tmp_path / "s", "a")


def test_a_store_is_opened_with_the_record_of_that_moment(tmp_path, monkeypatch):
    sensor = watched(tmp_path / "s", 2)
    store, shipped = open_shipped(tmp_path / "s")
    store.close()
    assert shipped == {}
    ship(tmp_path / "s", tmp_path / "lake")
    real, tries = read_shipped, []

    def ships_meanwhile(path, name):
        tries.append(name)
        if len(tries) == 1:
            sensor.hour(2)
            ship(tmp_path / "s", tmp_path / "lake")
        return real(path, name)

    monkeypatch.setattr("ims.store.shipment.read_shipped", ships_meanwhile)
    store, shipped = open_shipped(tmp_path / "s")
    with store:
        assert len(tries) == 2
        assert shipped["a"].number == 4
        assert len(store.files("packets")) == 3


def test_a_record_that_is_put_back_or_gone_after_files_were_dropped_is_refused(tmp_path):
    store, lake = tmp_path / "S", tmp_path / "L"
    sensor = watched(store, 2)
    ship(store, lake)
    older = shipped_file(store, "a").read_bytes()
    sensor.hour(2)
    ship(store, lake)
    newer = shipped_file(store, "a").read_bytes()
    assert sensor.retain(keep_age_us=0, until_shipped=True)["hours"] == 3
    open_shipped(store)[0].close()
    shipped_file(store, "a").write_bytes(older)
    with pytest.raises(
        ValueError, match=r"shipped.json is damaged: it is of shipment \d+, and files were dropped after"
    ):
        open_shipped(store)
    shipped_file(store, "a").unlink()
    with pytest.raises(ValueError, match=r"shipped.json is damaged: it isn't there, .*`ims ship` writes it anew"):
        open_shipped(store)
    shipped_file(store, "a").write_bytes(newer.replace(b'"pruned": 0', b'"pruned": 1'))
    with pytest.raises(ValueError, match=r"shipped.json is damaged \(it does not match its checksum\)"):
        open_shipped(store)
    shipped_file(store, "a").unlink()
    ship(store, lake)
    open_shipped(store)[0].close()
