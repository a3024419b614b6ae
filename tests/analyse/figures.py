"""What the tests of all analyses' figures do with results."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa

from ims.analyse.result import Result


def spec_of(result: Result) -> dict[str, Any]:
    """The figure, in Vega-Lite."""
    spec: dict[str, Any] = result.figure().to_dict()
    return spec


def without(result: Result, *columns: str) -> Result:
    """The same, as a role gets it that isn't shown these columns."""
    series = result.series
    for name in columns:
        at = series.column_names.index(name)
        series = series.set_column(at, series.schema.field(at), pa.nulls(len(series), series.schema.field(at).type))
    return replace(result, series=series)
