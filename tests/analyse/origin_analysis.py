"""An analysis by country or AS: `rate`, with the words that such ones have; and files for the store of rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ims.analyse.analyses import ANALYSES
from ims.analyse.question import MMDB, Analysis
from ims.query.verbs import Parameter

from ..origin.mmdb_files import asn, city, write_mmdb

BY = Parameter("by", "text", "country or as: of the sources.", "GROUP", examples=("country",))
BY_ORIGIN = replace(ANALYSES["rate"], parameters=(*ANALYSES["rate"].parameters, BY, MMDB))
TABLE: Mapping[str, Analysis] = {"rate": BY_ORIGIN}
"""In place of the table of analyses."""


def cities(folder: Path, code: str = "XA") -> Path:
    return write_mmdb(folder / "cities.mmdb", {"192.0.2.0/24": city(code, "Europe/Berlin")})


def systems(folder: Path) -> Path:
    return write_mmdb(folder / "asn.mmdb", {"192.0.2.0/24": asn(64500, "Host")}, name="GeoLite2-ASN")
