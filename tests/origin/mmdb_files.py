"""Files in MMDB format as their makers lay them out, with documentation's networks and invented names."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import numpy as np
from mmdb_writer import MmdbU32, MMDBWriter
from netaddr import IPSet
from numpy.typing import NDArray

OCTETS_OF = {24: 6, 28: 7, 32: 8}


def city(code: str, zone: str | None = None) -> dict[str, Any]:
    """A record of GeoLite2-City."""
    names = {language: f"{code} in {language}" for language in ("de", "en", "ja")}
    place: dict[str, Any] = {"latitude": 48.25, "longitude": -3.5, "accuracy_radius": 20}
    return {
        "city": {"geoname_id": MmdbU32(7), "names": names},
        "continent": {"code": "EU", "names": {"en": "A continent"}},
        "country": {"iso_code": code, "is_in_european_union": True, "names": names},
        "location": place | ({} if zone is None else {"time_zone": zone}),
        "subdivisions": [{"iso_code": "X", "names": names}],
    }


def country(code: str) -> dict[str, Any]:
    """A record of GeoLite2-Country, and of DB-IP's."""
    return {name: value for name, value in city(code).items() if name in ("continent", "country")}


def asn(number: int, name: str) -> dict[str, Any]:
    """A record of GeoLite2-ASN, and of DB-IP's."""
    return {"autonomous_system_number": MmdbU32(number), "autonomous_system_organization": name}


def ipinfo(code: str, number: int, name: str) -> dict[str, Any]:
    """A record of IPinfo Lite."""
    return {
        "asn": f"AS{number}", "as_name": name, "as_domain": "host.example", "continent": "Nowhere", "continent_code": "NW",
        "country": f"The land of {code}", "country_code": code,
    }  # fmt: skip


def write_mmdb(
    path: Path, records: Mapping[str, Any], name: str = "GeoLite2-City", version: int = 6, width: int = 24
) -> Path:
    """A file with a record for each network. `width`: bits of a record of its tree."""
    writer = MMDBWriter(version, name, ["en"], "test", ipv4_compatible=version == 6)
    for network, record in records.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))
    if width != 24:
        path.write_bytes(widened(path.read_bytes(), width))
    return path


def widened(octets: bytes, width: int) -> bytes:
    """The same file with a tree of 28 or 32 bits, for small files have 24 only."""
    nodes = int.from_bytes(
        octets.rpartition(b"\x4anode_count")[2][1:][: octets.rpartition(b"\x4anode_count")[2][0] & 15]
    )
    tree = b""
    for at in range(0, nodes * 6, 6):
        left, right = (int.from_bytes(octets[at + side : at + side + 3]) for side in (0, 3))
        if width == 32:
            tree += left.to_bytes(4) + right.to_bytes(4)
        else:
            middle = left >> 24 << 4 | right >> 24
            tree += (left & 0xFFFFFF).to_bytes(3) + bytes([middle]) + (right & 0xFFFFFF).to_bytes(3)
    rest = octets[nodes * 6 :]
    assert rest.count(b"record_size\xa1\x18") == 1
    return tree + rest.replace(b"record_size\xa1\x18", b"record_size\xa1" + bytes([width]))


def addresses(*texts: str) -> NDArray[np.uint32]:
    return np.array([int(IPv4Address(text)) for text in texts], np.uint32)
