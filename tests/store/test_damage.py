"""A damaged file is told before it is read, merged, shipped or learnt from, and nothing is deleted for its sake."""

import os
import shutil

import numpy as np
import pytest

from ims.lake.ship import Shipper
from ims.lake.uri import open_place
from ims.query.engines.duckdb import Engine
from ims.query.plans.plan import PLANS
from ims.query.request import make_request
from ims.store import damage
from ims.store.damage import DamageError, refuse_damage, sizes_of
from ims.store.manifest import Manifest, Snapshot, generations
from ims.store.reader import open_store
from ims.store.writer import SensorWriter
from tests.store.made import HOUR, NOON, of_an_earlier_version, packets, payloads, put, sources


@pytest.fixture
def store(tmp_path):
    """Three hot parts of an hour, and a finished hour."""
    writer = SensorWriter(tmp_path / "S", "a", lanes=1)
    put(writer, "packets", packets([NOON - HOUR]))
    writer.checkpoint(publish_before_us=NOON)
    for number in range(1, 4):
        put(writer, "packets", packets([NOON + number], first=number))
        put(writer, "payloads", payloads([NOON + number]))
        writer.seen.first_seen(np.full((1, 16), number, np.uint8), np.array([NOON]))
        writer.commit()
    writer.close()
    return tmp_path / "S"


def spoil(file, at=-1):
    """Change one bit; the times stay."""
    before = file.stat()
    octets = bytearray(file.read_bytes())
    octets[at if at >= 0 else len(octets) // 2] ^= 4
    file.write_bytes(octets)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def hot(store, table="packets"):
    return sorted(store.glob(f"_hot/{table}/**/hour=12/*.parquet"))


def asked(store):
    with open_store(store) as opened:
        engine = Engine([opened], threads=1)
        try:
            return engine.run(PLANS["count"], make_request("count", None)).to_pylist()[0]["packets"]
        finally:
            engine.close()


def test_any_changed_bit_of_a_part_is_told_with_its_name(store):
    assert asked(store) == 4
    file = hot(store)[0]
    whole = file.read_bytes()
    for at in range(0, len(whole), max(1, len(whole) // 40)):
        spoil(file, at)
        with pytest.raises(DamageError, match=f"{file} is damaged: its octets aren't those that were written"):
            asked(store)
        file.write_bytes(whole)
    assert asked(store) == 4
    file.write_bytes(whole[:-1])
    with pytest.raises(DamageError, match=f"{file} is damaged: [0-9,]+ octets where [0-9,]+ were written"):
        asked(store)


def test_what_was_compared_is_compared_again_when_it_changed_and_after_a_day(store, monkeypatch):
    file = hot(store)[0]
    size = sizes_of(file, 1)
    os.utime(file, ns=(1, 1))
    read = []
    monkeypatch.setattr(damage, "compare", lambda path, size: read.append(path))
    monkeypatch.setattr(damage, "SAME_TICK_NS", 0)
    now = 1_900_000_000.0
    monkeypatch.setattr("time.time", lambda: now)
    for _ in range(3):
        refuse_damage({file: size})
    assert len(read) == 1
    os.utime(file, ns=(2, 2))
    refuse_damage({file: size})
    assert len(read) == 2
    for _ in range(24):
        now += 3600
        refuse_damage({file: size})
    assert len(read) == 3


def test_what_has_just_changed_is_compared_each_time(store, monkeypatch):
    file = hot(store)[0]
    size = sizes_of(file, 1)
    moment = file.stat().st_ctime_ns / 1e9
    read = []
    monkeypatch.setattr(damage, "compare", lambda path, size: read.append(path))
    monkeypatch.setattr("time.time", lambda: moment + 0.001)
    refuse_damage({file: size})
    refuse_damage({file: size})
    assert len(read) == 2


def test_a_damaged_part_is_not_merged_and_stays_as_it_is(store):
    first, *_ = hot(store)
    spoil(first)
    spoiled = first.read_bytes()
    writer = SensorWriter(store, "a", lanes=1)
    writer.publish()
    writer.close()
    [published] = [file for file in store.glob("packets/**/*.parquet") if file.name == first.name]
    assert published.read_bytes() == spoiled
    with pytest.raises(DamageError, match=f"{published} is damaged"):
        asked(store)
    others = [file for file in store.glob("packets/**/*.parquet") if file != published]
    assert len(others) == 2
    assert len(sources(others)) == 3


def test_a_merger_beside_a_writer_goes_on_without_a_damaged_part(store):
    spoil(hot(store)[0])
    writer = SensorWriter(store, "a", lanes=1)
    for _ in range(200):
        writer.settle(NOON + HOUR)
        if not hot(store):
            break
        writer._merger._made and writer._merger._made.exception(timeout=30)
    writer.close()
    with Snapshot_of(store) as files:
        assert not [path for path in files if path.startswith("_hot/packets")]


class Snapshot_of:  # noqa: N801
    def __init__(self, store):
        self._snapshot = Snapshot(store / "_state" / "sensor=a")

    def __enter__(self):
        return self._snapshot.state.files

    def __exit__(self, *_):
        self._snapshot.close()


def test_what_was_ever_seen_and_the_day_s_payloads_are_compared_before_they_are_learnt(store):
    from datetime import UTC, datetime

    day = datetime.fromtimestamp(NOON / 1e6, UTC).date()
    writer = SensorWriter(store, "a", lanes=1)
    file = hot(store, "payloads")[0]
    spoil(file)
    with pytest.raises(DamageError, match=f"{file} is damaged"):
        list(writer.payloads_of(day))
    told = []
    assert len(list(writer.payloads_of(day, told.append))) == 2
    assert [error.file for error in told] == [file]
    writer.close()
    run = next((store / "_state/sensor=a/seen").iterdir())
    spoil(run, 200 if run.stat().st_size > 200 else 130)
    with pytest.raises(DamageError, match=f"{run} is damaged"):
        SensorWriter(store, "a", lanes=1)


def test_a_damaged_file_is_not_shipped_and_the_ledger_does_not_name_it(store, tmp_path):
    [file] = store.glob("packets/**/*.parquet")
    spoil(file)
    with pytest.raises(DamageError, match=f"{file} is damaged: its octets"):
        Shipper(store, open_place(tmp_path / "L")).ship("a")
    assert not list((tmp_path / "L").rglob("*.parquet"))


def test_a_store_of_an_earlier_version_is_read_and_only_sizes_are_compared(store):
    of_an_earlier_version(store)
    assert asked(store) == 4
    file = hot(store)[0]
    file.write_bytes(file.read_bytes() + b"x")
    with pytest.raises(DamageError, match=f"{file} is damaged: [0-9,]+ octets where"):
        asked(store)


def test_without_its_manifest_a_store_is_never_empty_nor_is_anything_deleted(store):
    parts = set(store.rglob("*.parquet"))
    [(_, log)] = generations(store / "_state/sensor=a")
    octets = log.read_bytes()
    log.unlink()
    for head in (True, False):
        with pytest.raises(DamageError, match=r"sensor=a.* is damaged: .*put back a copy of it"):
            asked(store)
        with pytest.raises(DamageError, match=r"sensor=a.* is damaged: "):
            SensorWriter(store, "a", lanes=1)
        if head:
            (log.parent / "manifest.head").unlink()
    assert set(store.rglob("*.parquet")) == parts
    log.write_bytes(octets)
    assert asked(store) == 4
    shutil.rmtree(log.parent)
    with pytest.raises(DamageError, match=r"_state/sensor=a is damaged: it isn't there, and listed "):
        asked(store)


def test_an_older_manifest_that_is_put_back_is_told(store):
    folder = store / "_state/sensor=a"
    [(_, log)] = generations(folder)
    *lines, _ = log.read_bytes().split(b"\n")
    log.write_bytes(b"\n".join([*lines[:-1], b""]))
    with pytest.raises(DamageError, match=f"{log} is damaged: [0-9,]+ octets, of which [0-9,]+ were written"):
        asked(store)
    log.write_bytes(b"\n".join([*lines, b""]))
    older = log.read_bytes()
    SensorWriter(store, "a", lanes=1).close()
    [(number, newest)] = generations(folder)
    newest.unlink()
    log.write_bytes(older)
    with pytest.raises(DamageError, match=f"manifest-{number:08d}.log is damaged: it isn't there, and was the newest"):
        SensorWriter(store, "a", lanes=1)


def test_a_manifest_of_another_sensor_is_told(store):
    writer = SensorWriter(store, "b", lanes=1)
    put(writer, "packets", packets([NOON]))
    writer.commit()
    writer.close()
    [(_, theirs)] = generations(store / "_state/sensor=b")
    shutil.copyfile(theirs, store / "_state/sensor=a/manifest-00000099.log")
    with pytest.raises(DamageError, match=r"_state/sensor=a is damaged: its manifest lists _hot/packets/sensor=b/"):
        asked(store)


def test_a_head_that_lags_or_is_damaged_keeps_nobody_from_the_manifest(store):
    head = store / "_state/sensor=a/manifest.head"
    for content in (b"", b"x" * 128, bytes(128)):
        head.write_bytes(content)
        assert asked(store) == 4
    Manifest(store, head.parent).close()
    assert len(head.read_bytes()) == 128
    assert asked(store) == 4
