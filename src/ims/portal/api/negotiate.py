"""The form of an answer that the caller accepts: RFC 9110, section 12.5.1."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Literal

from fastapi import HTTPException

Form = Literal["json", "csv", "arrow"]
FORMS: dict[str, Form] = {"application/json": "json", "text/csv": "csv", "application/vnd.apache.arrow.stream": "arrow"}


def negotiated(accepts: Sequence[str], forms: Mapping[str, Form] = FORMS) -> Form:
    """The form that `Accept` prefers, of equals the first of `forms`. Refuses with 406."""
    ranges = dict(sorted(_range(part) for part in ",".join(accepts).split(",") if part.strip()))  # the largest weights
    if not ranges:
        return next(iter(forms.values()))
    weights = {form: _weight(name, ranges) for name, form in forms.items()}
    best = max(weights, key=weights.__getitem__)
    if weights[best] <= 0:
        raise HTTPException(406, f"no form of an answer that you accept; expected one of {', '.join(forms)}")
    return best


def _range(text: str) -> tuple[str, float]:
    name, *parameters = text.split(";")
    weight = 1.0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "q":
            weight = 0.0
            with contextlib.suppress(ValueError):
                weight = min(1.0, max(0.0, float(value)))
    return name.strip().lower(), weight


def _weight(name: str, ranges: Mapping[str, float]) -> float:
    """The weight that the most specific range gives this form."""
    likes = (name, f"{name.partition('/')[0]}/*", "*/*")
    return next((ranges[like] for like in likes if like in ranges), 0.0)
