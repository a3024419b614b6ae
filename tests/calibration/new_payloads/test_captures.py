"""Scores of made-up answers beside a made-up truth."""

from __future__ import annotations

from typing import Any

from calibration.new_payloads.captures import Score, scores


def event(name: str, block: str, first: str, *signatures: str) -> dict[str, Any]:
    return {"name": name, "blocks": {block: {}}, "first": first, "signatures": [{"signature": s} for s in signatures]}


EVENTS = [
    event("old ones, A", "A", "2026-03-02T00:00:00Z", "old"),
    event("one, A", "A", "2026-03-03T06:00:00Z", "x", "y"),
    event("one, B", "B", "2026-03-03T09:00:00Z", "x", "y"),
    event("two, B", "B", "2026-03-03T06:00:00Z", "z"),
]


def row(signature: str, *blocks: str, delay: float | None = None, only: str | None = None) -> dict[str, Any]:
    first, second, third = (*blocks, None, None)[:3]
    return {"signature": signature, "block": first, "second_block": second, "third_block": third, "only": only,
            "second_delay": delay, "third_delay": None}  # fmt: skip


def test_claims_are_scored_by_what_was_planted() -> None:
    right = [row("x", "A", "B", delay=3 * 3600), row("y", "A", "B", delay=3 * 3600), row("z", "B", only="B")]
    assert set(scores(EVENTS, [*right, row("like no other", "A")]).values()) == {
        Score(3, 3, 3), Score(1, 1, 1), Score(2, 2, 2),
    }  # fmt: skip
    wrong = scores(EVENTS, [row("old", "A", only="A"), row("x", "B", "A", delay=5), right[1]])
    assert wrong["new"] == Score(2, 3, 3) and wrong["at one block alone"] == Score(0, 1, 1)
    assert wrong["order of blocks"] == Score(1, 2, 2) == wrong["delays within a bin"]
