"""`ims analyse`: a command for each analysis, made of the table of analyses."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import date, datetime
from inspect import Parameter, Signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option, Typer

from ims.analyse.analyses import ANALYSES
from ims.analyse.question import Analysis
from ims.cli.options import Format, examples
from ims.cli.parameter_options import option
from ims.cli.query_target import asks, keyword
from ims.cli.stderr import warn

if TYPE_CHECKING:
    from ims.analyse.result import Result

app = Typer(
    no_args_is_help=True, rich_markup_mode=None,
    help="Estimate, with intervals, from stores, a portal, or a lake; see docs/analyses.md.",
)  # fmt: skip
Figure = Annotated[
    Path | None, Option(metavar="FILE", help="Write the figure: .png, .svg, .pdf, .html, or .json (Vega-Lite).")
]
Plot = Annotated[bool, Option("--plot", help="Draw the figure as text.")]
Rule = Annotated[
    Path | None,
    Option(metavar="FILE", help="Words of the question in TOML, such as first and then; those given here come first."),
]
MOST_ROWS = 60
"""Of a table for people."""
WIDTH = 100
"""Columns of a text figure where standard output is no terminal."""


def _command(analysis: Analysis) -> Callable[..., None]:
    """The function that Typer runs for an analysis."""

    def command(
        telescope: Any, format: str, figure: Path | None = None, plot: bool = False, rule: Path | None = None,
        **words: Any,
    ) -> None:  # fmt: skip
        from ims.cli.progress import progress_bar

        if plot and format != "table":
            raise ValueError(f"--plot is for people, and --format {format} for programs: give one of them")
        if figure is not None:
            from ims.figures.figure_file import figure_format
            from ims.whole_file import check_place

            figure_format(figure)
            check_place(figure)
        if rule is not None:
            words = {**_read_rule(analysis, rule), **{name: value for name, value in words.items() if value}}
        with progress_bar(octets=False, after=1) as tell:
            result = telescope.analysis(analysis.name, words, lambda what: tell(what, 0, None, ""))
        if figure is not None:  # before what a pipe's reader may leave half-read
            _draw(result, figure)
        _print(result, format, plot)

    options = [option(each, filled=not analysis.rule) for each in analysis.parameters]
    options += [keyword("rule", Rule)] * analysis.rule
    options += [keyword("figure", Figure), keyword("plot", Plot, False), keyword("format", Format, "table")]
    telescope = Parameter("telescope", Parameter.POSITIONAL_OR_KEYWORD, annotation=Any)
    command.__name__ = analysis.method
    command.__doc__ = f"{analysis.sentence} ({analysis.paper} of the paper)." + (
        f"\n\n{analysis.detail}" if analysis.detail else ""
    )
    command.__annotations__ = {each.name: each.annotation for each in (telescope, *options)}
    command.__signature__ = Signature([telescope, *options])  # type: ignore[attr-defined]
    return asks(command)


for _analysis in ANALYSES.values():
    app.command(_analysis.name, epilog=examples(*_analysis.commands))(_command(_analysis))


def _read_rule(analysis: Analysis, path: Path) -> dict[str, Any]:
    """The words of a question that a file has. Raises ValueError, or OSError, which name the file."""
    from ims.settings.toml import read_toml
    from ims.text import meant

    words = {name: _as_text(value) for name, value in read_toml(path, "docs/analyses.md shows one").items()}
    for name, value in words.items():
        if name not in analysis.by_name:
            hint = meant(name, analysis.by_name, f"expected one of {', '.join(analysis.by_name)}")
            raise ValueError(f"{path}: unknown key {name[:40]!r}; {hint}")
        several = analysis.by_name[name].kind == "texts" and isinstance(value, list)
        if not all(isinstance(each, str) for each in (value if several else [value])):
            more = " (or a list of texts)" if analysis.by_name[name].kind == "texts" else ""
            raise ValueError(f"{path}: {name}: expected text{more}; found {str(value)[:40]}")
    return words


def _as_text(value: Any) -> Any:
    """A number, a day or a time of TOML as on the command line."""
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _print(result: Result, format: str, plot: bool) -> None:
    from ims import arrow
    from ims.cli.present import print_rows

    if format == "json":
        for piece in result.json_pieces():
            sys.stdout.write(piece)
        print()
        return
    if format == "csv":
        print_rows(arrow.rows(result.rows), format, names=result.rows.column_names)
        warn(*result.notes)
        return
    if plot:
        _plot(result)
    print_rows(_estimates(result), format)
    if len(result.rows):
        print()
        shown = result.rows.select(result.analysis.table or result.rows.column_names).slice(0, MOST_ROWS)
        print_rows(arrow.rows(shown), format)
        if len(result.rows) > MOST_ROWS:
            print(f"... and {len(result.rows) - MOST_ROWS:,} rows more; --format json and csv have all")
    print(f"\n{result.range}, {result.darknet.size}")
    warn(*result.notes)


def _plot(result: Result) -> None:
    from ims.cli.present import room_for_tables

    encoding = (sys.stdout.encoding or "ascii").lower().replace("-", "")
    drawn = result.plot(room_for_tables() or WIDTH, encoding.startswith("utf"))
    print(f"{drawn}\n" if drawn else "there is nothing to draw\n")


def _estimates(result: Result) -> Sequence[dict[str, Any]]:
    """A row for each estimate, for people."""
    return [
        {"estimate": name, "value": "not known" if each.value is None else each.value,
         f"{each.level:.0%} from": each.low, "to": each.high, "unit": each.unit}
        for name, each in result.estimates.items()
    ]  # fmt: skip


def _draw(result: Result, file: Path) -> None:
    """Write the figure, or say that there is none."""
    from ims.figures.figure_file import write_figure

    chart = result.figure()
    if chart is None:
        warn(f"{file} isn't written: there is nothing to draw")
        return
    write_figure(chart, file)
