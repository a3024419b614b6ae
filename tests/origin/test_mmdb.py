"""Files in MMDB format: what the library finds for each address is found for many at once, and no file is fatal."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import tempfile
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import maxminddb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.origin import mmdb
from ims.origin.mmdb import MmdbFile, OriginError
from ims.origin.place import Place, place_of

from ..stores import LIKE_OTHERS
from .mmdb_files import addresses, asn, city, country, ipinfo, widened, write_mmdb

NETWORKS = {
    "192.0.2.0/24": city("XA", "Europe/Berlin"),
    "198.51.100.0/25": city("XB", "Asia/Tokyo"),
    "198.51.100.128/26": country("XC"),
    "203.0.113.7/32": asn(64500, "Host"),
    "203.0.113.128/25": ipinfo("XD", 64501, "Other host"),
    "2001:db8::/32": city("XE"),
}
V4 = {network: record for network, record in NETWORKS.items() if ":" not in network}
ASKED = addresses(
    "192.0.2.0", "192.0.2.255", "198.51.100.1", "198.51.100.129", "198.51.100.192", "203.0.113.6", "203.0.113.7",
    "203.0.113.8", "203.0.113.200", "0.0.0.0", "255.255.255.255", "192.0.1.255", "192.0.3.0", "192.0.2.7",
)  # fmt: skip


def found(file: MmdbFile, asked: np.ndarray = ASKED) -> list[Place | None]:
    index, places = file.places(asked)
    return [places[each] for each in index]


def expected(path: Path, asked: np.ndarray = ASKED) -> list[Place | None]:
    """What the library finds, one address after the other."""
    with maxminddb.open_database(path, maxminddb.MODE_MEMORY) as reader:
        records = [reader.get(IPv4Address(int(each))) for each in asked]
    return [None if record is None else place_of(record) for record in records]


@pytest.mark.parametrize("width", [24, 28, 32])
@pytest.mark.parametrize("version", [4, 6])
def test_each_address_has_what_the_library_finds(tmp_path: Path, version: int, width: int) -> None:
    path = write_mmdb(tmp_path / "x.mmdb", V4 if version == 4 else NETWORKS, version=version, width=width)
    with maxminddb.open_database(path) as reader:
        assert (reader.metadata().record_size, reader.metadata().ip_version) == (width, version)
    places = found(MmdbFile(path))
    assert places == expected(path)
    assert places[0] == Place("XA", None, "Europe/Berlin") and places[6] == Place(None, "AS64500 Host", None)
    assert places[8] == Place("XD", "AS64501 Other host", None) and places[9] is None


NETWORK = st.builds(
    lambda address, length: str(IPv4Network((address, length), strict=False)),
    st.integers(0, (1 << 32) - 1), st.integers(1, 32),
)  # fmt: skip


@given(
    st.lists(NETWORK, min_size=1, max_size=12),
    st.lists(st.integers(0, (1 << 32) - 1), max_size=8),
    st.sampled_from([24, 28, 32]),
)
def test_networks_within_networks_are_told_apart(networks: list[str], asked: list[int], width: int) -> None:
    edges = [edge for each in map(IPv4Network, networks) for edge in (int(each[0]), int(each[-1]))]
    those = np.array([*asked, *edges], np.uint32)
    records = {network: asn(64500 + i, f"Host {i}") for i, network in enumerate(networks)}
    with tempfile.TemporaryDirectory() as folder:
        path = write_mmdb(Path(folder) / "x.mmdb", records, width=width)
        assert found(MmdbFile(path), those) == expected(path, those)


def test_a_record_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    monkeypatch.setattr(mmdb, "place_of", lambda record: read.append(record) or place_of(record))
    file = MmdbFile(write_mmdb(tmp_path / "x.mmdb", NETWORKS))
    assert found(file) == found(file) and len(read) == 5


def test_no_addresses_have_no_places(tmp_path: Path) -> None:
    index, places = MmdbFile(write_mmdb(tmp_path / "x.mmdb", NETWORKS)).places(np.array([], np.uint32))
    assert len(index) == len(places) == 0


def test_a_file_says_what_it_is_and_of_which_day(tmp_path: Path) -> None:
    name = MmdbFile(write_mmdb(tmp_path / "x.mmdb", NETWORKS, name="GeoLite2-\x1b[31mCity" + "y" * 500)).name
    assert name.startswith("GeoLite2-\\x1b[31mCityyyy") and " of 20" in name and len(name) < 80


def refusal(path: Path) -> str:
    with pytest.raises(OriginError) as refused:
        MmdbFile(path)
    line = str(refused.value)
    assert line.isprintable() and str(path) in line
    return line.removeprefix(str(path))


def test_what_is_no_such_file_is_one_line(tmp_path: Path) -> None:
    valid = write_mmdb(tmp_path / "x.mmdb", NETWORKS).read_bytes()
    only_six = write_mmdb(tmp_path / "six.mmdb", {"2001:db8::/32": city("XE")})
    assert refusal(tmp_path / "absent") == ": No such file or directory"
    assert refusal(tmp_path) == " is a folder; expected a file in MMDB format"
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path / "pipe") == " is no regular file; expected a file in MMDB format"
    for name, octets, line in (
        ("empty", b"", " isn't in MMDB format, or its end is missing"),
        ("text", b"203.0.113.0/24,XA\n", " isn't in MMDB format, or its end is missing"),
        ("cut", valid[:-200], " isn't in MMDB format, or its end is missing"),
        ("headless", valid[-400:], " is damaged: its tree or what it says of itself can't be read"),
        ("packed", gzip.compress(valid), " is packed by gzip; unpack it first"),
        ("version", valid.replace(b"ip_version\xa1\x06", b"ip_version\xa1\x05"),
         " is damaged: its tree or what it says of itself can't be read"),
    ):  # fmt: skip
        (tmp_path / name).write_bytes(octets)
        assert refusal(tmp_path / name) == line, name
    assert refusal(only_six) == " holds no IPv4 addresses"


def test_a_file_that_may_not_be_read_is_one_line(tmp_path: Path) -> None:
    path = write_mmdb(tmp_path / "x.mmdb", NETWORKS)
    path.chmod(0)
    asked = f"from pathlib import Path; from ims.origin.mmdb import MmdbFile; MmdbFile(Path({str(path)!r}))"
    done = subprocess.run([*LIKE_OTHERS, sys.executable, "-c", asked], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == f"ims.origin.mmdb.OriginError: {path}: Permission denied"


def test_a_file_that_wouldn_t_fit_isn_t_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mmdb, "MOST_OCTETS", 1000)
    assert "at most 1,000 are read" in refusal(write_mmdb(tmp_path / "x.mmdb", NETWORKS))


def test_a_record_of_no_known_layout_names_its_address(tmp_path: Path) -> None:
    path = write_mmdb(tmp_path / "x.mmdb", NETWORKS | {"192.0.2.0/24": {"country": {"iso_code": 7}}})
    with pytest.raises(OriginError) as refused:
        found(MmdbFile(path))
    line = f"{path}, its record of 192.0.2.0: its field country.iso_code is a whole number; expected text"
    assert str(refused.value) == line


def test_a_tree_without_an_end_is_refused(tmp_path: Path) -> None:
    """Its first node leads to itself."""
    octets = write_mmdb(tmp_path / "x.mmdb", V4, version=4).read_bytes()
    (tmp_path / "circle.mmdb").write_bytes(bytes(6) + octets[6:])
    with pytest.raises(OriginError, match=r"is damaged: its tree has no end at 192\.0\.2\.0"):
        found(MmdbFile(tmp_path / "circle.mmdb"))


@pytest.fixture(scope="module")
def valid(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_mmdb(tmp_path_factory.mktemp("valid") / "x.mmdb", V4, version=4).read_bytes()


@given(st.data())
def test_a_damaged_file_is_read_as_the_library_reads_it_or_refused_in_one_line(
    valid: bytes, data: st.DataObject
) -> None:
    octets = bytearray(data.draw(st.sampled_from([valid, widened(valid, 28), widened(valid, 32)])))
    places = st.integers(0, len(octets) - 1) | st.integers(len(octets) - 300, len(octets) - 1)
    for at, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=12)):
        octets[at] = value
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.mmdb"
        path.write_bytes(octets)
        try:
            places_found = found(MmdbFile(path))
        except OriginError as error:
            assert str(error).isprintable() and str(path) in str(error) and len(str(error)) < 500
            return
        assert places_found == expected(path)
