"""What a record tells, in each maker's layout."""

from __future__ import annotations

from typing import Any

import pytest

from ims.origin.place import Place, place_of


@pytest.mark.parametrize(
    ("record", "place"),
    [
        # GeoLite2-City, GeoIP2-City, DB-IP's City
        ({"country": {"iso_code": "XA"}, "location": {"time_zone": "Europe/Berlin"}}, ("XA", None, "Europe/Berlin")),
        # GeoLite2-Country, GeoIP2-Country, DB-IP's Country Lite; a network whose country isn't known
        ({"country": {"iso_code": "XA", "names": {"en": "Xland"}}}, ("XA", None, None)),
        ({"continent": {"code": "EU"}, "registered_country": {"iso_code": "XB"}}, (None, None, None)),
        ({"country": {"iso_code": "ZZ"}}, (None, None, None)),
        # GeoLite2-ASN, DB-IP's ASN Lite
        ({"autonomous_system_number": 64500, "autonomous_system_organization": "Host"}, (None, "AS64500 Host", None)),
        ({"autonomous_system_number": 64500}, (None, "AS64500", None)),
        ({"autonomous_system_organization": "Nobody's"}, (None, None, None)),
        # GeoIP2-Enterprise, DB-IP's ISP
        ({"country": {"iso_code": "XA"}, "traits": {"autonomous_system_number": 64501, "isp": "An ISP",
          "autonomous_system_organization": "Host"}}, ("XA", "AS64501 Host", None)),
        # IPinfo: Lite, its earlier country_asn, and its ASN file; others with flat maps
        ({"asn": "AS64500", "as_name": "Host", "country": "Xland", "country_code": "XA"}, ("XA", "AS64500 Host", None)),
        ({"asn": "AS64500", "as_name": "Host", "country": "XA", "country_name": "Xland"}, ("XA", "AS64500 Host", None)),
        ({"asn": "AS64500", "name": "Host", "domain": "host.example"}, (None, "AS64500 Host", None)),
        ({"asn": "", "as_name": "", "country": "", "country_code": ""}, (None, None, None)),
        ({"country_code": "xa", "timezone": "Asia/Tokyo"}, ("XA", None, "Asia/Tokyo")),
        ({"as_number": 64502, "as_organization": "Host"}, (None, "AS64502 Host", None)),
        # what is no code and no number of an AS
        ({"country_code": "1A"}, (None, None, None)),
        ({"country_code": "\u00e4\u00e4"}, (None, None, None)),
        ({"asn": "AS" + "9" * 5000}, (None, None, None)),
        ({"asn": "AS0"}, (None, None, None)),
        ({"autonomous_system_number": 1 << 32}, (None, None, None)),
        ({}, (None, None, None)),
    ],
)  # fmt: skip
def test_each_layout_tells_its_place(record: Any, place: tuple[str | None, ...]) -> None:
    assert place_of(record) == Place(*place)


@pytest.mark.parametrize(
    ("record", "line"),
    [
        ("XA", "a record is text; expected a map"),
        ({"country": 7}, "its field country is a whole number; expected a map"),
        ({"country": {"iso_code": b"XA"}}, "its field country.iso_code is octets; expected text"),
        ({"country_code": ["XA"]}, "its field country_code is a list; expected text"),
        ({"location": {"time_zone": 1.5}}, "its field location.time_zone is a number; expected text"),
        ({"location": ["Europe/Berlin"]}, "its field location is a list; expected a map"),
        ({"asn": True}, "its field asn is true or false; expected a whole number"),
        ({"autonomous_system_number": 64500, "autonomous_system_organization": {}},
         "its field autonomous_system_organization is a map; expected text"),
    ],
)  # fmt: skip
def test_a_field_of_another_type_is_named(record: Any, line: str) -> None:
    with pytest.raises(ValueError) as refused:
        place_of(record)
    assert str(refused.value) == line


def test_a_name_can_t_control_a_terminal_and_is_cut() -> None:
    hostile = {"asn": 64500, "as_name": "\x1b]0;owned\x07\u202e\r\nHost" + "x" * 5000}
    name = place_of(hostile).system
    assert name is not None and name.isprintable() and len(name) < 100 and name.startswith("AS64500 \\x1b]0;owned")
