"""What `Accept` means."""

from __future__ import annotations

import pytest
from fastapi import HTTPException
from hypothesis import given
from hypothesis import strategies as st

from ims.portal.api.negotiate import FORMS, negotiated

ARROW = "application/vnd.apache.arrow.stream"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ([], "json"), ([""], "json"), (["*/*"], "json"), (["application/*"], "json"), (["text/*"], "csv"),
        (["text/html, */*;q=0.1"], "json"), (["TEXT/CSV"], "csv"), ([ARROW, "text/csv;q=0.5"], "arrow"),
        (["application/json;q=0.1, text/csv;q=0.2"], "csv"), (["application/json;q=0, */*"], "csv"),
        (["text/csv;header=present;q=0.9"], "csv"), (["text/csv;q=x, application/json;q=0.1"], "json"),
    ],
)  # fmt: skip
def test_the_form_that_is_preferred(accept: list[str], form: str) -> None:
    assert negotiated(accept) == form


@pytest.mark.parametrize("accept", ["image/png", "application/json;q=0", "*/*;q=0", "json", ";q=1", "text/csv;q=nan"])
def test_none_is_406(accept: str) -> None:
    with pytest.raises(HTTPException) as found:
        negotiated([accept])
    assert found.value.status_code == 406


@given(st.lists(st.text()))
def test_whatever_it_says_it_is_a_form_or_406(accept: list[str]) -> None:
    try:
        assert negotiated(accept) in FORMS.values()
    except HTTPException as error:
        assert error.status_code == 406
