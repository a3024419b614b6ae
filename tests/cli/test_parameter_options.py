"""Parameters of tables as arguments and options: as Typer takes them."""

from __future__ import annotations

from inspect import Parameter
from pathlib import Path
from typing import get_args

import pytest

from ims.analyse.question import MMDB
from ims.cli.parameter_options import option
from ims.query import verbs


@pytest.mark.parametrize(
    ("parameter", "kind", "default", "place"),
    [
        (verbs.FILTER, str | None, None, Parameter.POSITIONAL_OR_KEYWORD),
        (verbs.COLUMN, str, Parameter.empty, Parameter.POSITIONAL_OR_KEYWORD),
        (verbs.BIN, str, "1h", Parameter.KEYWORD_ONLY),
        (verbs.SINCE, str | None, None, Parameter.KEYWORD_ONLY),
        (verbs.PER_24, bool, False, Parameter.KEYWORD_ONLY),
        (MMDB, list[Path] | None, None, Parameter.KEYWORD_ONLY),
        (verbs.Parameter("limit", "count", "At most."), int | None, None, Parameter.KEYWORD_ONLY),
    ],
)
def test_a_parameter_has_its_type_default_and_place(
    parameter: verbs.Parameter, kind: object, default: object, place: object
) -> None:
    made = option(parameter)
    annotated, described = get_args(made.annotation)
    assert (annotated, made.default, made.kind) == (kind, default, place)
    assert described.help == parameter.sentence


def test_a_flag_has_no_opposite() -> None:
    [_, described] = get_args(option(verbs.PER_24).annotation)
    assert described.default == "--per-24"
