"""One line of the audit log: JSON in ASCII, without secrets, and never longer than it may be."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import islice
from typing import Any

SECRET_NAMES = ("password", "secret", "authorization", "cookie", "credential", "session")
"""A field whose name holds one of these is written as `REDACTED`."""
REDACTED = "(not written)"
LONGEST_TEXT = 4096
SHORTER = (1024, 256, 64, 16)
"""Lengths to which texts are cut, one after the other, until a line is short enough."""
KEPT = ("time", "request", "client", "method", "status", "caller", "role", "verb", "seconds", "rows")
"""The fields of a line that is too long whatever its texts are cut to."""
CUT = "(cut, of "
_TOKEN = re.compile(r"(?:ims_|[Bb]earer |[Bb]asic )[A-Za-z0-9_\-+/=.]{8,}")
_DEEPEST, _WIDEST = 8, 64


def line(fields: Mapping[str, Any], most: int) -> bytes:
    """A line of at most `most` octets (at least 512). Everything but printable ASCII is escaped, so no line can be
    forged or control a terminal. A text that is cut says how long it was; its line has `"cut": true`."""
    for longest in (LONGEST_TEXT, *SHORTER):
        found = _json({name: _safe(name, value, longest) for name, value in fields.items()})
        if len(found) <= most:
            return found
    left = {name: _safe(name, fields[name], SHORTER[-1]) for name in KEPT if name in fields}
    plain = {name: value for name, value in left.items() if isinstance(value, str | int | float | None)}
    return _json(plain | {"cut": True})


def _json(fields: dict[str, Any]) -> bytes:
    text = json.dumps(fields, default=str)
    if CUT in text:
        text = json.dumps(fields | {"cut": True}, default=str)
    return text.replace("\x7f", "\\u007f").encode("ascii") + b"\n"


def _safe(name: str, value: Any, longest: int, depth: int = 0) -> Any:
    """The value without secrets, not too long, not too deep."""
    if any(word in name.lower() for word in SECRET_NAMES):
        return REDACTED
    if isinstance(value, str):
        # Before it is cut: no part of a secret is left.
        text = _TOKEN.sub(REDACTED, value[: LONGEST_TEXT * 4])
        return text if len(value) <= longest else f"{text[:longest]}... {CUT}{len(value):,} characters)"
    if isinstance(value, bytes):
        return _safe(name, value[: LONGEST_TEXT * 4].decode("ascii", "backslashreplace"), longest, depth)
    if value is None or isinstance(value, float):
        return value
    if isinstance(value, int):
        return value if abs(value) < 1 << 64 else f"{'-' * (value < 0)}(a number of {value.bit_length()} bits)"
    if depth >= _DEEPEST:
        return "..."
    if isinstance(value, dict):
        items = islice(value.items(), _WIDEST)
        found = {_safe("", str(key), longest): _safe(str(key), inside, longest, depth + 1) for key, inside in items}
        return found | ({"...": f"{CUT}{len(value):,})"} if len(value) > _WIDEST else {})
    if isinstance(value, list | tuple | set | frozenset):
        more = [f"... {CUT}{len(value):,})"] if len(value) > _WIDEST else []
        return [_safe(name, inside, longest, depth + 1) for inside in islice(value, _WIDEST)] + more
    return _safe(name, str(value), longest, depth)
