"""SQL is kept while it fits, and made anew where it doesn't."""

from __future__ import annotations

from ims.query.engines.sql_store import kept


def test_what_was_used_last_is_kept_while_all_fits() -> None:
    made: list[str] = []

    @kept(100)
    def text(name: str, size: int) -> str:
        made.append(name)
        return name * size

    for name in ("a", "b", "a", "c", "a", "b"):  # 29 octets each with their keys, so three fit
        text(name, 20)
    assert made == ["a", "b", "c"]
    text("d", 20)
    text("b", 20)
    text("c", 20)
    assert made == ["a", "b", "c", "d", "c"]


def test_what_is_larger_than_all_that_may_be_kept_is_given_and_not_kept() -> None:
    made: list[str] = []

    @kept(100)
    def text(name: str) -> tuple[str, ...]:
        made.append(name)
        return (name * 60, name * 60)

    assert text("a") == text("a") == ("a" * 60, "a" * 60)
    assert made == ["a", "a"]
