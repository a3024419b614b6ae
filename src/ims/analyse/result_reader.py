"""A result that a portal sent, which may be hostile, or of another version."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pyarrow as pa

from ims import arrow
from ims.analyse.analyses import ANALYSES
from ims.analyse.question import MOMENT, Column
from ims.analyse.result import Darknet, Estimate, Gap, Result, Value, schema
from ims.query.bins import bin_width
from ims.query.moment import moment

_WRONG = (KeyError, TypeError, AttributeError, ValueError, OverflowError, RecursionError)


def from_json(sent: Mapping[str, Any]) -> Result:
    """The result. Columns that this version doesn't know are left out. Raises ValueError where it is none: also for
    numbers that aren't finite, times that no calendar has, and options that aren't the analysis's."""
    try:
        return _result(sent)
    except _WRONG as error:
        raise ValueError("no result of an analysis") from error


def _result(sent: Mapping[str, Any]) -> Result:
    analysis = ANALYSES[sent["question"]]
    options = {str(name): value for name, value in dict(sent["options"]).items()}
    others = {"filter", "since", "until"}
    if not {each.name for each in analysis.remote} - others <= options.keys() <= analysis.by_name.keys() - others:
        raise ValueError("other options")
    for name, value in options.items():
        kind = analysis.by_name[name].kind
        several = value if kind in ("texts", "files") else [value]
        forms = {"count": (int,), "number": (int, float), "flag": (bool,)}.get(kind, (str,))
        if not isinstance(several, list) or not all(type(each) in forms for each in several if each is not None):
            raise TypeError("an option of another kind")
        if kind == "width":
            bin_width(value)
    units = {each.name: each.unit for each in analysis.estimates}
    estimates = {str(name): _estimate(each, units.get(name, "")) for name, each in dict(sent["estimates"]).items()}
    found = sent["darknet"]
    gaps = tuple(Gap(str(gap["block"]), _micros(gap["since"]), _micros(gap["until"])) for gap in found["gaps"])
    return Result(
        analysis.name,
        sent["filter"] if sent["filter"] is None else str(sent["filter"]),
        None if sent["since"] is None else _micros(sent["since"]),
        None if sent["until"] is None else _micros(sent["until"]),
        Darknet(_finite(found["addresses"]), tuple(map(str, found["blocks"])), int(found["frames_lost"]), gaps),
        options,
        estimates,
        _table(sent["rows"], analysis.columns),
        _table(sent["series"], analysis.series),
        tuple(map(str, sent["notes"])),
    )


def _estimate(sent: Mapping[str, Any] | None, unit: str) -> Estimate:
    if sent is None:
        return Estimate(None, None, None, unit, "")
    unit = str(sent["unit"])
    value, low, high = (None if sent[name] is None else _value(sent[name], unit) for name in ("value", "low", "high"))
    return Estimate(value, low, high, unit, str(sent["method"]), _finite(sent["level"]))


def _value(sent: Any, unit: str) -> Value:
    return arrow.EPOCH + timedelta(microseconds=_micros(sent)) if unit == MOMENT else _finite(sent)


def _finite(sent: Any) -> float:
    number = float(sent)
    if not math.isfinite(number):
        raise ValueError("a number that isn't finite")
    return number


def _table(sent: list[Mapping[str, Any]], columns: tuple[Column, ...]) -> pa.Table:
    """Rows of JSON as a table."""
    convert: dict[str, Callable[[Any], Any]] = {"text": str, "moment": _micros, "count": int, "number": _finite}
    rows = [
        {each.name: None if row.get(each.name) is None else convert[each.kind](row[each.name]) for each in columns}
        for row in sent
    ]
    return arrow.table(rows, schema(columns))


def _micros(text: Any) -> int:
    """Microseconds of ISO 8601, within the years that questions may name."""
    if not isinstance(text, str):
        raise TypeError("a time that isn't text")
    return moment(text)
