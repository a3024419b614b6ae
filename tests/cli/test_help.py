"""Help: quick, with examples that run as printed, and the same as in docs/cli.md."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
from scripts.generate_docs import _walk, cli, records, settings

from ims.cli import app

from ..stores import IMS
from .conftest import Shell

DOCS = Path(__file__).parents[2] / "docs"
COMMANDS = [(path, command) for path, command in _walk(typer.main.get_command(app), ["ims"])]


def examples() -> list[str]:
    found = []
    for _, command in COMMANDS:
        lines = (command.epilog or "").splitlines()
        found += [line.strip() for line in lines if line.startswith("  ")]
    return found


def test_every_command_has_help_and_examples() -> None:
    names = {" ".join(path) for path, _ in COMMANDS}
    verbs = {"count", "series", "top", "packets", "payloads", "sources", "cache", "coverage"}
    assert names == {
        *("ims", "ims ingest", "ims sensor", "ims doctor", "ims export", "ims demo", "ims query", "ims simulate"),
        *(f"ims query {v}" for v in verbs),
    }
    for path, command in COMMANDS:
        assert command.help, path
        if not hasattr(command, "commands"):
            assert "Examples:" in (command.epilog or ""), path
        for parameter in command.params:
            assert parameter.name == "help" or getattr(parameter, "help", None), (path, parameter.name)


def runs_alone(line: str) -> bool:
    """Whether an example needs no live interface and ends by itself; the others run in test_readme.py."""
    live = ("tcpdump", "--watch", "/tmp/", "ims sensor --config", "ims sensor --interface", "ims doctor", "ip netns")
    return not any(words in line for words in live)


@pytest.mark.parametrize("line", [line for line in examples() if runs_alone(line)])
def test_each_example_runs_as_printed(stocked: Path, shell: Shell, line: str) -> None:
    done = shell(line)
    if line.startswith("ims query payloads --payload"):  # the Slammer payload, which this capture lacks
        assert done.returncode == 2
        assert "no payload is stored whose signature begins with a0aa4a74" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    assert done.stdout or done.stderr


def test_those_that_do_not_run_alone_are_known() -> None:
    alone = [" ".join(line.split()[:2]) for line in examples() if not runs_alone(line)]
    assert alone == ["tcpdump -i", "ims ingest", *["ims sensor"] * 3, *["ims doctor"] * 2, "ip netns", "ims demo"]


def test_help_imports_nothing_heavy() -> None:
    heavy = ["numpy", "numba", "pyarrow", "duckdb", "ibis", "pandas", "polars", "pydantic", "lark", "structlog"]
    code = (
        "import sys; sys.argv = ['ims', '--help']\n"
        "from ims.cli import main\n"
        "try: main()\n"
        f"finally: print(sorted(set({heavy}) & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "Usage: ims" in done.stdout


def test_the_pages_are_what_the_code_says() -> None:
    assert (DOCS / "cli.md").read_text() == cli()
    assert (DOCS / "records.md").read_text() == records()
    assert (DOCS / "settings.md").read_text() == settings()


@pytest.mark.parametrize("words", [[], ["query"]])
def test_without_words_there_is_help(words: list[str]) -> None:
    done = subprocess.run([IMS, *words], capture_output=True, text=True, check=False)
    assert "Usage: ims" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_the_version_is_the_package_s() -> None:
    import ims

    assert subprocess.run([IMS, "--version"], capture_output=True, text=True, check=True).stdout == (
        f"ims {ims.__version__}\n"
    )
