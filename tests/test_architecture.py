"""docs/architecture.md is true: its picture is the code's, it names every package, and its walks work as printed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from scripts.draw_architecture import DOORS, MODULES, OUT, ROWS, box_of, direct, imports, modules, picture

from .stores import MIDNIGHT, ingest, udp, write_pcap

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
WALKS = dict(re.findall(r"^### (A new \w+)\n.*?^```diff\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
MOST_FILES = 3


def test_the_picture_is_what_the_code_says() -> None:
    assert OUT.read_text() == picture(), "run `make docs`"
    texts = [each.text for each in ElementTree.fromstring(OUT.read_text()).iter("{http://www.w3.org/2000/svg}text")]
    assert {f"ims.{box}" for row in ROWS for box in row if box} <= set(texts)


def test_every_module_is_in_a_box_and_every_package_in_the_page() -> None:
    found = modules()
    assert {box_of(module) for module in found} == {box for row in ROWS for box in row if box}
    with pytest.raises(ValueError, match=r"no box for ims\.attic"):
        box_of("attic.thing")
    packages = [name for name, path in found.items() if path.name == "__init__.py"]
    named = set(re.findall(r"`([a-z_.]+)`", PAGE))
    doors = [name for name in packages if name.partition(".")[0] in ("portal", "query")]
    assert {name for name in packages if "." not in name} | set(doors) <= named
    assert {name for names in MODULES.values() for name in names} <= named
    assert set(DOORS) <= set(packages)


def test_an_import_for_which_a_longer_way_stands_is_left_out() -> None:
    assert direct({("a", "b"), ("b", "c"), ("a", "c"), ("a", "d")}) == {("a", "b"), ("b", "c"), ("a", "d")}
    pairs = imports(modules())
    assert ("cli", "portal") in pairs
    assert not {one for one, other in pairs if other in ("cli", "install")} - {"cli"}


def test_what_touches_nothing_opens_nothing() -> None:
    """Of packages of which the page says so: no files, no network, no other programs."""
    rows = re.findall(r"^\| `([a-z_.]+)` \|.*\| nothing[^|]*\|$", PAGE, re.MULTILINE)
    assert {"decode", "respond", "sign", "packet", "query.language", "query.plans", "portal.privacy"} <= set(rows)
    opens = re.compile(r"^\s*(?:import|from) (os|socket|subprocess|pathlib|shutil|tempfile|httpx|ssl)\b", re.MULTILINE)
    for package in rows:
        for path in (ROOT / "src" / "ims" / package.replace(".", "/")).rglob("*.py"):
            assert not opens.findall(path.read_text()), path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A capture of seven datagrams, the first of which is marked EF (RFC 3246), and a store of it."""
    folder = tmp_path_factory.mktemp("walks")
    packets = [udp(number, 0xC6336407, 7, b"x" * (number % 3)) for number in range(7)]
    packets[0] = packets[0][:1] + bytes([46 << 2]) + packets[0][2:]
    capture = write_pcap(folder / "seven.pcap", [(MIDNIGHT + at, packet) for at, packet in enumerate(packets)])
    ingest(folder / "before", capture, blocks=["C/24=198.51.100.0/24"])
    return folder


ASKED = {
    "A new column": """
        main(["ingest", capture, "--store", store, "--sensor", "a", "--block", "C/24=198.51.100.0/24"])
        with ims.open(store) as telescope:
            say(telescope.top("dscp").table.to_pylist())
        with ims.open(before) as telescope:  # of before there was this column
            say(telescope.packets().table.column("dscp").to_pylist())
        with ims.open(store, before) as telescope:
            say([row["dscp"] for row in telescope.packets().table.to_pylist()].count(None))
        """,
    "A new verb": """
        with ims.open(before) as telescope:
            say(telescope.lengths("udp").table.to_pylist())
        main(["query", "lengths", "--store", before, "--format", "json"])
        from ims.portal.api.verbs import make_router
        say(sorted({route.path for route in make_router().routes if "lengths" in route.path}))
        """,
    "A new encapsulation": """
        import struct
        from tests.stores import MIDNIGHT, udp, write_pcap
        inner = udp(1, 0xC6336407, 7, b"inside")
        outer = udp(2, 0x0A000001, 4754, struct.pack(">HH", 0, 0x0800) + inner)
        tunnelled = str(write_pcap(Path(store + ".pcap"), [(MIDNIGHT, outer)]))
        main(["ingest", tunnelled, "--store", store, "--sensor", "a", "--block", "C/24=198.51.100.0/24",
              "--unwrap", "gre-in-udp"])
        with ims.open(store) as telescope:
            say(telescope.packets().table.column("destination").to_pylist())
        """,
}
PROGRAM = """
import json, sys
from pathlib import Path
import ims
from ims.cli import app
assert ims.__file__.startswith({source!r}), ims.__file__
store, before, capture = sys.argv[1:]
def main(words):
    app(words, standalone_mode=False)
def say(found):
    print("said", json.dumps(found), flush=True)
"""
ANSWERS = {
    "A new column": [
        [{"dscp": 0, "value": 6}, {"dscp": 46, "value": 1}], [None] * 7, 7,
    ],
    "A new verb": [
        [{"total_length": 28, "packets": 3}, {"total_length": 29, "packets": 2}, {"total_length": 30, "packets": 2}],
        ["/query/lengths"],
    ],
    "A new encapsulation": [["198.51.100.7"]],
}  # fmt: skip


def test_the_page_walks_through_three_changes() -> None:
    assert set(WALKS) == set(ASKED)


@pytest.mark.parametrize("walk", ASKED)
def test_a_walk_is_a_change_of_three_sources_at_most_that_works(folder: Path, tmp_path: Path, walk: str) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    changed = set(re.findall(r"^\+\+\+ b/(\S+)$", WALKS[walk], re.MULTILINE))
    assert 1 <= len(changed) <= MOST_FILES
    assert all(name.startswith("src/ims/") for name in changed)
    done = subprocess.run(
        ["git", "apply", "--verbose", "-"], input=WALKS[walk], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stderr}\nthe walk no longer fits: write it into docs/architecture.md anew"
    source = str(tmp_path / "src")
    lines = [line[8:] if line.startswith("        ") else line for line in ASKED[walk].splitlines()]
    program = PROGRAM.format(source=source) + "\n".join(lines)
    # As plain Python: compiling the copy's kernels would take a minute.
    environment = os.environ | {"PYTHONPATH": f"{source}:{ROOT}", "NUMBA_DISABLE_JIT": "1"}
    words = [str(tmp_path / "store"), str(folder / "before"), str(folder / "seven.pcap")]
    done = subprocess.run(
        [sys.executable, "-c", program, *words], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = [json.loads(line.removeprefix("said ")) for line in done.stdout.splitlines() if line.startswith("said ")]
    assert said == ANSWERS[walk]
