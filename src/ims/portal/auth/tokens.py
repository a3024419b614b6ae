"""Tokens of the API: 256 random bits, of which only SHA-256 is stored. Nobody can guess them, so it may be fast."""

from __future__ import annotations

import hashlib
import math
import secrets

PREFIX = "ims_"  # by which people, and programs that look for leaked secrets, recognise it
LONGEST_LABEL = 64
LONGEST_DAYS = 36_500


def new_secret() -> str:
    """A new token's secret."""
    return PREFIX + secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """What is stored in place of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def made(label: str, days: float | None, now: float) -> tuple[str, str, float, float | None]:
    """(id, label, created, expires) of a new token. Raises ValueError for what is no label or no number of days."""
    if not (0 < len(label) <= LONGEST_LABEL and label.isprintable()):
        raise ValueError(f"label {label[:80]!r}: expected 1 to {LONGEST_LABEL} printable characters")
    if days is not None and not (math.isfinite(days) and 0 < days <= LONGEST_DAYS):
        raise ValueError(f"{days} days: expected more than 0 and at most {LONGEST_DAYS}")
    return secrets.token_hex(6), label, now, None if days is None else now + days * 86_400
