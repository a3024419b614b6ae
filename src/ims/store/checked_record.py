"""Small records in JSON that carry a checksum of their own, so that one which a disk spoiled isn't taken for another.

{"lake": "…", "number": 7, "checksum": "1a2b3c4d"}      CRC-32 of what json.dumps makes of the rest
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

MEMBER = "checksum"


def sealed(record: Mapping[str, Any]) -> bytes:
    """A record, which isn't empty, with its checksum, and a newline."""
    text = json.dumps(record)
    return f'{text[:-1]}, "{MEMBER}": "{_crc(text)}"}}\n'.encode()


def unsealed(content: bytes) -> Any:
    """What was sealed, or whatever other JSON it is: earlier versions sealed none. Raises ValueError where it is no
    JSON, or not what was written; RecursionError."""
    record = json.loads(content)
    if isinstance(record, dict) and MEMBER in record and record.pop(MEMBER) != _crc(json.dumps(record)):
        raise ValueError("it does not match its checksum")
    return record


def _crc(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"
