"""The words of an analysis's question, checked before anything is asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from ims.analyse.question import Analysis
from ims.origin.origins import KINDS, MOST_FILES, Origins
from ims.query.bins import bin_width
from ims.query.errors import QuestionError
from ims.query.language.syntax_tree import And, Expression, Net
from ims.query.request import Request, make_request
from ims.query.verbs import Parameter


@dataclass(frozen=True)
class Options:
    """The words of a question, checked. `values`: those that aren't the request's, typed (widths in microseconds,
    numbers as such), and `origins` where sources are told by country or AS; `shown`: as in the answer, where widths are
    text."""

    request: Request
    values: Mapping[str, Any] = field(default_factory=dict)
    shown: Mapping[str, Any] = field(default_factory=dict)


def options_of(analysis: Analysis, words: Mapping[str, Any]) -> Options:
    """The words, checked. Raises QuestionError with one line; for a filter FilterError."""
    given = {name: value for name, value in words.items() if value is not None}
    if unknown := sorted(given.keys() - analysis.by_name.keys()):
        raise QuestionError(f"{analysis.name} takes no {unknown[0][:40]!r}; expected {', '.join(analysis.by_name)}")
    values: dict[str, Any] = {}
    shown: dict[str, Any] = {}
    for name, parameter in analysis.by_name.items():
        value = given.get(name, parameter.default)
        if name in ("filter", "since", "until"):
            continue
        if value in (None, []) and parameter.required:
            raise QuestionError(f"{analysis.name} needs --{name}: {parameter.sentence}")
        if parameter.kind == "files":
            values[name] = _paths(name, value)
            shown |= {name: [str(path) for path in values[name]]} if values[name] else {}
            continue
        value = _typed(parameter, value)
        values[name] = bin_width(str(value), name) if parameter.kind == "width" and value is not None else value
        shown[name] = str(value) if parameter.kind == "width" else value
    if "mmdb" in values and "by" in values:
        _check_origin(values["by"], values["mmdb"])
    words = {name: given.get(name) for name in ("since", "until")}
    if "source" in analysis.by_name:
        return Options(
            _of_source(values["source"], make_request("packets", given.get("filter"), **words)), values, shown
        )
    if "then" in analysis.by_name:
        words |= {name: value for name, value in shown.items() if analysis.by_name[name].field == "chain"}
        return Options(make_request("chain", given.get("filter"), **words), values, shown)
    return Options(make_request("series", given.get("filter"), **words), values, shown)


def _typed(parameter: Parameter, value: Any) -> Any:
    """A value of a parameter's kind; a number may be given as text, and is one from here on."""
    if value is None or parameter.kind not in _TYPES:
        return value
    kind, expected = _TYPES[parameter.kind]
    found: Any = value
    if kind is not bool and isinstance(value, str | int | float) and not isinstance(value, bool):
        with suppress(ValueError, OverflowError):
            found = kind(value)
    is_kind = isinstance(found, kind) and isinstance(found, bool) == (kind is bool)
    if not is_kind or (found != value and not isinstance(value, str)) or not math.isfinite(found):
        raise QuestionError(f"{parameter.name} {str(value)[:40]!r}: expected {expected}")
    return found


_TYPES: Mapping[str, tuple[type[int] | type[float] | type[bool], str]] = {
    "count": (int, "a whole number"), "number": (float, "a number"), "flag": (bool, "true or false"),
}  # fmt: skip
"""By kind, the type of a value and what it is called."""


def _of_source(source: Any, request: Request) -> Request:
    """The request for one source's packets."""
    try:
        address = int(IPv4Address(source if isinstance(source, str) else ""))
    except ValueError:
        raise QuestionError(f"source {str(source)[:40]!r}: expected an address, such as 203.0.113.9") from None
    found: Expression = Net("source", address, 0xFFFFFFFF)
    return request.model_copy(update={"filter": found if request.filter is None else And((found, request.filter))})


def _paths(name: str, value: Any) -> tuple[Path, ...]:
    """One path, or several."""
    given = [value] if isinstance(value, str | Path) else value or []
    if not isinstance(given, list | tuple) or not all(isinstance(each, str | Path) for each in given):
        raise QuestionError(f"{name}: expected a file's path, or a list of some")
    if len(given) > MOST_FILES:
        raise QuestionError(f"{name}: {len(given)} files; at most {MOST_FILES}")
    return tuple(map(Path, given))


def _check_origin(by: Any, files: Sequence[Path]) -> None:
    if by is None and files:
        raise QuestionError(f"--mmdb FILE tells of whom: give --by {' or --by '.join(KINDS)}, too")
    if by is not None and by not in KINDS:
        raise QuestionError(f"by {str(by)[:40]!r}: expected {' or '.join(KINDS)}")


def with_origins(options: Options, origins: Callable[[], Origins] | None) -> Options:
    """The options, with files that tell where sources come from, if that is asked for."""
    by, files = options.values.get("by"), options.values.get("mmdb")
    if by is None or files is None:
        return options
    if origins is None and not files:
        raise QuestionError(f"by {by} needs a file in MMDB format: --mmdb FILE")
    opened = Origins(files) if origins is None else origins()
    return replace(options, values={**options.values, "origins": opened})
