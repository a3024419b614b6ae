"""What a record of a file in MMDB format tells of a place, in the layouts of those who make such files.

MaxMind (GeoLite2 and GeoIP2: dev.maxmind.com/geoip/docs/databases) and DB-IP (db-ip.com/db/format) nest maps; IPinfo
(ipinfo.io/developers) and others have one flat map.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ims.text import one_line

LONGEST_NAME = 60
"""Characters of an AS's name that are shown."""
_HIGHEST_AS = (1 << 32) - 1
_UNKNOWN_COUNTRY = "ZZ"  # DB-IP's
_Path = tuple[str, ...]
_COUNTRY: Sequence[_Path] = (("country", "iso_code"), ("country_code",), ("country",))
"""The flat `country` is a code in IPinfo's earlier files, and a name beside `country_code` in its later ones."""
_ZONE: Sequence[_Path] = (("location", "time_zone"), ("time_zone",), ("timezone",))
_NUMBER: Sequence[_Path] = (
    ("autonomous_system_number",), ("traits", "autonomous_system_number"), ("asn",), ("as_number",),
)  # fmt: skip
_NAME: Sequence[_Path] = (
    ("autonomous_system_organization",), ("traits", "autonomous_system_organization"), ("as_name",),
    ("as_organization",), ("name",),
)  # fmt: skip
_TYPES: Mapping[type, str] = {
    str: "text", bool: "true or false", int: "a whole number", float: "a number", bytes: "octets", list: "a list",
    dict: "a map",
}  # fmt: skip


class Place(NamedTuple):
    """What a record tells; None where it doesn't. `country`: code of ISO 3166-1; `system`: `AS64500 Its name`; `zone`:
    of the tz database, as the file has it."""

    country: str | None
    system: str | None
    zone: str | None


def place_of(record: Any) -> Place:
    """The place of a record. Raises ValueError for a field of another type than all layouts have."""
    if not isinstance(record, dict):
        raise ValueError(f"a record is {_type(record)}; expected a map")
    return Place(_country(record), _system(record), _first_text(record, _ZONE))


def _country(record: Mapping[str, Any]) -> str | None:
    for path in _COUNTRY:
        code = _text(record, path)
        if code is not None and len(code) == 2 and code.isascii() and code.isalpha():
            return None if code.upper() == _UNKNOWN_COUNTRY else code.upper()
    return None


def _system(record: Mapping[str, Any]) -> str | None:
    number = next((found for path in _NUMBER if (found := _as_number(record, path)) is not None), None)
    if number is None:
        return None
    name = _first_text(record, _NAME)
    return f"AS{number}" if name is None else f"AS{number} {one_line(name, LONGEST_NAME)}"


def _as_number(record: Mapping[str, Any], path: _Path) -> int | None:
    """A number, or `AS64500`. 0 is no AS (RFC 7607)."""
    value = _value(record, path)
    if isinstance(value, str):
        digits = value.strip().upper().removeprefix("AS")
        value = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 10 else None
    elif value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise _unexpected(path, value, "a whole number")
    return value if value is not None and 0 < value <= _HIGHEST_AS else None


def _first_text(record: Mapping[str, Any], paths: Sequence[_Path]) -> str | None:
    return next((text for path in paths if (text := _text(record, path))), None)


def _text(record: Mapping[str, Any], path: _Path) -> str | None:
    value = _value(record, path)
    if value is None or isinstance(value, str):
        return value
    if path == ("country",) and isinstance(value, dict):
        return None  # the other layout's
    raise _unexpected(path, value, "text")


def _value(record: Mapping[str, Any], path: _Path) -> Any:
    found: Any = record
    for name in path:
        if isinstance(found, str):
            return None  # a flat layout's
        if not isinstance(found, dict):
            raise _unexpected(path[:-1], found, "a map")
        if name not in found:
            return None
        found = found[name]
    return found


def _unexpected(path: _Path, value: Any, expected: str) -> ValueError:
    return ValueError(f"its field {'.'.join(path)} is {_type(value)}; expected {expected}")


def _type(value: Any) -> str:
    return _TYPES.get(type(value), "of another type")
