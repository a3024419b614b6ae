"""Small records that carry a checksum of their own, so that one which a disk spoiled isn't taken for another.

{"lake": "…", "number": 7, "checksum": "1a2b3c4d"}      a file of JSON: CRC-32 of what json.dumps makes of the rest
1a2b3c4d …                                              a line: CRC-32 of the text after the space
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

MEMBER = "checksum"
READINGS = 16
"""Of a block that is just being rewritten."""
_Record = TypeVar("_Record")


def sealed(record: Mapping[str, Any]) -> bytes:
    """A record, which isn't empty, with its checksum, and a newline."""
    text = json.dumps(record)
    return f'{text[:-1]}, "{MEMBER}": "{crc_hex(text)}"}}\n'.encode()


def unsealed(content: bytes) -> Any:
    """The sealed record, or whatever other JSON it is: earlier versions sealed none. Raises ValueError where it is no
    JSON, or not what was written; RecursionError."""
    record = json.loads(content)
    if isinstance(record, dict) and MEMBER in record and record.pop(MEMBER) != crc_hex(json.dumps(record)):
        raise ValueError("it does not match its checksum")
    return record


def crc_hex(text: str) -> str:
    """CRC-32 of a text, in eight hexadecimal digits."""
    return f"{zlib.crc32(text.encode()):08x}"


def checked_line(text: bytes) -> bytes:
    """A text after its checksum; without a newline."""
    return b"%08x %s" % (zlib.crc32(text), text)


def line_text(line: bytes) -> bytes | None:
    """The text of a line without its newline; None where it does not match its checksum."""
    text = line[9:]
    return text if line[:9] == b"%08x " % zlib.crc32(text) else None


def checked_block(text: bytes, octets: int) -> bytes:
    """A line that is filled up with spaces to so many octets, for a file that is rewritten in place."""
    return checked_line(text).ljust(octets - 1) + b"\n"


def read_block(fd: int, octets: int, parse: Callable[[bytes], _Record | None]) -> _Record | None:
    """A block as parsed, read again while it is being rewritten; None where it is damaged. Raises OSError."""
    records = (parse(os.pread(fd, octets, 0)) for _ in range(READINGS))
    return next((record for record in records if record is not None), None)
