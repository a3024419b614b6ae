"""A lake, in a folder and in a bucket, gives the answers of the store that was shipped there: every verb, group and
metric, and all the filters that Spark is tried with (test_spark_same_answer.py has Spark on the store's own tree)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

import ims
from ims.lake.backend import LakeRun
from ims.lake.config import checked_lake
from ims.lake.engines import BucketEngine
from ims.lake.ship import Shipper
from ims.lake.uri import open_place
from ims.query.question import Question
from ims.query.request import GROUPS, METRICS, make_request
from ims.telescope import Telescope

from ..effort import pick, share
from .conftest import CREDENTIALS, s3_client, s3_uri
from .test_spark_same_answer import FILTERS, PREFIXES, RANGE

ANSWERS = {
    "count": lambda t: t.count(),
    "count of a range": lambda t: t.count("udp", **RANGE),
    "series": lambda t: t.series(bin="5m"),
    "series per /24": lambda t: t.series("tcp", bin="1h", group="block", per_24=True),
    "top": lambda t: t.top("source/16", metric="destinations"),
    "packets": lambda t: t.packets(limit=1000),
    "payloads": lambda t: t.payloads(limit=100),
    "sources": lambda t: t.sources(limit=100),
    "chain": lambda t: t.chain(first="ip", then="ip", within="1h"),
    "chain at a sensor": lambda t: t.chain("ip", first="not tcp", then=["ip", "payload"], within="6h", at="sensor", bin="1h"),
    "chain anywhere": lambda t: t.chain(first="tcp", then="not tcp", within="6h", at="anywhere", bin="7m", **RANGE),
    "sightings": lambda t: t.sightings(limit=100),
    "sightings of a range": lambda t: t.sightings("udp or tcp", group="sensor", **RANGE),
    "novelty": lambda t: t.novelty(bin="30m"),
    "cache": lambda t: t.cache(bin="30m"),
    "local": lambda t: t.local(),
    "storage": lambda t: t.storage(bin="1h"),
    "storage of a range": lambda t: t.storage("tcp", bin="30m", **RANGE),
    "coverage": lambda t: t.coverage(),
    "darknet": lambda t: t.darknet(bin="30m", group="block"),
}  # fmt: skip


@pytest.fixture(scope="module")
def store(rich: Path) -> Path:
    return rich


@pytest.fixture(scope="module", params=["folder", "bucket"])
def lake(
    request: pytest.FixtureRequest, store: Path, tmp_path_factory: pytest.TempPathFactory, s3_server: str
) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        if request.param == "folder":
            uri = str(tmp_path_factory.mktemp("lake") / "it's a [lake]* 100%25 #1?")
        else:
            bucket = f"lake-{uuid4().hex}"
            s3_client(s3_server).create_bucket(Bucket=bucket)
            uri = s3_uri(bucket, s3_server)
            patch.setattr(BucketEngine, "_octets", lambda self, files: 1 << 60)  # distinguished by kernels
        copy = shutil.copytree(store, tmp_path_factory.mktemp("copy") / "STORE")  # a store is shipped to one lake
        for sensor in ("007", "b"):
            Shipper(copy, open_place(uri)).ship(sensor)
        yield uri


@pytest.fixture(scope="module")
def one(store: Path) -> Iterator[Telescope]:
    with ims.open(store) as telescope:
        yield telescope


@pytest.mark.parametrize("answer", ANSWERS)
def test_every_verb(one: Telescope, lake: str, answer: str) -> None:
    with ims.open(lake=lake) as telescope:
        found, expected = ANSWERS[answer](telescope), ANSWERS[answer](one)
    assert found.table.equals(expected.table)
    for name in ("sensors", "darknet_24s", "frames_lost", "payloads_lost"):
        assert getattr(found.record, name) == getattr(expected.record, name), name
    assert found.record.stores == (lake.partition("?")[0],)


@pytest.mark.parametrize("metric", METRICS)
def test_every_group(one: Telescope, lake: str, metric: str) -> None:
    questions = [
        Question(plan="top", request=make_request("top", None, group=group, metric=metric, limit=1_000_000))
        for group in share((*GROUPS, *PREFIXES), METRICS.index(metric), len(METRICS))
    ]
    with (
        LakeRun(lake, questions[0].request, checked_lake({})) as asked,
        one.backend.begin(questions[0].request) as right,
    ):
        for question in questions:
            assert asked.run(question)[0].equals(right.run(question)[0]), question


@pytest.mark.parametrize("begin", range(0, len(FILTERS), 12))
def test_every_filter(one: Telescope, lake: str, begin: int) -> None:
    """All over a folder, in a commit each sixth; over a bucket, where every row comes the same way before it is
    filtered, fewer."""
    for filter in FILTERS[begin : begin + 12 : pick(4, 12) if lake.startswith("s3:") else pick(1, 6)]:
        request = make_request("count", filter)
        with LakeRun(lake, request, checked_lake({})) as asked, one.backend.begin(request) as right:
            assert asked.ask("count").equals(right.ask("count")), filter


@pytest.mark.parametrize("format", ["pcap", "parquet", "csv", "json"])
def test_exports(one: Telescope, lake: str, tmp_path: Path, format: str) -> None:
    with ims.open(lake=lake) as telescope:
        for name, asked in (("one", one), ("lake", telescope)):
            asked.export(tmp_path / name, format, "not port 9999", **RANGE)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "lake").read_bytes()


def test_a_payload_s_octets(one: Telescope, lake: str) -> None:
    with ims.open(lake=lake) as telescope:
        for row in one.payloads(limit=5).rows():
            wanted = f"{row['signature']}/{row['number']}"
            assert telescope.payload(wanted) == row["payload"]


def test_a_bucket_s_engine_reaches_nothing_else(lake: str) -> None:
    """As over stores: whatever a plan came to say, it could read the lake alone."""
    with LakeRun(lake, make_request("count", None), checked_lake({})) as asked:
        asked.ask("count")
        with pytest.raises(Exception, match=r"disabled|permission|not allowed"):
            asked._engine._con.sql("SELECT * FROM read_csv('/etc/passwd')").fetchall()  # type: ignore[attr-defined]
