"""A daemon's memory: what it has at rest and what it is told it may have, whatever is asked, and whoever follows."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.flight as fl
import pytest
from benchmarks import traffic

from ims.decode.category import SCAN
from ims.link.contract import Ask, Tail, written
from ims.link.envelope import opened
from ims.query.engines.prepared import batch_rows
from ims.query.question import Question
from ims.query.request import make_request
from ims.queryd.memory import LEAST_BATCH, MOST_BATCH, shares
from ims.queryd.news import News
from ims.records import PAYLOAD, WHOLE_TCP, packet_batch
from ims.store.columns import packets_table
from ims.store.writer import SensorWriter
from tests.free_port import free_port
from tests.portal.deployment import Process
from tests.stores import MIDNIGHT, ingest

from ..store.made import put
from .live_store import BLOCKS, NOTHING
from .test_service import within

QUESTIONS = [
    Question(plan="ranked", request=make_request("sources", None), key="source"),
    Question(plan="top", request=make_request("top", None, group="source")),
    Question(plan="rows", request=make_request("packets", None, limit=1_000_000)),
    Question(plan="packets", request=make_request("packets", None, limit=100_000)),
    Question(plan="whole_rows", request=make_request("packets", None, limit=100_000)),
    Question(plan="series", request=make_request("series", None, bin="1s", group="source")),
    Question(plan="count", request=make_request("count", None)),
]
FOLLOWERS = 8
REST = 400 << 20
"""What the process has by itself, and what the first questions leave compiled (docs/operations.md)."""


def resident(pid: int, name: str = "VmHWM") -> int:
    """Octets that a process has, or had at most."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith(name))


def flood(writer: SensorWriter, dice: np.random.Generator, count: int, is_new: bool = False) -> None:
    """Packets of now, to ports by chance; `is_new`: each with another payload, never seen before."""
    batch = packet_batch(count)
    for column in batch:
        column[:] = 0
    batch.time[:count] = int(time.time() * 1e6)
    batch.total_length[:count], batch.layers[:count], batch.protocol[:count] = 40, WHOLE_TCP, 6
    batch.category[:count], batch.destination_port[:count] = SCAN, dice.integers(0, 1 << 16, count)
    signatures = np.zeros((1, 16), np.uint8)
    if is_new:
        batch.layers[:count] |= PAYLOAD
        batch.payload_length[:count], batch.new_payload[:count] = 1_400, 1
        batch.signature_entry[:count] = np.arange(count)
        signatures = dice.integers(0, 1 << 8, (count, 16), np.uint8)
    put(writer, "packets", packets_table(batch, count, BLOCKS, signatures, NOTHING))
    writer.checkpoint()


@pytest.mark.parametrize(("is_new", "lacking"), [(False, ["ports"]), (True, ["new", "ports"])])
def test_where_there_is_no_room_for_other_news_blocks_are_told_all_the_same(
    tmp_path: Path, is_new: bool, lacking: list[str]
) -> None:
    left_out: list[str] = []
    with closing(SensorWriter(tmp_path / "STORE", "b", lanes=1)) as writer:
        dice = np.random.default_rng(1)
        news = News(tmp_path / "STORE", 2_000, memory_bytes=shares(64 << 20, 3).followers, left_out=left_out.append)
        flood(writer, dice, 1)
        news.since_last()
        flood(writer, dice, 300_000, is_new)
        found = news.since_last()
        news.close()
    assert sum(found["blocks"].column("packets").to_pylist()) == 300_000
    assert found["ports"].num_rows == found["new"].num_rows == 0
    assert left_out == lacking


@contextmanager
def daemon(folder: Path, store: Path, **settings: object) -> Iterator[tuple[int, str]]:
    """A daemon's process and where it listens."""
    address = f"127.0.0.1:{free_port()}"
    said = {"store": str(store), "listen": address, "user": "root", **settings}
    (folder / "queryd.toml").write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in said.items()))
    process = Process("queryd", "--config", folder / "queryd.toml", installed=True)
    try:
        process.until("listening")
        yield process.process.pid, f"grpc://{address}"
    finally:
        process.end()


def asked(address: str, question: Question, number: int = 0, seconds: float = 120) -> str:
    """How a question ended; all callers are others."""
    ask = Ask(version=2, questions=(question,), seconds=seconds, octets=1 << 40, lengths=True, behalf=f"caller{number}")
    with closing(fl.connect(address)) as client:
        try:
            for _ in client.do_get(fl.Ticket(written(ask))):
                pass
        except pa.ArrowException as error:
            return str(error).partition(". ")[0]
    return "answered"


def follow(address: str, batches: int) -> int:
    """Packets by block that a follower is told of in so many batches."""
    with closing(fl.connect(address)) as client:
        reader = client.do_get(fl.Ticket(written(Tail(version=2, every=0.1, rows=100_000))), within())
        ended = 0
        told = 0
        while ended < batches:
            part, body = opened(reader.read_chunk().app_metadata)
            if not part:
                ended += 1
            elif part == "blocks":
                told += sum(pa.ipc.open_stream(body).read_all().column("packets").to_pylist())
        reader.cancel()
    return told


def stays_within(folder: Path, packets: int, memory: int) -> None:
    """All questions at once, twice, beside followers of a flood."""
    traffic.write_traffic(folder / "a.pcap", packets, seed=1)
    store = ingest(folder / "STORE", folder / "a.pcap", sensor="a", blocks=["Z/8=10.0.0.0/8"])
    dice, writer = np.random.default_rng(1), SensorWriter(store, "b", lanes=1)
    narrow = {"since": MIDNIGHT // 1000, "until": MIDNIGHT // 1000 + 1_000_000}
    with daemon(folder, store, memory=memory) as (pid, address), ThreadPoolExecutor(64) as pool, closing(writer):
        for question in QUESTIONS:
            asked(address, question.model_copy(update={"request": question.request.model_copy(update=narrow)}))
        assert resident(pid, "VmRSS") <= REST
        following = [pool.submit(follow, address, 10) for _ in range(FOLLOWERS)]
        answers = [pool.submit(asked, address, question, n) for n, question in enumerate(QUESTIONS * 2)]
        while not all(future.done() for future in [*following, *answers]):
            flood(writer, dice, 50_000)
        assert all(future.result() > 0 for future in following)
        ends = [future.result() for future in answers]
        assert set(ends) <= {"answered", "ims:request: it needs more memory than it may have"}, ends
        assert "answered" in ends
        assert resident(pid) <= REST + memory, (resident(pid), ends)


def test_questions_and_followers_stay_within_what_is_configured(tmp_path: Path) -> None:
    stays_within(tmp_path, 300_000, 64 << 20)


@pytest.mark.exhaustive
@pytest.mark.parametrize("memory", [256 << 20, 1 << 30])
def test_so_they_do_over_millions_of_packets(tmp_path: Path, memory: int) -> None:
    stays_within(tmp_path, 3_000_000, memory)


@pytest.mark.parametrize("running", [1, 2, 64])
@pytest.mark.parametrize("memory", [64 << 20, 256 << 20, 1 << 30, 1 << 36])
def test_shares_are_no_more_than_there_is(memory: int, running: int) -> None:
    found = shares(memory, running)
    assert found.engines >= memory // 2
    assert LEAST_BATCH <= found.batch <= MOST_BATCH
    assert found.engines + found.followers + 4 * running * max(found.batch - LEAST_BATCH, 0) <= memory


@pytest.mark.parametrize(
    ("memory", "engines", "followers"),
    [(64, 50, 16), (96, 58, 24), (128, 62, 32), (192, 75, 32), (256, 81, 32), (512, 81, 64), (1024, 89, 64)],
)
def test_shares_are_those_that_the_documentation_tells(memory: int, engines: int, followers: int) -> None:
    """By the default of `running`: percent of `memory` in MiB, and MiB."""
    found = shares(memory << 20, 3)
    assert (found.engines * 100 // (memory << 20), found.followers >> 20) == (engines, followers)


@pytest.mark.parametrize("running", [1, 3, 16, 65])
def test_questions_have_three_quarters_from_192_mib_on(running: int) -> None:
    assert all(shares(memory << 20, running).engines >= memory * 3 << 18 for memory in range(192, 8192, 32))


def test_batches_have_as_many_rows_as_there_is_room_for() -> None:
    assert batch_rows(["UINTEGER", "UINTEGER"], 4 << 20) == 1 << 18
    assert batch_rows(["BLOB", "VARCHAR", "BIGINT"], 1 << 20) == (1 << 20) // 168
    assert batch_rows(["BLOB"] * 100, 1 << 16) == 2048
