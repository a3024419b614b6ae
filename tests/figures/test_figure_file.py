"""Files of a chart: each is what its ending says, appears whole or not at all, and fetches nothing."""

from __future__ import annotations

import json
import re
import socket
import zlib
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import altair as alt
import pytest

from ims.figures.figure_file import figure_format, write_figure
from ims.figures.theme import Heading

from .tables import chart, table

EVIL = "</script><b>evil<!-- <script> & \u2028"


@pytest.fixture(scope="module")
def made() -> Any:
    return chart(table({"a": [1, 0, None, 4], "b": [2, 3, 1, 1]}), ["a", "b"], Heading(EVIL, (EVIL,)), log=True)


def test_an_ending_names_the_format() -> None:
    for ending in ("png", "svg", "pdf", "html", "json"):
        assert figure_format(f"a.b/c.{ending.upper()}") == figure_format(Path(f"x.{ending}")) == ending


@pytest.mark.parametrize(
    ("path", "found"),
    [("a.gif", "a.gif ends with .gif"), ("a", "a has no ending"), ("a\x1b[1m.x\ny", "ends with .x y")],
)
def test_another_ending_is_refused_in_one_line(path: str, found: str, made: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{found}; expected .png, .svg, .pdf, .html or .json")) as error:
        figure_format(path)
    assert "\n" not in str(error.value)
    assert "\x1b" not in str(error.value)
    with pytest.raises(ValueError, match="expected"):
        write_figure(made, tmp_path / path)
    assert not list(tmp_path.iterdir())


def test_a_png_has_two_pixels_for_each(made: Any, tmp_path: Path) -> None:
    write_figure(made, tmp_path / "f.png")
    write_figure(made, tmp_path / "f.svg")
    octets = (tmp_path / "f.png").read_bytes()
    assert octets[:16] == b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
    width, height = (int.from_bytes(octets[at : at + 4]) for at in (16, 20))
    root = ElementTree.parse(tmp_path / "f.svg").getroot()
    assert [width, height] == [round(2 * float(root.attrib[name])) for name in ("width", "height")]
    assert octets.endswith(b"IEND" + zlib.crc32(b"IEND").to_bytes(4))


def test_an_svg_has_the_panels_names_and_only_numbers_in_its_paths(made: Any, tmp_path: Path) -> None:
    write_figure(made, tmp_path / "f.svg")
    root = ElementTree.parse(tmp_path / "f.svg").getroot()
    shown = ["".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"panel a", "panel b", "packets/s"} <= set(shown)
    assert not any("NaN" in each.attrib.get("d", "") for each in root.iter())


def test_a_pdf_is_whole_and_holds_text(made: Any, tmp_path: Path) -> None:
    write_figure(made, tmp_path / "f.pdf")
    octets = (tmp_path / "f.pdf").read_bytes()
    assert octets.startswith(b"%PDF-1.")
    assert octets.rstrip().endswith(b"%%EOF")
    assert b"/Font" in octets
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", octets, re.DOTALL)
    pages = [zlib.decompress(stream) for stream in streams if stream[:1] == b"\x78"]
    assert any(re.search(rb"\bT[jJ]\b", page) for page in pages)


def test_json_is_the_specification(made: Any, tmp_path: Path) -> None:
    write_figure(made, tmp_path / "f.json")
    assert json.loads((tmp_path / "f.json").read_text()) == json.loads(made.to_json())


class Page(HTMLParser):
    """What a browser would see: elements, scripts with their attributes, the policy."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.policy = ""
        self.is_script = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.is_script = tag == "script"
        self.attributes += attrs
        if tag == "script":
            self.scripts.append((dict(attrs), ""))
        if dict(attrs).get("http-equiv") == "Content-Security-Policy":
            self.policy = dict(attrs)["content"] or ""

    def handle_endtag(self, tag: str) -> None:
        self.is_script = False

    def handle_data(self, data: str) -> None:
        if self.is_script:
            attributes, text = self.scripts[-1]
            self.scripts[-1] = attributes, text + data


def test_a_page_holds_texts_as_data_alone_and_runs_one_script(made: Any, tmp_path: Path) -> None:
    write_figure(made, tmp_path / "f.html")
    page = Page((tmp_path / "f.html").read_text())
    assert page.elements == ["html", "head", "meta", "meta", "title", "style", "body", "div", "script", "script"]
    assert not [name for name, _ in page.attributes if name in ("src", "href") or name.startswith("on")]
    (kind, spec), (plain, code) = page.scripts
    assert kind == {"id": "spec", "type": "application/json"}
    assert json.loads(spec) == json.loads(made.to_json())
    assert not re.search("[<>&\u2028\u2029]", spec)
    assert plain == {}
    assert "vegaEmbed" not in page.policy
    digest = b64encode(sha256(code.encode()).digest()).decode()
    policy = dict(part.strip().split(" ", 1) for part in page.policy.split(";"))
    assert policy == {
        "default-src": "'none'", "script-src": f"'sha256-{digest}'", "style-src": "'unsafe-inline'",
        "base-uri": "'none'", "form-action": "'none'",
    }  # fmt: skip


def test_a_figure_appears_whole_or_not_at_all(made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "f.svg"
    place.write_text("before")
    with pytest.raises(ValueError, match="failed"):
        write_figure(alt.Chart(alt.UrlData("http://127.0.0.1:1/x.csv")).mark_point(), place)
    assert place.read_text() == "before"
    assert list(tmp_path.iterdir()) == [place]
    write_figure(made, place)
    assert place.read_text().startswith("<svg")
    assert list(tmp_path.iterdir()) == [place]


def test_an_error_names_the_file(made: Any, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=re.escape(str(tmp_path / "gone" / "f.svg"))):
        write_figure(made, tmp_path / "gone" / "f.svg")
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(OSError, match=re.escape(str(tmp_path / "folder.svg"))):
        write_figure(made, tmp_path / "folder.svg")


def url_chart(url: str) -> Any:
    return alt.Chart(alt.UrlData(f"{url}/x.csv")).mark_point().encode(x="a:Q")


def picture_chart(url: str) -> Any:
    return alt.Chart(alt.Data(values=[{"a": 1}])).mark_image(url=f"{url}/x.png").encode(x="a:Q")


@pytest.mark.parametrize("make", [url_chart, picture_chart])
@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_nothing_is_fetched(make: Any, ending: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        with pytest.raises(ValueError, match=r"not allowed|expected none"):
            write_figure(make(f"http://127.0.0.1:{server.getsockname()[1]}"), tmp_path / f"f.{ending}")
        with pytest.raises(BlockingIOError):
            server.accept()
    assert not list(tmp_path.iterdir())
