"""A chart as a file: PNG, SVG, PDF, a web page that needs nothing else, or Vega-Lite's JSON."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from ims.text import one_line
from ims.whole_file import opened

if TYPE_CHECKING:
    import altair as alt

FigureFormat = Literal["png", "svg", "pdf", "html", "json"]
VEGA_LITE = "6.4"
"""Altair writes this version's specifications; vl-convert has several versions inside."""
SCALE = 2
_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}
_DRAW = """
const spec = JSON.parse(document.getElementById("spec").textContent);
vegaEmbed("#figure", spec, {mode: "vega-lite", renderer: "svg", actions: false, ast: true, tooltip: false});
"""
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'sha256-%(digest)s'; \
style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<title>Figure</title>
<style>body { margin: 1em; background: white; }</style>
</head>
<body>
<div id="figure"></div>
<script id="spec" type="application/json">%(spec)s</script>
<script>%(code)s</script>
</body>
</html>
"""


def figure_format(path: str | Path) -> FigureFormat:
    """What a file's ending says. Raises ValueError for another one."""
    ending = Path(path).suffix[1:].lower()
    if ending not in _WRITERS:
        found = f"ends with .{one_line(ending, 20)}" if ending else "has no ending"
        raise ValueError(f"{one_line(path, 200)} {found}; expected .{', .'.join(list(_WRITERS)[:-1])} or .json")
    return cast(FigureFormat, ending)


def write_figure(chart: alt.TopLevelMixin, path: str | Path) -> None:
    """Write a chart to a file, which appears whole or not at all. Nothing is fetched: data at URLs isn't read.

    Raises ValueError for an unknown ending or a chart that can't be drawn, OSError with the file's name where it can't
    be written.
    """
    make = _WRITERS[figure_format(path)]
    with opened(path) as file:
        file.write(make(chart.to_dict()))


def svg(chart: alt.TopLevelMixin) -> str:
    """A chart as an SVG element, to stand in a page."""
    return _drawn(chart.to_dict())


def _drawn(spec: dict[str, Any]) -> str:
    """SVG. Converting runs V8 in this process and lets no other thread run meanwhile (vl-convert 1.9.0). Ten panels of
    576 bins, measured: the first conversion 0.4 s and 120 MB, which stay; further ones 0.1 s, PNG or PDF of it 0.1 s.

    Nothing may be fetched: neither data at URLs nor pictures that a mark names, so a chart with those is refused.
    """
    import vl_convert

    svg = vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE, allowed_base_urls=[])
    if "<image" in svg:  # texts have no < of their own
        raise ValueError("the chart has pictures in it; expected none: what they name would be fetched")
    return svg


def _png(spec: dict[str, Any]) -> bytes:
    import vl_convert

    return vl_convert.svg_to_png(_drawn(spec), scale=SCALE)


def _svg(spec: dict[str, Any]) -> bytes:
    return _drawn(spec).encode()


def _pdf(spec: dict[str, Any]) -> bytes:
    import vl_convert

    return vl_convert.svg_to_pdf(_drawn(spec))


def _json(spec: dict[str, Any]) -> bytes:
    return (json.dumps(spec, allow_nan=False) + "\n").encode()


def _html(spec: dict[str, Any]) -> bytes:
    """A page that is ours, since a chart's texts hold filters and names: they stand as JSON in an element that isn't
    run, without any character that HTML reads. The policy allows the one script by its hash, so others wouldn't run.
    Expressions are interpreted (`ast`), not compiled: that would need `unsafe-eval`."""
    import vl_convert

    code = "\n" + vl_convert.javascript_bundle(_DRAW, vl_version=VEGA_LITE)
    if "</script" in code.lower() or "<!--" in code or "\r" in code:  # HTML reads \r as \n, which changes the hash
        raise ValueError("the libraries of the page can't stand in a script element")
    digest = b64encode(sha256(code.encode()).digest()).decode()
    return (_PAGE % {"digest": digest, "spec": escaped_json(spec), "code": code}).encode()


def escaped_json(spec: dict[str, Any]) -> str:
    """JSON in which nothing can end an element or a line."""
    return json.dumps(spec, allow_nan=False).translate(_ESCAPES)


_WRITERS: Mapping[str, Callable[[dict[str, Any]], bytes]] = {
    "png": _png, "svg": _svg, "pdf": _pdf, "html": _html, "json": _json,
}  # fmt: skip
