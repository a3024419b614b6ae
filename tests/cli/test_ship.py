"""`ims ship` as people run it: a report, one line for what is wrong, killed and run again, stopped and going on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.lake.conftest import CREDENTIALS, bucket, credentials, s3_server, s3_uri  # noqa: F401  (fixtures)
from tests.lake.liar import Badness, proxy_before
from tests.lake.shipped import ROWS, seen_by_others, seen_by_us, watched

from ..effort import every
from ..stores import IMS, cli


@pytest.fixture
def store(tmp_path: Path) -> Path:
    watched(tmp_path / "S")
    return tmp_path / "S"


def shipped(store: Path, *words: str | Path) -> list[dict[str, Any]]:
    done = cli("ship", "--store", store, "--format", "json", *words)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_it_reports_what_it_did_and_does_nothing_twice(store: Path, tmp_path: Path) -> None:
    (first,) = shipped(store, "--to", tmp_path / "L")
    assert {key: first[key] for key in ("sensor", "files", "rows", "already_there", "dropped", "number")} == {
        "sensor": "a", "files": 7, "rows": 3 * ROWS + 4, "already_there": 0, "dropped": 0, "number": 2,
    }  # fmt: skip
    (second,) = shipped(store, "--to", f"file://{tmp_path}/L")
    assert (second["files"], second["bytes"], second["number"]) == (0, 0, 2)
    table = cli("ship", "--store", store, "--to", tmp_path / "L").stdout
    assert table.split()[:4] == ["sensor", "files", "rows", "bytes"]


def test_limits_drop_what_was_shipped(store: Path, tmp_path: Path) -> None:
    (report,) = shipped(store, "--to", tmp_path / "L", "--keep-age", "1d", "--rate", "1G")
    assert report["dropped"] == 3
    assert list((store / "packets").rglob("*.parquet")) == []
    assert seen_by_others(tmp_path / "L") == list(range(3 * ROWS))
    assert shipped(store, "--to", tmp_path / "L", "--keep-size", "0")[0]["files"] == 0


def test_limits_are_the_live_writer_s_matter(store: Path, tmp_path: Path) -> None:
    from ims.store.lock import WriterLock
    from ims.store.schema import state_folder

    lock = WriterLock(state_folder(store, "a"), "a")
    done = cli("ship", "--store", store, "--to", tmp_path / "L", "--keep-age", "1d")
    lock.release()
    assert done.returncode == 2
    assert done.stderr == (
        f"ims: sensor 'a' is being written by process {os.getpid()}, which must drop hours itself: give the limits to "
        "it, with keep_until_shipped = true\n"
    )
    assert seen_by_us(tmp_path / "L") == list(range(3 * ROWS))


REFUSED = {
    ("--to", "s3://me:hush@b/x"): "credentials are not allowed in the URI",
    ("--to", "gopher://x"): "unsupported scheme gopher://",
    ("--to", "L", "--sensor", "z"): "has no sensor 'z'; it has a",
    ("--to", "L", "--rate", "0"): "--rate 0: expected at least one byte a second",
    ("--to", "L", "--rate", "fast"): "size 'fast'",
    ("--to", "L", "--every", "10"): "--every '10': expected a number with s, m, h or d",
    ("--to", "L", "--every", "0m"): "--every '0m'",
    ("--to", "L", "--keep-age", "1x"): "age '1x'",
    ("--to", "L", "--format", "xml"): "--format 'xml'",
    ("--to", "S"): "S is a store; expected a lake or a new folder",
    ("--to", "."): "is not empty and no lake",
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_makes_no_sense_is_refused_in_one_line(store: Path, words: tuple[str, ...]) -> None:
    done = cli("ship", "--store", "S", *words, cwd=store.parent)
    assert done.returncode == 2
    assert REFUSED[words] in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert [path.name for path in store.parent.iterdir()] == ["S"]


def test_one_sensor_s_damage_does_not_keep_the_others_back(store: Path, tmp_path: Path) -> None:
    watched(store, 1, "b")
    part = next((store / "packets/sensor=a").rglob("*.parquet"))
    part.write_bytes(part.read_bytes()[:-1])
    done = cli("ship", "--store", store, "--to", tmp_path / "L", "--format", "json")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"{part.name} is damaged" in done.stderr
    assert [row["sensor"] for row in json.loads(done.stdout)] == ["b"]


@pytest.fixture
def watched_bucket(s3_server: str, bucket: str) -> Any:  # noqa: F811
    with proxy_before(s3_server) as (endpoint, badness):
        yield badness, s3_uri(bucket, endpoint), s3_uri(bucket, s3_server)


def started(store: Path, uri: str, *words: str) -> subprocess.Popen[str]:
    command = [str(IMS), "ship", "--store", str(store), "--to", uri, "--format", "json", *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=os.environ | CREDENTIALS, stdout=pipe, stderr=pipe, text=True)


def at_the_put(badness: Badness, number: int) -> threading.Event:
    """Set when the PUT of this number has come, which then waits until the test lets it go on."""
    came, puts = threading.Event(), []

    def refuse(method: str, path: str) -> None:
        if method == "PUT":
            puts.append(path)
            if len(puts) == number:
                came.set()
                badness.go_on.wait(60)  # type: ignore[attr-defined]

    badness.go_on = threading.Event()  # type: ignore[attr-defined]
    badness.refuse = refuse
    return came


@pytest.mark.parametrize("put", every(2, [1, 3, 6, 8, 9, 10]))
def test_killed_while_it_sends_and_run_again(store: Path, watched_bucket: Any, put: int) -> None:
    badness, uri, past = watched_bucket
    came = at_the_put(badness, put)
    process = started(store, uri)
    assert came.wait(60)
    process.kill()
    process.communicate()
    badness.go_on.set()
    badness.refuse = lambda method, path: None
    done = cli("ship", "--store", store, "--to", uri, "--format", "json", env=os.environ | CREDENTIALS)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)[0]["number"] >= 2
    assert seen_by_us(past) == seen_by_others(past) == list(range(3 * ROWS))
    assert len(seen_by_us(past, "payloads", "first_seen")) == 3
    assert len(seen_by_others(past, "coverage", "since")) == 1


def test_going_on_it_ships_what_comes_survives_trouble_and_ends_when_told(
    store: Path, watched_bucket: Any, tmp_path: Path
) -> None:
    badness, uri, past = watched_bucket
    badness.refuse = lambda method, path: 403 if method == "PUT" else None
    process = started(store, uri, "--every", "1s")
    assert process.stdout is not None
    assert process.stderr is not None
    assert "can't be written" in process.stderr.readline()
    badness.refuse = lambda method, path: None
    (report,) = json.loads(process.stdout.readline())
    assert report["files"] == 7
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert seen_by_us(past) == list(range(3 * ROWS))


def test_told_to_end_it_ends_after_the_file_it_is_at(store: Path, watched_bucket: Any) -> None:
    badness, uri, past = watched_bucket
    came = at_the_put(badness, 3)
    process = started(store, uri)
    assert came.wait(60)
    process.send_signal(signal.SIGTERM)
    badness.go_on.set()
    out, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (130, "ims: stopped; the same command goes on from here\n")
    assert 0 < json.loads(out)[0]["files"] < 6
    again = started(store, uri)
    again.communicate(timeout=60)
    assert again.returncode == 0
    assert seen_by_us(past) == list(range(3 * ROWS))


def test_ingest_keeps_what_was_not_shipped(tmp_path: Path, samples: dict[int, Path]) -> None:
    words = ("--store", tmp_path / "S", "--sensor", "a", "--block", "C/24=198.51.100.0/24")
    limits = ("--keep-age", "1d", "--keep-until-shipped")
    assert cli("ingest", samples[1], *words, *limits).returncode == 0
    files = sorted((tmp_path / "S/packets").rglob("*.parquet"))
    assert files
    shipped(tmp_path / "S", "--to", tmp_path / "L")
    assert cli("ingest", samples[2], *words, *limits).returncode == 0
    rows = duckdb.sql(f"SELECT count(*) FROM '{tmp_path}/[SL]/packets/**/*.parquet'").fetchall()[0][0]
    assert rows > 0
    assert any(path.exists() for path in files)
    shipped(tmp_path / "S", "--to", tmp_path / "L", "--keep-age", "1d")
    assert list((tmp_path / "S/packets").rglob("*.parquet")) == []
    assert duckdb.sql(f"SELECT count(*) FROM '{tmp_path}/L/packets/**/*.parquet'").fetchall()[0][0] > rows / 2
