"""What was sent counts only when it was read back and is the same, whatever the place says."""

from __future__ import annotations

import hashlib

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from ims.lake.bandwidth import Bandwidth
from ims.lake.folder import Folder
from ims.lake.uri import open_place
from ims.lake.verified_upload import Digest, Print, put_verified, send_verified
from ims.store.damage import DamageError

NAME = "packets/sensor=a/x.parquet"
CONTENT = bytes(range(256)) * 20


@pytest.fixture
def store(tmp_path):
    (tmp_path / "store" / NAME).parent.mkdir(parents=True)
    (tmp_path / "store" / NAME).write_bytes(CONTENT)
    return tmp_path / "store"


def print_of(octets):
    return Print(len(octets), hashlib.sha256(octets).hexdigest(), xxhash.xxh3_64_intdigest(octets))


def size_of(octets):
    return {"rows": 1, "bytes": len(octets), "xxh3": xxhash.xxh3_64_intdigest(octets)}


class Lying(Folder):
    """A folder that stores something else than it was given."""

    def __init__(self, folder, change):
        super().__init__(folder)
        self.change = change

    def send(self, name, chunks):
        octets = self.change(b"".join(chunks))
        if octets is not None:
            super().send(name, [octets])


LIES = {
    "cut": (lambda octets: octets[:-1], "5,119 of 5,120 octets came back"),
    "more": (lambda octets: octets + b"?", "5,121 of 5,120 octets came back"),
    "altered": (lambda octets: octets[:9] + b"?" + octets[10:], "other octets came back"),
    "forgotten": (lambda octets: None, "and isn't there"),
}


@given(st.lists(st.binary(max_size=40)))
def test_a_print_is_hashlib_s_and_xxhash_s_whatever_the_pieces(chunks):
    digest = Digest()
    assert list(digest.of(iter(chunks))) == chunks
    assert digest.print == print_of(b"".join(chunks))


def test_a_file_is_sent_once_and_a_second_time_only_compared(store, uri):
    place = open_place(uri)
    assert send_verified(place, NAME, store, size_of(CONTENT), Bandwidth()) == (print_of(CONTENT), True)
    assert place.read(NAME, 1 << 20) == CONTENT
    assert send_verified(place, NAME, store, size_of(CONTENT), Bandwidth()) == (print_of(CONTENT), False)
    place.write(NAME, CONTENT[:-1] + b"?")  # as long, and another
    assert send_verified(place, NAME, store, size_of(CONTENT), Bandwidth()) == (print_of(CONTENT), True)
    assert place.read(NAME, 1 << 20) == CONTENT


@pytest.mark.parametrize("lie", LIES)
def test_a_place_that_says_yes_and_lies_is_found_out_and_the_lie_removed(store, tmp_path, lie):
    change, says = LIES[lie]
    place = Lying(tmp_path / "lake", change)
    with pytest.raises(OSError, match=f"x.parquet was written without complaint, .*{says}$"):
        send_verified(place, NAME, store, size_of(CONTENT), Bandwidth())
    assert place.size(NAME) is None


@pytest.mark.parametrize("remove", [False, True])
def test_a_small_object_that_comes_back_otherwise_stays_unless_it_is_to_go(tmp_path, remove):
    place = Lying(tmp_path, lambda octets: octets[:-1])
    with pytest.raises(OSError, match="2 of 3 octets came back"):
        put_verified(place, "x", b"abc", Bandwidth(), remove=remove)
    assert place.size("x") == (None if remove else 2)
    place.change = bytes
    assert put_verified(place, "x", b"abc", Bandwidth()) == print_of(b"abc")


def test_a_file_that_is_not_what_was_written_reaches_no_place(store, uri):
    place = open_place(uri)
    for octets, says in ((CONTENT[:-1], "5,119 octets where 5,120 were"), (b"?" + CONTENT[1:], "octets aren't those")):
        (store / NAME).write_bytes(octets)
        with pytest.raises(DamageError, match=says):
            send_verified(place, NAME, store, size_of(CONTENT), Bandwidth())
    assert place.size(NAME) is None
    of_an_earlier_version = {"rows": 1, "bytes": len(CONTENT)}
    assert send_verified(place, NAME, store, of_an_earlier_version, Bandwidth())[1]


def test_a_file_that_is_gone_or_a_link_is_no_fault_of_the_place(store, uri):
    (store / NAME).unlink()
    with pytest.raises(ValueError, match=f"{NAME} can't be read: ") as raised:
        send_verified(open_place(uri), NAME, store, size_of(CONTENT), Bandwidth())
    assert "\n" not in str(raised.value)
    (store / NAME).symlink_to("/etc/passwd")
    with pytest.raises(ValueError, match=f"{NAME} can't be read: it is a link"):
        send_verified(open_place(uri), NAME, store, size_of(CONTENT), Bandwidth())
    assert open_place(uri).size(NAME) is None


def test_what_is_sent_and_what_is_read_back_count_alike(store, tmp_path):
    pace = Bandwidth()
    send_verified(open_place(tmp_path / "lake"), NAME, store, size_of(CONTENT), pace)
    assert pace.octets == 2 * len(CONTENT)
    put_verified(open_place(tmp_path / "lake"), "y", b"abc", pace)
    assert pace.octets == 2 * (len(CONTENT) + 3)
