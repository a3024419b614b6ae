"""Help: quick, with examples that run as printed, and the same as in docs/cli.md."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main
from scripts.generate_docs import _walk, cli, metrics, records, settings, verbs
from typer.testing import CliRunner

from ims.cli import app
from ims.query.verbs import DEFAULT_LIMITS, VERBS

from ..effort import sampled
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


def test_the_commands_that_there_must_be_are_there() -> None:
    """The others are found by themselves; this is only against finding none."""
    wanted = {"ingest", "sensor", "query count", "export", "simulate", "queryd", "portal", "pki init", "account add"}
    assert {f"ims {name}" for name in wanted} <= {" ".join(path) for path, _ in COMMANDS}


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[" ".join(path) for path, _ in COMMANDS])
def test_every_command_has_help_and_examples(path: list[str], command: Any) -> None:
    done = CliRunner().invoke(app, [*path[1:], "--help"], prog_name="ims")
    assert done.exit_code == 0, done.output
    assert f"Usage: {' '.join(path)} " in done.output
    assert command.help
    for parameter in command.params:
        assert parameter.name == "help" or getattr(parameter, "help", None), parameter.name
    if not hasattr(command, "commands"):
        lines = (command.epilog or "").splitlines()
        assert "Examples:" in lines
        assert any(line.startswith("  ") and " ".join(path) in line for line in lines), command.epilog


def runs_alone(line: str) -> bool:
    """Whether an example needs no live interface, ends by itself and leaves the machine as it is; the others run in
    test_readme.py, daemons in their own tests, installations in tests/install."""
    live = ("tcpdump", "--watch", "/tmp/", "ims sensor --config", "ims sensor --interface", "ims doctor", "ip netns")
    daemons = ("ims queryd", "ims portal", "ims registry", "--every")
    installs = line.startswith("ims install-service") and "--dry-run" not in line
    return not installs and not any(words in line for words in (*live, *daemons))


PASSWORD = "pass() { echo 'correct horse battery staple'; }; "
ACCOUNTS = PASSWORD + "".join(
    f"pass | ims account add {name} --role viewer --accounts accounts.db >/dev/null; " for name in ("alice", "bob")
)
AUTHORITY = "ims pki init; ims pki issue sensor-a --role sensor; ims pki issue alice --role operator; "
PORTAL = AUTHORITY + "ims pki issue portal --role portal --out portal-tls; "
INGESTED = "ims ingest ../dark.pcap --store STORE --sensor {} --block C/24=198.51.100.0/24 >/dev/null; "
BEFORE = {
    "ims account add": " ",
    "pass show": " ",
    "ims account": ACCOUNTS,
    "ims sensor rename": INGESTED.format("here"),
    "ims sensor retire": INGESTED.format("sensor-a"),
    "ims ship": "cp -r ../STORE STORE; ",
    "ims store verify LAKE": "cp -r ../STORE STORE; ims ship --store STORE --to LAKE >/dev/null; ",
    "ims pki init": " ",
    "ims pki issue": "ims pki init; ",
    "ims pki show portal": PORTAL,
    "ims pki": AUTHORITY,
}
"""What must have been typed before, in a new folder, by how a line begins. Typed once: others have a copy of that folder."""
TYPED = ("ims account add", "ims account password")
"""Lines that read a password."""
SILENT = ("ims account remove", "ims account role")
"""Lines that do it and say nothing."""
REFUSED = {
    "ims query payloads --payload": "no payload is stored whose signature begins with a0aa4a74",  # Slammer's
    "ims account revoke-token": "1f0c2a9be4d7",  # whoever types it has another token
}


ALONE = list(dict.fromkeys(line for line in examples() if runs_alone(line)))
LONG = ("ims demo", "ims simulate blaster-2003")
"""A commit leaves these out: the demo is run by .ci/run, and five million packets are like fewer."""


@pytest.mark.parametrize("line", sampled(ALONE, [line for line in ALONE if not line.startswith(LONG)]))
def test_each_example_runs_as_printed(stocked: Path, shell: Shell, line: str) -> None:
    before = next((words for begins, words in BEFORE.items() if line.startswith(begins)), "")
    typed = f"{PASSWORD}pass | " if line.startswith(TYPED) else PASSWORD if line.startswith("pass show") else ""
    if before:
        made = f"before-{list(BEFORE.values()).index(before)}"
        if not (stocked / made).exists():
            assert shell(f"mkdir {made}; cd {made}; {before}").returncode == 0
        typed = f'cd "$(mktemp -d -p "$PWD")"; cp -a ../{made}/. .; {typed}'
    done = shell(typed + line)
    refused = next((says for begins, says in REFUSED.items() if line.startswith(begins)), None)
    if refused is not None:
        assert done.returncode == 2
        assert refused in done.stderr
        return
    assert done.returncode == 0, done.stderr
    assert bool(done.stdout or done.stderr or " > " in line) != line.startswith(SILENT)


def test_those_that_do_not_run_alone_are_known() -> None:
    alone = [" ".join(line.split()[:2]) for line in examples() if not runs_alone(line)]
    assert alone == [
        *(
            "tcpdump -i",
            "ims ingest",
            "ims queryd",
            "ims queryd",
            "ims portal",
        ),
        *("ims doctor",) * 4,
        "ims ship",
        *("ims install-service",) * 3,
        *("ip netns", "ims demo"),
        *("ims sensor",) * 3,
        *("ims registry",) * 4,
    ]


@pytest.mark.parametrize("verb", [verb for verb in DEFAULT_LIMITS if "limit" in VERBS[verb].by_name])
def test_a_default_limit_is_in_the_help(verb: str) -> None:
    shown = CliRunner().invoke(app, ["query", verb, "--help"], prog_name="ims").output
    assert f"At most so many rows; {DEFAULT_LIMITS[verb]:,} without it." in " ".join(shown.split())


def test_the_help_of_unwrap_says_where_nothing_is_unwrapped() -> None:
    """The claim itself is held in tests/decode/test_tunnel.py."""
    said = " ".join(CliRunner().invoke(app, ["ingest", "--help"], prog_name="ims").output.split())
    assert "so a block of 0.0.0.0/0 unwraps nothing" in said.partition("--unwrap")[2].partition("--watch")[0]
    [setting] = [line for line in settings().splitlines() if line.startswith("| `unwrap`")]
    assert "so a block of 0.0.0.0/0 unwraps nothing" in setting


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
    assert (DOCS / "metrics.md").read_text() == metrics()
    assert (DOCS / "verbs.md").read_text() == verbs()


@pytest.mark.parametrize("words", [[], ["query"], ["pki"], ["account"]])
def test_without_words_there_is_help(words: list[str]) -> None:
    done = subprocess.run([IMS, *words], capture_output=True, text=True, check=False)
    assert "Usage: ims" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
