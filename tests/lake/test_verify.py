"""A whole lake is compared with its ledgers: each fault is found, in its own words, and none beside it."""

from __future__ import annotations

import pytest

from ims.lake.ledger import read_ledger
from ims.lake.uri import open_place
from ims.lake.verify import verify_lake
from ims.store.verify import Progress, Verification
from tests.lake.shipped import ship, watched


@pytest.fixture
def lake(tmp_path, uri):
    """The URI of a lake of two sensors' files."""
    for sensor in ("a", "b"):
        watched(tmp_path / sensor, 2, sensor)
        ship(tmp_path / sensor, uri, sensor)
    return uri


def faults(found: Verification) -> list[tuple[str, str]]:
    return [(fault.file, fault.kind) for fault in found.faults]


def packets_of(place, sensor="a"):
    return place.names(f"packets/sensor={sensor}")[0]


def test_a_lake_as_it_was_shipped_is_whole_and_its_octets_are_counted(lake):
    place, shown = open_place(lake), []
    found = verify_lake(lake, shown.append)
    listed = [name for table in ("packets", "payloads", "coverage") for name in place.names(table)]
    assert (found.files, found.faults, found.is_whole) == (len(listed), [], True)
    octets = sum(place.size(name) for name in listed)
    assert found.octets == octets
    assert shown[-1] == Progress(octets, octets)


def test_what_is_cut_altered_or_gone_is_told_of_and_the_rest_is_compared(lake):
    place = open_place(lake)
    cut, altered = packets_of(place), packets_of(place, "b")
    gone = place.names("payloads/sensor=a")[0]
    whole = place.read(cut, 1 << 20)
    place.write(cut, whole[:-1])
    other = place.read(altered, 1 << 20)
    place.write(altered, other[:-1] + bytes([other[-1] ^ 1]))
    place.remove(gone)
    found = verify_lake(lake)
    assert faults(found) == [
        (place.named(cut), "damaged"),
        (place.named(gone), "missing"),
        (place.named(altered), "damaged"),
    ]
    assert f"{len(whole) - 1:,} octets where {len(whole):,} were shipped" in found.faults[0].why
    assert "aren't those that were shipped" in found.faults[2].why
    assert {fault.remedy for fault in found.faults} == {"put it back from the sensor's store or a copy"}
    assert not found.is_whole
    assert found.files == 10 - 3


def test_what_no_ledger_names_is_told_from_what_a_killed_shipment_left(lake):
    place = open_place(lake)
    folder = packets_of(place).rpartition("/")[0]
    coverage = f"{place.names('coverage/sensor=a')[0].rpartition('/')[0]}/old.parquet"  # a shipment takes the old away
    for name in (f"{folder}/left.parquet", f"{folder}/notes.txt", coverage):
        place.write(name, b"x")
    found = verify_lake(lake)
    assert faults(found) == [
        (place.named(f"{folder}/left.parquet"), "leftover"),
        (place.named(f"{folder}/notes.txt"), "unlisted"),
        (place.named(coverage), "unlisted"),
    ]
    assert not found.is_whole
    place.remove(f"{folder}/notes.txt")
    place.remove(coverage)
    assert verify_lake(lake).is_whole


def test_a_damaged_ledger_does_not_hide_another_sensor_s_files(lake):
    place = open_place(lake)
    ledger = "_lake/sensor=a.json"
    place.write(ledger, place.read(ledger, 1 << 20).replace(b'"rows": 4', b'"rows": 5'))
    place.remove(packets_of(place, "b"))
    found = verify_lake(lake)
    assert place.named(ledger) in {fault.file for fault in found.faults}
    assert (found.files, len(found.faults)) == (len(read_ledger(place, "b").files) - 1, 2)


def test_a_place_without_a_lake_is_refused(tmp_path, bucket_uri):
    for place in (tmp_path, bucket_uri):
        with pytest.raises(ValueError, match=r"is no lake \(it has no lake\.json\)"):
            verify_lake(place)


def test_it_can_be_ended_while_it_reads(lake):
    def stop(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        verify_lake(lake, stop)
