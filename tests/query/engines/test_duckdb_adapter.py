"""A damaged store is an error in a line of ours, with the file where it is known, and never in the database's words."""

from __future__ import annotations

import errno
import random
import signal
import threading
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

import ims
from ims.query.engines.duckdb_adapter import plainly
from ims.store.damage import DamageError

from ...effort import examples
from ...store.made import of_an_earlier_version
from ...stores import ingest, udp, write_pcap

FOREIGN = ("SELECT", "LINE 1", "read_parquet", "Error:", "TProtocol", "Binder", "LZ4", "ZSTD", "ims_", "Exception")
"""What DuckDB's and PyArrow's own words have in them."""
QUESTIONS = [
    ("count", {}), ("payloads", {}), ("packets", {}), ("series", {"group": "source", "metric": "bytes"}), ("sources", {"filter": "udp"}),
]  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("damage")
    sent = (
        (n * 1000, udp(0x01020304 + n % 50, 0xC6336400 + n % 200, 1000 + n, b"hello %d" % (n % 99)))
        for n in range(2000)
    )
    made = ingest(folder / "STORE", write_pcap(folder / "a.pcap", sent))
    of_an_earlier_version(made)  # with checksums, no damaged file would come to the database
    return made


def damaged(octets: bytes, dice: random.Random) -> bytes:
    """Bits turned in the footer or anywhere, or an end that isn't there or lies."""
    found = bytearray(octets)
    kind = dice.randrange(6)
    if kind == 4:
        return bytes(found[: dice.randrange(len(found))])
    if kind == 5:
        return bytes(found[:-8]) + dice.choice([b"\xff\xff\xff\x7fPAR1", b"\0\0\0\0PAR1", b"\x10\0\0\0XXXX"])
    for _ in range(dice.choice([1, 3, 30])):
        at = dice.randrange(len(found)) if kind < 2 else -1 - dice.randrange(min(len(found), 1500))
        found[at] ^= 1 << dice.randrange(8)
    return bytes(found)


def test_whatever_is_damaged_an_error_is_a_line_of_ours(store: Path) -> None:
    dice, files, told = random.Random(1), sorted(store.rglob("*.parquet")), []
    for at in range(examples(300, 30)):
        file = files[at % len(files)]
        whole = file.read_bytes()
        file.write_bytes(damaged(whole, dice))
        try:
            verb, words = QUESTIONS[at % len(QUESTIONS)]
            getattr(ims.open(store), verb)(**words)
        except (OSError, DamageError) as error:
            named = error.filename if isinstance(error, OSError) else str(error.file)
            told.append(named)
            assert not any(word in str(error) for word in FOREIGN), str(error)
            assert named in (None, str(file))
        finally:
            file.write_bytes(whole)
    assert sum(named is not None for named in told) > len(told) // 2 > 2


@pytest.mark.parametrize(
    ("raised", "expected", "said"),
    [
        (duckdb.InterruptException("INTERRUPT"), InterruptedError, "the question was given up"),
        (duckdb.OutOfMemoryException("secret"), MemoryError, "the question needs more memory than it may have"),
        (
            pa.ArrowInvalid("Out of Memory Error: secret"),
            MemoryError,
            "the question needs more memory than it may have",
        ),
        (pa.ArrowMemoryError("secret"), MemoryError, "the question needs more memory than it may have"),
        (OSError("INTERRUPT Error: secret"), InterruptedError, "the question was given up"),
        (duckdb.InternalException("secret"), OSError, "the database failed; IMS_DEBUG=1 shows what it says"),
        (duckdb.BinderException("secret"), OSError, "the database failed; IMS_DEBUG=1 shows what it says"),
        (duckdb.InvalidInputException("secret"), OSError, "a file is damaged, and the database doesn't say which"),
        (pa.ArrowInvalid("secret"), OSError, "a file is damaged"),
    ],
)
def test_what_the_database_says_is_the_cause_alone(raised: Exception, expected: type[Exception], said: str) -> None:
    with pytest.raises(expected, match=said) as caught, plainly():
        raise raised
    assert "secret" not in str(caught.value) and caught.value.__cause__ is raised


def test_ctrl_c_while_the_database_works_is_ctrl_c() -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, stop)
    try:
        with pytest.raises(KeyboardInterrupt), duckdb.connect() as con:
            threading.Thread(target=signal.pthread_kill, args=(threading.get_ident(), signal.SIGUSR1)).start()
            with plainly():
                con.execute("SELECT sum(hash(a.range) % 7) FROM range(1000000) a, range(1000000) b").fetchall()
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_only_the_database_s_word_for_ctrl_c_is_taken_for_it() -> None:
    with pytest.raises(KeyboardInterrupt), plainly():
        raise RuntimeError("Query interrupted")
    with pytest.raises(RuntimeError, match="another"), plainly():
        raise RuntimeError("another")


def test_a_file_that_the_system_refuses_keeps_the_system_s_words(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught, plainly():
        raise duckdb.IOException(f'No files found that match the pattern "{tmp_path}/gone.parquet"')
    assert (caught.value.errno, caught.value.filename) == (errno.ENOENT, f"{tmp_path}/gone.parquet")
