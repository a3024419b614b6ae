"""A store has one id, which is made once and never taken for another."""

import re
import threading
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.store.schema import create_store
from ims.store.store_id import read_store_id, store_id
from tests.lake.shipped import watched


@pytest.fixture
def store(tmp_path):
    create_store(tmp_path / "S")
    (tmp_path / "S" / "_state").mkdir(exist_ok=True)
    return tmp_path / "S"


def test_an_id_is_made_for_the_first_who_asks_and_stays(store):
    assert read_store_id(store) == ""
    assert list((store / "_state").iterdir()) == []  # reading makes nothing
    made = store_id(store)
    assert re.fullmatch("[0-9a-f]{32}", made)
    assert store_id(store) == read_store_id(store) == made
    assert (store / "_state" / "store_id").read_bytes() == b"%s %08x\n" % (made.encode(), zlib.crc32(made.encode()))


def test_who_begin_at_once_get_the_same(store):
    begin, found = threading.Barrier(8), []

    def ask():
        begin.wait()
        found.append(store_id(store))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_one_of_an_earlier_version_has_no_checksum_and_is_kept(store):
    (store / "_state" / "store_id").write_text("0123456789abcdef" * 2 + "\n")
    assert store_id(store) == "0123456789abcdef" * 2


@given(st.integers(0, 40), st.integers(0, 7))
def test_no_single_changed_bit_gives_another_id(tmp_path_factory, at, bit):
    store = tmp_path_factory.getbasetemp() / "flipped"
    (store / "_state").mkdir(parents=True, exist_ok=True)
    made = b"0123456789abcdef" * 2
    line = bytearray(b"%s %08x\n" % (made, zlib.crc32(made)))
    line[at] ^= 1 << bit
    (store / "_state" / "store_id").write_bytes(line)
    with pytest.raises(ValueError, match="store_id is damaged") as raised:
        read_store_id(store)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "octets", [b"", b"\n", b"\xff" * 32, b"0" * 31, b"0" * 33, b"G" * 32, b"0" * 32 + b"\n" + b"0" * 8]
)
def test_what_is_no_id_is_refused_and_not_made_anew(store, octets):
    (store / "_state" / "store_id").write_bytes(octets)
    with pytest.raises(ValueError, match="store_id is damaged"):
        store_id(store)
    assert (store / "_state" / "store_id").read_bytes() == octets


def test_a_store_has_one_id(tmp_path):
    watched(tmp_path / "s", 1)
    made = store_id(tmp_path / "s")
    assert store_id(tmp_path / "s") == made
    (tmp_path / "s" / "_state" / "store_id").write_text("no id")
    with pytest.raises(ValueError, match="store_id is damaged"):
        store_id(tmp_path / "s")
