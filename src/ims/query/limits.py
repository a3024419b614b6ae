"""How many rows an answer has where no limit is given, by verb. Verbs that aren't here answer whole."""

from __future__ import annotations

DEFAULT_LIMITS = {
    "series": 1_000_000,
    "top": 10,
    "packets": 100,
    "payloads": 10,
    "sources": 20,
    "cache": 1_000_000,
}
