"""Files of TOML that people write: read, with one line for what is wrong."""

from __future__ import annotations

import difflib
import inspect
import tomllib
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ims.cause import denied
from ims.settings.sizes import has_unit, written_size
from ims.settings.toml_lines import TomlTable, line_of

Model = TypeVar("Model", bound=BaseModel)
LIMITS = {"greater_than_equal": ("ge", "or more"), "less_than_equal": ("le", "or less")}
"""Pydantic's kinds of errors about a number: the key of its limit, and the words for it."""


def read_text(path: Path, example: str) -> str:
    """The text of a file of settings; `example`: where to find one. Raises ValueError, or OSError if unreadable."""
    try:
        return path.read_text(encoding="utf-8")
    except IsADirectoryError:
        raise ValueError(f"{path} is a folder; expected a file") from None
    except FileNotFoundError:
        raise ValueError(f"{path} isn't there; {example}") from None
    except NotADirectoryError:
        raise ValueError(f"{path} isn't there: a file stands where one of its folders is to be; {example}") from None
    except PermissionError:
        raise PermissionError(f"{path} is there, but this user may not read it; {denied(path)}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} isn't text in UTF-8 ({error})") from None


def read_toml(path: Path, example: str) -> TomlTable:
    """The content of a TOML file. Raises as `read_text`."""
    text = read_text(path, example)
    try:
        table = TomlTable(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} isn't TOML: {error}") from None
    table.text = text
    return table


def checked(model: type[Model], data: Mapping[str, Any], where: str = "") -> Model:
    """Settings from their data. Raises ValueError for the first thing that is wrong; `where` comes before it."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ValueError(where + sentence(error, data, model)) from None


def sentence(error: ValidationError, data: Mapping[str, Any], model: type[BaseModel]) -> str:
    """The first thing that is wrong with `data`: where, what was found, what would be right. Unknown keys come first:
    one may be a misspelt missing key. Data from a file (TomlTable): its line, too."""
    errors = sorted(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    location = _written(data, errors[0]["loc"])
    line = line_of(data.text, location) if isinstance(data, TomlTable) else None
    return (f"line {line}: " if line is not None else "") + _message(errors, data, location, model)


def _message(
    errors: Sequence[Any], data: Mapping[str, Any], location: tuple[int | str, ...], model: type[BaseModel]
) -> str:
    first, (*parents, key) = errors[0], map(str, location or ("",))
    fields = _model_at(model, location[:-1]).model_fields
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, fields, 1)
        inside = f" in {'.'.join(parents)}" if parents else ""
        return f"unknown key {key!r}{inside}; " + (
            f"meant {near[0]}?" if near else f"expected one of {', '.join(fields)}"
        )
    if location != first["loc"]:  # a value that may be of several types
        return _union_message(errors, data, location)
    where = ".".join((*parents, key))
    if first["type"] == "missing":
        return f"{where} is missing: {(fields[key].description if key in fields else None) or ''}"
    found = _found(data, location)
    message = first["msg"].removeprefix("Value error, ")
    if isinstance(found, Mapping | list | tuple):
        return f"{where}: {message}" if where else message
    if first["type"] == "literal_error":
        return f"{where} = {found!r}: expected {first['ctx']['expected']}"
    if first["type"] in LIMITS:
        key, side = LIMITS[first["type"]]
        limit = first["ctx"][key]
        message = f"expected {written_size(int(limit)) if has_unit(found) else limit} {side}"
    return f"{where} = {found!r}: {message}"


def _written(data: Any, location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """The part of a location that is in the file: if a value may be of several types, pydantic's location also has the
    type that was tried, such as `dict[str,int]`."""
    place: list[int | str] = []
    for part in location:
        inside = _found(data, (part,))
        if inside is not data or not (isinstance(part, str) and "[" in part):
            place.append(part)
            data = inside
    return tuple(place)


def _union_message(errors: Sequence[Any], data: Any, location: tuple[int | str, ...]) -> str:
    """For a value that may be of several types: the first error inside it, if it is a table; else its own first."""
    placed = [(error, _written(data, error["loc"])) for error in errors]
    here = [(error, place) for error, place in placed if place[: len(location)] == location]
    error, place = max(here, key=lambda each: len(each[1]))
    expected = error.get("ctx", {}).get("expected")
    message = f"expected {expected}" if expected else error["msg"]
    if place == location and any(other["type"] == "dict_type" for other, _ in here):
        message += ", or a table"
    return f"{'.'.join(map(str, place))} = {_found(data, place)!r}: {message}"


def _model_at(model: type[BaseModel], location: tuple[int | str, ...]) -> type[BaseModel]:
    """The model of the value at this place."""
    for part in location:
        if isinstance(part, str) and part in model.model_fields:
            model = next(_models(model.model_fields[part].annotation), model)
    return model


def _models(annotation: Any) -> typing.Iterator[type[BaseModel]]:
    if inspect.isclass(annotation) and not typing.get_args(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for inside in typing.get_args(annotation):
        yield from _models(inside)


def _found(data: Any, path: tuple[int | str, ...]) -> Any:
    """The value as it was written, before validators changed it."""
    for part in path:
        inside = isinstance(data, list | tuple) and isinstance(part, int) and part < len(data)
        if inside or (isinstance(data, Mapping) and part in data):
            data = data[part]
    return data
