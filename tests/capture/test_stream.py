"""The octets of a capture in one buffer: it grows as far as is asked, gives all octets once, and can go back a little."""

import contextlib
import os

import pytest
import xxhash

from ims.capture.stream import OctetStream, stream_digest

OCTETS = bytes(range(256)) * 40


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "octets"
    path.write_bytes(OCTETS)
    return path


@pytest.mark.parametrize("step", [1, 7, 64, 1000, 5000])
def test_all_octets_come_once_and_in_order_whatever_the_steps(file, step):
    found = b""
    with contextlib.closing(OctetStream(file, 100)) as stream:
        while stream.end - stream.begin >= step or stream.fill(step) or stream.end > stream.begin:
            count = min(step, stream.end - stream.begin)
            found += stream.octets[stream.begin : stream.begin + count].tobytes()
            stream.advance(count)
        assert (stream.position, stream.octets_read, stream.at_end) == (len(OCTETS), len(OCTETS), True)
        assert stream.digest() == xxhash.xxh3_128_hexdigest(OCTETS)
    assert found == OCTETS


def test_a_file_is_there_at_once_and_a_pipe_as_far_as_it_came(file, tmp_path):
    with contextlib.closing(OctetStream(file, 100)) as stream:
        assert stream.need(5000, patient=False) and not stream.need(len(OCTETS) + 1, patient=False)
    os.mkfifo(tmp_path / "pipe")
    writer = os.open(tmp_path / "pipe", os.O_RDWR)
    os.write(writer, OCTETS[:300])
    with contextlib.closing(OctetStream(tmp_path / "pipe", 100)) as stream:
        assert stream.need(300, patient=False)
        assert not stream.need(301, patient=False)  # without waiting for more than one silence
        os.write(writer, OCTETS[300:400])
        assert stream.need(301, patient=False)
    os.close(writer)


def test_who_is_told_to_stop_waits_no_more(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = os.open(tmp_path / "pipe", os.O_RDWR)
    os.write(writer, OCTETS[:300])
    told = iter([False, False, True])
    stream = OctetStream(tmp_path / "pipe", 100, lambda: next(told))
    with contextlib.closing(stream), pytest.raises(InterruptedError):
        stream.need(301)
    os.close(writer)


def test_a_mark_may_go_back_to_what_was_kept_and_no_further(file):
    with contextlib.closing(OctetStream(file)) as stream:
        stream.fill(len(OCTETS))
        stream.advance(100)
        stream.keep()
        stream.advance(400)
        for position in (100, 333, 499):
            stream.mark(position)
            assert stream.mark_digest == xxhash.xxh3_128_hexdigest(OCTETS[:position])
        stream.mark(99)
        assert stream.mark_digest is None
        stream.mark(700)
        stream.advance(400)
        assert stream.mark_digest == xxhash.xxh3_128_hexdigest(OCTETS[:700])


def test_digests_of_begins_are_none_where_there_are_fewer_octets(file):
    asked = [len(OCTETS) + 1, 0, 333, len(OCTETS), 333]
    assert stream_digest(file, asked, 64) == [
        None if length > len(OCTETS) else xxhash.xxh3_128_hexdigest(OCTETS[:length]) for length in asked
    ]
