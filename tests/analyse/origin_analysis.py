"""The analysis by country or AS, and files for the store of rates."""

from __future__ import annotations

from pathlib import Path

from ims.analyse.analyses import ANALYSES

from ..origin.mmdb_files import asn, city, write_mmdb

BY_ORIGIN = ANALYSES["circadian"]


def cities(folder: Path, code: str = "XA") -> Path:
    return write_mmdb(folder / "cities.mmdb", {"192.0.2.0/24": city(code, "Europe/Berlin")})


def systems(folder: Path) -> Path:
    return write_mmdb(folder / "asn.mmdb", {"192.0.2.0/24": asn(64500, "Host")}, name="GeoLite2-ASN")
