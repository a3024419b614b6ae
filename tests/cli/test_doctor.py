"""`ims doctor`, as it is typed: all findings, and an exit status by which a program knows."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ..free_port import free_port
from ..stores import cli
from .refused import refused


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "--config FILE, or --ship DIR --to URI"),
        (("--ship", "S"), "--ship and --to go together"),
        (("--config", "a.toml", "--to", "L"), "--ship and --to go together"),
        (("--config", "a.toml", "--format", "csv"), "--format 'csv'"),
        (("--config", "a.toml"), "a.toml isn't there"),
    ],
)
def test_words_that_make_no_sense_are_refused(tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    refused(cli("doctor", *words, cwd=tmp_path), says)


def test_what_is_wrong_is_in_both_formats_with_its_remedy_and_ends_with_1(one_store: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    words = ("doctor", "--ship", one_store, "--to", tmp_path / "file")
    as_json, as_table = cli(*words, "--format", "json"), cli(*words, env=os.environ | {"COLUMNS": "500"})
    assert as_json.returncode == as_table.returncode == 1
    found = json.loads(as_json.stdout)
    assert "wrong" in {each["level"] for each in found}
    assert all(set(each) == {"level", "subject", "found", "remedy"} for each in found)
    table = as_table.stdout
    for each in found:
        assert all(said in table for said in each.values())
    assert as_json.stderr == as_table.stderr == ""


def test_what_is_well_ends_with_0_and_changes_nothing(one_store: Path, tmp_path: Path) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in one_store.rglob("*"))
    done = cli("doctor", "--ship", one_store, "--to", tmp_path / "LAKE", "--format", "json")
    assert done.returncode == 0, done.stdout
    assert {each["level"] for each in json.loads(done.stdout)} <= {"ok", "warning"}
    assert sorted((path, path.stat().st_mtime_ns) for path in one_store.rglob("*")) == before
    assert list(tmp_path.iterdir()) == []


def test_several_daemons_are_looked_at_in_one_run(one_store: Path, tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "queryd.toml").write_text(f'store = "{tmp_path}/none"\nlisten = "127.0.0.1:{port}"\nuser = "root"\n')
    (tmp_path / "file").touch()
    done = cli(
        "doctor",
        "--queryd",
        tmp_path / "queryd.toml",
        "--ship",
        one_store,
        "--to",
        tmp_path / "file",
        "--format",
        "json",
    )
    assert done.returncode == 1
    said = [each["found"] for each in json.loads(done.stdout)]
    assert any(f"{tmp_path}/none" in each for each in said)
    assert any(f"{tmp_path}/file" in each for each in said)
