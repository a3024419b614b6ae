"""What is said of a filter that is refused."""

from __future__ import annotations

import pytest

from ims.query.language.filter import FilterError, parse, point


def refusal(text: str) -> FilterError:
    """What is said of a filter, which must be fit for a log and a terminal."""
    with pytest.raises(FilterError) as found:
        parse(text)
    error = found.value
    assert str(error).isprintable()
    assert len(str(error)) < 500
    assert str(error).startswith(f"filter, column {error.column}: ")
    assert error.__suppress_context__ or error.__context__ is None
    assert 1 <= error.column <= len(text) + 1
    line, caret = point(text, error.column).split("\n")
    assert line.isprintable()
    assert caret.strip() == "^"
    return error
