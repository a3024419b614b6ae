"""What is finished gets to the lake once, whole, and in the order that readers need."""

from __future__ import annotations

import duckdb
import polars
import pytest
from pyarrow import dataset

from ims.lake.bandwidth import Bandwidth
from ims.lake.lake import open_lake
from ims.lake.ledger import read_ledger
from ims.lake.ship import Shipper
from ims.lake.uri import open_place
from ims.store.lock import ShipperLock
from ims.store.reader import open_store
from ims.store.schema import state_folder
from ims.store.shipment import read_shipped
from tests.lake.shipped import ROWS, Watching, seen_by_others, seen_by_us, ship, watched
from tests.store.made import HOUR, NOON

from ..stores import MIDNIGHT, ingest, udp, write_pcap


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


def test_every_finished_row_is_in_the_lake_once(store, uri):
    sensor = watched(store)
    report = ship(store, uri)
    assert (report.files, report.rows, report.already_there) == (7, 3 * ROWS + 3 + 1, 0)
    assert seen_by_others(uri) == seen_by_us(uri) == sensor.sources
    with open_store(store) as own, open_lake(uri) as lake:
        assert lake.sensors == ("a",)
        for table in ("packets", "payloads", "frames_raw", "coverage"):
            assert lake.rows(table) == own.rows(table)
            assert lake.hours(table) == own.hours(table)
        assert len(lake.files("packets", NOON + HOUR, NOON + 2 * HOUR)) == 1


def test_files_keep_their_names_and_octets(store, tmp_path):
    watched(store)
    ship(store, tmp_path / "lake")
    for table in ("packets", "payloads"):
        files = {path.relative_to(store): path.read_bytes() for path in store.glob(f"{table}/**/*.parquet")}
        lake = tmp_path / "lake"
        assert files == {path.relative_to(lake): path.read_bytes() for path in lake.glob(f"{table}/**/*.parquet")}


class Counted:
    """A place that counts what is put there, and everything else that is asked."""

    def __init__(self, place):
        self._place, self.put, self.asked = place, [], 0

    def __getattr__(self, name):
        known = getattr(self._place, name)
        if not callable(known):
            return known

        def counted(*args, **more):
            self.asked += 1
            if name in ("write", "send", "remove"):
                self.put.append(args[0])
            return known(*args, **more)

        return counted


def test_a_second_run_sends_nothing(store, uri):
    watched(store)
    first = ship(store, uri)
    place, pace = Counted(open_place(uri)), Bandwidth()
    again = Shipper(store, place, pace).ship("a")
    assert place.put == []
    assert pace.octets == 0
    assert (again.files, again.bytes, again.already_there, again.number) == (0, 0, 0, first.number)


def test_packets_that_came_late_are_shipped_beside_the_others(store, uri):
    sensor = watched(store)
    first = ship(store, uri)
    sensor.hour(0)
    second = ship(store, uri)
    assert second.number > first.number
    assert seen_by_others(uri) == seen_by_us(uri) == sensor.sources
    with open_lake(uri) as lake:
        assert len(lake.files("packets")) == 4
        before = lake.as_of({"a": first.number})
        assert seen_by_us(uri, lake=before) == sensor.sources[: 3 * ROWS]
        assert before.rows("payloads") == 4


def test_hours_that_are_not_finished_stay_and_coverage_ends_before_them(store, uri):
    sensor = watched(store, 2)
    sensor.hour(2, finish=False)
    ship(store, uri)
    assert seen_by_others(uri) == sensor.sources[: 2 * ROWS]
    assert [time.timestamp() for time in seen_by_others(uri, "coverage", "until")] == [(NOON + 2 * HOUR) / 1e6]


def test_a_shipment_replaces_the_coverage_of_the_last(store, uri):
    sensor = watched(store, 2)
    ship(store, uri)
    sensor.hour(2)
    ship(store, uri)
    assert [time.timestamp() for time in seen_by_others(uri, "coverage", "until")] == [(NOON + 3 * HOUR) / 1e6]
    assert seen_by_us(uri, "coverage", "until") == seen_by_others(uri, "coverage", "until")


def test_sensors_of_one_store_and_of_two_share_a_lake(store, tmp_path, uri):
    watched(store, 1, "a"), watched(store, 2, "b"), watched(tmp_path / "other", 1, "c")
    ship(store, uri, "a"), ship(store, uri, "b"), ship(tmp_path / "other", uri, "c")
    with open_lake(uri) as lake:
        assert lake.sensors == ("a", "b", "c")
        assert lake.rows("packets") == 4 * ROWS
        without = lake.without({"b"})
        assert without.sensors == ("a", "c")
        assert (without.rows("packets"), without.rows("coverage"), without.rows("payloads")) == (2 * ROWS, 2, 4)


def test_a_sensor_of_the_same_name_from_another_store_is_refused(store, tmp_path, uri):
    watched(store, 1), watched(tmp_path / "other", 1)
    ship(store, uri)
    with pytest.raises(ValueError, match="the lake has a sensor 'a' from another store"):
        ship(tmp_path / "other", uri)
    assert seen_by_others(uri) == list(range(ROWS))


def test_a_lost_record_is_made_again_from_the_ledger(store, uri):
    watched(store)
    ship(store, uri)
    record = read_shipped(store, "a")
    (state_folder(store, "a") / "shipped.json").unlink()
    assert ship(store, uri).files == 0
    assert read_shipped(store, "a") == record


def test_one_shipper_a_sensor(store, uri):
    watched(store, 1)
    lock = ShipperLock(state_folder(store, "a"), "a")
    with pytest.raises(ValueError, match="sensor 'a' is being shipped by process"):
        ship(store, uri)
    lock.release()
    assert ship(store, uri).files == 3


def test_the_ledger_and_the_record_say_the_same(store, uri, monkeypatch):
    monkeypatch.setattr("ims.lake.ship.CHECKPOINT_FILES", 2)
    watched(store)
    report = ship(store, uri)
    ledger, record = read_ledger(open_place(uri), "a"), read_shipped(store, "a")
    assert ledger.number == record.number == report.number == 4
    with open_store(store) as own:
        held = own._snapshots["a"].state.files
    assert record.files == {path: file.number for path, file in ledger.files.items() if path in held}
    numbers = [file.number for path, file in ledger.files.items() if not path.startswith("coverage")]
    assert numbers == [1, 1, 2, 2, 3, 3]


def test_retention_waits_for_what_was_shipped(store, uri):
    sensor = watched(store)
    limits = {"keep_age_us": 0, "until_shipped": True}
    assert sensor.retain(**limits)["hours"] == 0
    ship(store, uri)
    sensor.hour(1)
    assert sensor.retain(**limits)["hours"] == 1
    sensor.hour(3, finish=False)
    ship(store, uri)
    assert sensor.retain(**limits)["hours"] == 2
    assert seen_by_others(uri) == sensor.sources[: 4 * ROWS]
    assert ship(store, uri).files == 0
    assert read_shipped(store, "a").pruned > 0


def test_retention_goes_on_when_the_record_changes(store, uri):
    from ims.store.writer import SensorWriter

    watched(store, 2)
    writer = SensorWriter(store, "a", lanes=1)
    assert writer.retain(2**60, 0, until_shipped=True)["hours"] == 0
    ship(store, uri)
    assert writer.retain(2**60, 0, until_shipped=True)["hours"] == 2
    writer.close()


def test_duckdb_and_polars_read_a_lake_by_its_folders(store, tmp_path):
    sensor = watched(store)
    ship(store, tmp_path / "lake")
    files = f"{tmp_path}/lake/packets/**/*.parquet"
    found = duckdb.sql(
        f"SELECT source, sensor, hour FROM read_parquet('{files}', hive_partitioning = true) ORDER BY source"
    ).fetchall()
    assert found == [(source, "a", f"{12 + source // ROWS}") for source in sensor.sources] or found == [
        (source, "a", 12 + source // ROWS) for source in sensor.sources
    ]
    assert polars.scan_parquet(files, hive_partitioning=True).select("source").collect().height == 3 * ROWS
    assert duckdb.sql(f"SELECT count(*) FROM '{tmp_path}/lake/coverage/**/*.parquet'").fetchall() == [(1,)]


def test_a_stop_ends_between_files_and_the_next_run_goes_on(store, uri):
    sensor = Watching(store)
    for number in range(3):
        sensor.hour(number)
    shipper = Shipper(store, open_place(uri))
    shipper.progress = lambda progress: shipper.stop.set() if progress.octets_done * 2 > progress.octets else None
    first = shipper.ship("a")
    assert 0 < first.files < 6
    assert read_ledger(open_place(uri), "a").number == first.number == 1
    second = ship(store, uri)
    assert first.files + second.files == 7
    assert second.already_there == 0
    assert seen_by_others(uri) == sensor.sources


def test_a_capture_with_everything_in_it_is_the_same_in_the_lake(tmp_path, uri, samples):
    packet = udp(1, 0xC6336407, 53, b"what is here?")
    wrong = packet[:10] + bytes([packet[10] ^ 1]) + packet[11:]
    odd = write_pcap(tmp_path / "odd.pcap", [(MIDNIGHT + i, wrong) for i in range(9)])
    store = ingest(tmp_path / "store", samples[1], odd)
    ship(store, uri)
    with open_store(store) as own, open_lake(uri) as lake:
        for table in ("packets", "payloads", "frames_raw"):
            assert lake.rows(table) == own.rows(table) > 0
            assert [str(path).rpartition("/")[2] for path in lake.files(table)] == [
                path.name for path in own.files(table)
            ]
            read = [str(path) for path in lake.files(table)]
            theirs = dataset.dataset(read, filesystem=lake.filesystem).to_table()
            assert theirs.equals(dataset.dataset([str(path) for path in own.files(table)]).to_table())
        covered = dataset.dataset([str(path) for path in lake.files("coverage")], filesystem=lake.filesystem).to_table()
        assert covered.num_rows == own.rows("coverage")
        assert covered.column_names == dataset.dataset([str(p) for p in own.files("coverage")]).to_table().column_names


def test_the_keeper_s_settings_reach_the_writer(store):
    from ims.sensor.config import checked

    block = {"name": "C/24", "prefix": "198.51.100.0/24"}
    settings = {"name": "a", "store": "S", "interfaces": ["eth0"], "block": [block]}
    assert not checked(settings).keep_until_shipped
    assert checked(settings | {"keep_until_shipped": True}).keep_until_shipped
