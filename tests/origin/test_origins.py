"""Origins of many sources, by several files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import structlog.testing

from ims.origin.mmdb import OriginError
from ims.origin.origins import MOST_FILES, OriginFiles, Origins

from .mmdb_files import addresses, asn, city, country, ipinfo, write_mmdb

SUMMER = int(datetime(2026, 7, 1, tzinfo=UTC).timestamp()) * 1_000_000
WINTER = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
ASKED = addresses("192.0.2.1", "198.51.100.1", "203.0.113.1", "192.0.2.200", "10.0.0.1")


@pytest.fixture
def cities(tmp_path: Path) -> Path:
    return write_mmdb(tmp_path / "cities.mmdb", {
        "192.0.2.0/25": city("US", "America/Chicago"), "198.51.100.0/24": city("DE"), "203.0.113.0/24": city("US"),
        "192.0.2.128/25": city("DE", "Mars/Phobos"),
    })  # fmt: skip


@pytest.fixture
def systems(tmp_path: Path) -> Path:
    records = {"192.0.2.0/24": asn(64500, "Host"), "203.0.113.0/24": asn(64501, "Other")}
    return write_mmdb(tmp_path / "asn.mmdb", records, name="GeoLite2-ASN", version=4)


def test_files_of_countries_and_of_as_are_used_together(cities: Path, systems: Path) -> None:
    origins = Origins([systems, cities])
    assert origins.names("country", ASKED) == ["US", "DE", "US", "DE", None]
    assert origins.names("as", ASKED) == ["AS64500 Host", None, "AS64501 Other", "AS64500 Host", None]
    assert origins.source.startswith("GeoLite2-ASN of 20") and ", GeoLite2-City of 20" in origins.source


def test_the_first_file_that_knows_tells(tmp_path: Path, cities: Path) -> None:
    other = write_mmdb(
        tmp_path / "o.mmdb", {"192.0.2.0/24": country("XA"), "10.0.0.0/8": ipinfo("XB", 64502, "Inside")}
    )
    assert Origins([cities, other]).names("country", ASKED) == ["US", "DE", "US", "DE", "XB"]
    assert Origins([other, cities]).names("country", ASKED) == ["XA", "DE", "US", "XA", "XB"]
    assert Origins([other, cities]).names("as", ASKED) == [None, None, None, None, "AS64502 Inside"]


def test_local_time_is_the_zone_s_else_that_of_a_country_with_one(cities: Path) -> None:
    origins = Origins([cities])
    np.testing.assert_array_equal(origins.offsets(ASKED, SUMMER), [-5, 2, np.nan, 2, np.nan])
    np.testing.assert_array_equal(origins.offsets(ASKED, WINTER), [-6, 1, np.nan, 1, np.nan])


def test_a_zone_of_a_later_file_is_better_than_a_country_of_an_earlier(tmp_path: Path, cities: Path) -> None:
    countries = write_mmdb(tmp_path / "c.mmdb", {"192.0.2.0/24": country("DE"), "203.0.113.0/24": country("DE")})
    np.testing.assert_array_equal(Origins([countries, cities]).offsets(ASKED, WINTER), [-6, 1, 1, 1, np.nan])


def test_no_sources_have_no_origins(cities: Path) -> None:
    origins, none = Origins([cities]), np.array([], np.uint32)
    assert origins.names("as", none) == [] and origins.offsets(none, SUMMER).shape == (0,)


def test_many_sources_in_a_few_networks(cities: Path) -> None:
    asked = np.uint32(0xC0000200) + np.arange(200_000, dtype=np.uint32) % np.uint32(256)
    names = Origins([cities]).names("country", asked)
    assert (names.count("US"), names.count("DE")) == (100_032, 99_968)


def test_files_are_bounded(cities: Path) -> None:
    with pytest.raises(OriginError, match=f"17 files in MMDB format; at most {MOST_FILES}"):
        Origins([cities] * 17)


def test_a_newer_file_in_its_place_is_read(tmp_path: Path, cities: Path) -> None:
    files = OriginFiles([cities])
    first = files.current()
    assert files.current() is first
    write_mmdb(tmp_path / "new.mmdb", {"192.0.2.0/24": city("XA")}).replace(cities)
    assert files.current().names("country", ASKED)[:2] == ["XA", None]


@pytest.mark.parametrize("trouble", ["damaged", "gone"])
def test_a_damaged_newer_file_leaves_the_one_before_and_is_logged_once(cities: Path, trouble: str) -> None:
    files = OriginFiles([cities])
    cities.unlink()
    if trouble == "damaged":
        cities.write_bytes(b"half a fi")
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            assert files.current().names("country", ASKED)[:2] == ["US", "DE"]
    assert [line["event"] for line in logs] == ["mmdb"] and str(cities) in logs[0]["problem"]


def test_files_that_can_t_be_used_at_first_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OriginError, match="No such file"):
        OriginFiles([tmp_path / "absent.mmdb"])
