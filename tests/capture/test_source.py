"""What the contract of sources says holds for every format: where frames lie, and which octets position and digest are of."""

from __future__ import annotations

import contextlib
import gzip
from pathlib import Path

import numpy as np
import pytest
import xxhash

from ims.capture.open import open_source
from ims.capture.source import Frames, Source, empty_frames

from .test_erf import BEGIN, FRAME, record
from .writers import RAW, Packet, enhanced, interface, pcap, section

OCTETS = [bytes([number]) * (number % 7 * 10) for number in range(1, 40)]
PCAP = pcap([Packet(number * 1000, RAW, octets, len(octets) + 5) for number, octets in enumerate(OCTETS, 1)])
FORMATS = {
    "pcap": PCAP,
    "pcapng": section() + interface() + b"".join(enhanced(0, number, octets) for number, octets in enumerate(OCTETS)),
    "erf": record(BEGIN, FRAME) * len(OCTETS),
}


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("form", FORMATS)
def test_position_and_digest_are_those_of_all_records_yielded_so_far(
    tmp_path: Path, form: str, compressed: bool
) -> None:
    octets = FORMATS[form]
    (tmp_path / "made").write_bytes(gzip.compress(octets) if compressed else octets)
    size = (tmp_path / "made").stat().st_size
    positions, count = [], 0
    with contextlib.closing(open_source(tmp_path / "made", 300)) as source:
        assert source.first_digest is None
        assert (source.name, source.file_octets) == (str(tmp_path / "made"), size)
        for frames in source:
            count += frames.count
            positions.append(source.position)
            assert source.digest() == xxhash.xxh3_128_hexdigest(octets[: source.position])
            assert 0 < source.octets_read <= size
            assert source.first_digest is not None
    assert (count, positions[-1], source.complete, source.frames_lost) == (len(OCTETS), len(octets), True, 0)
    assert positions == sorted(set(positions)) and len(positions) > 2


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_has_all_that_the_contract_names(tmp_path: Path, form: str) -> None:
    (tmp_path / "made").write_bytes(FORMATS[form])
    with contextlib.closing(open_source(tmp_path / "made")) as source:
        assert isinstance(source, Source)
        assert type(source).__iter__ is not Source.__iter__
        public = {name for name in {*vars(source), *vars(Source)} if not name.startswith("_")}
        assert public == {
            "name", "warnings", "complete", "frames_lost", "first_digest", "digest", "mark", "mark_digest", "position",
            "octets_read", "file_octets", "close",
        }  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
def test_frames_lie_inside_their_buffer_in_columns_of_the_contract_s_types(tmp_path: Path, form: str) -> None:
    (tmp_path / "made").write_bytes(FORMATS[form])
    types = [column.dtype for column in empty_frames(np.zeros(1, np.uint8), 1)[:-1]]
    with contextlib.closing(open_source(tmp_path / "made", 300)) as source:
        for frames in source:
            assert [column.dtype for column in frames[:-1]] == types
            valid = [column[: frames.count] for column in frames[1:-1]]
            offset, captured, length = valid[:3]
            assert all(column.size == frames.count for column in valid)
            assert (offset >= 0).all() and (offset + captured <= frames.octets.size).all()
            assert (length >= captured).all()
            assert not valid[-1].any()  # only a live kernel leaves checksums to hardware


def test_empty_frames_hold_none_and_say_nothing_of_checksums() -> None:
    frames = empty_frames(np.zeros(9, np.uint8), 5)
    assert (frames.count, len(frames._fields)) == (0, len(Frames._fields))
    assert {column.size for column in frames[1:-1]} == {5}
    assert frames.offloaded.tolist() == [0] * 5
