"""A shipper killed at any moment, a full target, one that lies, one that isn't what it was: nothing is lost, nothing is
doubled, and one line says why."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ims.lake.folder import Folder
from ims.lake.ledger import read_ledger
from ims.lake.uri import open_place
from ims.store.schema import state_folder
from ims.store.shipment import read_shipped
from tests.lake.conftest import s3_uri
from tests.lake.liar import proxy_before
from tests.lake.shipped import ROWS, seen_by_others, seen_by_us, ship, watched
from tests.store.full_disk import files_end_at, small_disk

from ..effort import crossed, pick

ROOT = Path(__file__).parents[2]


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


def right(store, uri, sensor):
    """What must hold after a run that came through, whatever was before it."""
    assert seen_by_us(uri) == seen_by_others(uri) == sensor.sources
    for table, column in (("payloads", "first_seen"), ("coverage", "since")):
        assert seen_by_us(uri, table, column) == seen_by_others(uri, table, column)
    assert len(seen_by_us(uri, "payloads", "first_seen")) == sensor.packets // ROWS
    assert len(seen_by_us(uri, "coverage", "since")) == 1
    ledger, record = read_ledger(open_place(uri), "a"), read_shipped(store, "a")
    assert record.number == ledger.number
    assert ship(store, uri).files == 0


def killed(store, uri, *steps):
    command = [sys.executable, "-m", "tests.lake.killed", str(store), uri, *map(str, steps)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert "Traceback" not in done.stderr, done.stderr
    return [int(line) for line in done.stdout.split()]


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_killed_before_any_change_nothing_is_lost_or_doubled(store, tmp_path, request, kind):
    sensor = watched(store, 2)
    if kind == "folder":
        uri = f"{tmp_path}/lakeSTEP"
    else:
        uri = request.getfixturevalue("bucket_uri").replace("/a/lake", "/a/lakeSTEP")
    (steps,) = killed(store, uri, 0)
    assert steps > 30
    tried = range(1, steps + 1, pick(4, 16) if kind == "bucket" else pick(1, 8))
    assert killed(store, uri, *tried) == []
    for step in tried:
        copy, there = store.with_name(f"{store.name}.{step}"), uri.replace("STEP", str(step))
        ship(copy, there)
        right(copy, there, sensor)
        if kind == "folder":
            left = [path for path in Path(there).rglob("*") if path.is_file() and path.suffix != ".parquet"]
            names = sorted(str(path.relative_to(there)) for path in left if "lake.json." not in path.name)
            assert names == ["_lake/sensor=a.head", "_lake/sensor=a.json", "lake.json"]


def test_what_a_killed_run_had_sent_is_not_sent_again(store, uri, monkeypatch):
    sensor = watched(store)

    def dies(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("ims.lake.ship.put_verified", dies)
    with pytest.raises(KeyboardInterrupt):
        ship(store, uri)
    assert read_shipped(store, "a") is None
    assert sensor.retain(keep_age_us=0, until_shipped=True)["hours"] == 0
    monkeypatch.undo()
    if uri.startswith("s3:"):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody"), monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    report = ship(store, uri)
    assert (report.files, report.already_there) == (1, 6)
    right(store, uri, sensor)


def test_a_leftover_that_differs_is_sent_again(store, tmp_path):
    sensor = watched(store, 1)
    part = next(store.glob("packets/**/*.parquet")).relative_to(store)
    left = tmp_path / "lake" / part
    ship(store, tmp_path / "lake")
    (state_folder(store, "a") / "shipped.json").unlink()
    for record in ("sensor=a.json", "sensor=a.head"):
        (tmp_path / "lake" / "_lake" / record).unlink()
    left.write_bytes(left.read_bytes()[:-1] + b"?")
    report = ship(store, tmp_path / "lake")
    assert report.already_there == 1
    right(store, tmp_path / "lake", sensor)


@pytest.mark.parametrize("octets", [0, 1000, 3000])
def test_a_target_where_files_can_t_grow_gets_no_part_of_one(store, tmp_path, octets):
    sensor = watched(store)
    lake = tmp_path / "lake"
    with files_end_at(octets), pytest.raises(OSError, match="can't be written: ") as raised:
        ship(store, lake)
    assert "\n" not in str(raised.value)
    left = [path for path in lake.rglob("*") if path.is_file()]
    assert all(path.name in ("lake.json", "sensor=a.head") or path.suffix == ".parquet" for path in left)
    ship(store, lake)
    right(store, lake, sensor)


def test_a_full_disk_ends_it_in_one_line_and_space_lets_it_go_on(store, tmp_path):
    sensor = watched(store)
    with small_disk(tmp_path / "disk", 1 << 18) as mounted:
        if not mounted:
            pytest.skip("file systems can't be mounted here; CI is root")
        lake = tmp_path / "disk" / "lake"
        ballast = tmp_path / "disk" / "ballast"
        with ballast.open("wb", buffering=0) as file, pytest.raises(OSError):
            while True:
                file.write(bytes(4096))
        os.truncate(ballast, ballast.stat().st_size - 6 * 4096)
        done = cli_ship(store, lake)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert "can't be written: No space left on device" in done.stderr
        ballast.unlink()
        ship(store, lake)
        right(store, lake, sensor)


def cli_ship(store, uri, *words):
    command = [Path(sys.executable).parent / "ims", "ship", "--store", store, "--to", uri, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_a_folder_that_alters_what_it_was_given_is_found_out(store, tmp_path, monkeypatch):
    sensor = watched(store)
    real = Folder.send

    def lies(self, name, chunks):
        real(self, name, chunks)
        if name.startswith("packets"):
            path = self.folder / name
            path.write_bytes(path.read_bytes()[:-5] + b"?????")

    monkeypatch.setattr(Folder, "send", lies)
    with pytest.raises(OSError, match="was written without complaint, but other octets came back"):
        ship(store, tmp_path / "lake")
    assert seen_by_others(tmp_path / "lake") == []
    assert sensor.retain(keep_age_us=0, until_shipped=True)["hours"] == 0
    monkeypatch.undo()
    ship(store, tmp_path / "lake")
    right(store, tmp_path / "lake", sensor)


def test_a_folder_that_forgets_what_it_was_given_is_found_out(store, tmp_path, monkeypatch):
    watched(store, 1)
    monkeypatch.setattr(Folder, "send", lambda self, name, chunks: [None for _ in chunks] and None)
    with pytest.raises(OSError, match=r"lake\.json was written without complaint, and isn't there"):
        ship(store, tmp_path / "lake")


@pytest.fixture
def bad(s3_server, bucket):
    """(Badness, the URI through the proxy, the URI past it)."""
    with proxy_before(s3_server) as (endpoint, badness):
        yield badness, s3_uri(bucket, endpoint), s3_uri(bucket, s3_server)


LIES = {
    "truncated": (lambda octets: octets[:-7], "octets came back"),
    "altered": (lambda octets: octets[:100] + b"????" + octets[104:], "other octets"),
    "empty": (lambda octets: b"", " 0 of .* octets came back"),
}


@pytest.mark.parametrize(("lie", "table"), crossed(list(LIES), ["packets", "payloads", "coverage"]))
def test_a_server_that_says_yes_and_stores_something_else_is_found_out(store, bad, lie, table):
    badness, uri, past = bad
    sensor = watched(store, 2)
    change, says = LIES[lie]
    badness.alter = lambda method, path, octets: (
        change(octets) if method == "PUT" and f"/{table}/" in path and path.endswith("parquet") else octets
    )
    with pytest.raises(OSError, match=says) as raised:
        ship(store, uri)
    assert "\n" not in str(raised.value)
    assert not [name for name in open_place(past).names(table) if name.endswith(".parquet")]
    badness.alter = lambda method, path, octets: octets
    ship(store, uri)
    right(store, past, sensor)


def test_a_server_that_keeps_less_than_it_says_is_found_out(store, bad):
    badness, uri, past = bad
    sensor = watched(store, 1)
    badness.alter = lambda method, path, octets: octets[:50] if method == "GET" and "/packets/" in path else octets
    with pytest.raises(OSError, match="other octets came back"):
        ship(store, uri)
    badness.alter = lambda method, path, octets: octets
    ship(store, uri)
    right(store, past, sensor)


def test_a_server_that_forgets_is_found_out(store, bad):
    badness, uri, past = bad
    sensor = watched(store, 1)
    badness.refuse = lambda method, path: 404 if method in ("GET", "HEAD") and "/packets/" in path else None
    with pytest.raises(OSError, match="was written without complaint, and isn't there"):
        ship(store, uri)
    badness.refuse = lambda method, path: None
    ship(store, uri)
    right(store, past, sensor)


REFUSALS = {403: "these credentials may not do so", 507: "no room is left in the object store"}


@pytest.mark.parametrize(("allowed", "status"), crossed([0, 1, 4, 7, 8], list(REFUSALS)))
def test_a_bucket_that_takes_no_more_ends_it_in_one_line(store, bad, status, allowed):
    badness, uri, past = bad
    sensor = watched(store)
    puts = []

    def full(method, path):
        if method == "PUT":
            puts.append(path)
        return status if method == "PUT" and len(puts) > allowed else None

    badness.refuse = full
    with pytest.raises(OSError, match=REFUSALS[status]) as raised:
        ship(store, uri)
    assert "\n" not in str(raised.value)
    assert "can't be written" in str(raised.value)
    assert read_shipped(store, "a") is None or allowed == 8
    badness.refuse = lambda method, path: None
    ship(store, uri)
    right(store, past, sensor)


def test_a_ledger_whose_record_was_not_written_is_caught_up(store, uri, monkeypatch):
    sensor = watched(store)

    def dies(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("ims.lake.ship.write_shipped", dies)
        ship(store, uri)
    assert sensor.retain(keep_age_us=0, until_shipped=True)["hours"] == 0
    ship(store, uri)
    right(store, uri, sensor)
    assert sensor.retain(keep_age_us=0, until_shipped=True)["hours"] == 3


def test_a_file_damaged_at_the_sensor_is_not_shipped(store, uri):
    watched(store, 1)
    part = next(store.glob("packets/**/*.parquet"))
    part.write_bytes(part.read_bytes()[:-9])
    with pytest.raises(ValueError, match=f"{part.name} is damaged: "):
        ship(store, uri)
    assert seen_by_others(uri) == []


def test_a_lake_that_is_not_mounted_is_not_made_anew(store, tmp_path):
    watched(store)
    ship(store, tmp_path / "lake")
    shutil.move(tmp_path / "lake", tmp_path / "away")
    with pytest.raises(ValueError, match=r"has no lake.json, but sensor 'a' was shipped to .*; is it mounted\?"):
        ship(store, tmp_path / "lake")
    assert not (tmp_path / "lake").exists()


def test_a_lake_put_back_from_long_ago_and_another_lake_are_refused(store, tmp_path):
    sensor = watched(store)
    lake = tmp_path / "lake"
    ship(store, lake)
    shutil.copytree(lake, tmp_path / "backup")
    sensor.hour(5)
    ship(store, lake)
    with pytest.raises(ValueError, match="is of shipment 2, but 4 was made; put the newer one back"):
        ship(store, tmp_path / "backup")
    watched(tmp_path / "other", 1, "b")
    ship(tmp_path / "other", tmp_path / "third", "b")
    with pytest.raises(ValueError, match=r"third isn't the lake .*/lake, where sensor 'a' was shipped"):
        ship(store, tmp_path / "third")
