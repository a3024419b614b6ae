"""`ims --version` names the commit: in a checkout, an archive and a wheel; without git it names none."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import ims
from ims.version import commit_of, full_version

from .stores import IMS, needs_programs

ROOT = Path(__file__).parents[1]


def git(folder: Path, *words: str) -> str:
    settings = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "safe.directory=*"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", *settings, *words], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with the files that say what version it is."""
    folder = tmp_path / "a checkout"
    (folder / "src" / "ims").mkdir(parents=True)
    for name in (".gitattributes", ".git_archival.txt", "src/ims/version.py"):
        (folder / name).write_bytes((ROOT / name).read_bytes())
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message=first")
    return folder


@needs_programs("git")
def test_the_program_says_version_and_commit() -> None:
    said = subprocess.run([IMS, "--version"], capture_output=True, text=True, check=True, cwd="/").stdout
    head = git(ROOT, "rev-parse", "HEAD")[:12] if (ROOT / ".git").exists() else None
    dirty = "+changes" if head and git(ROOT, "status", "--porcelain", "--untracked-files=no") else ""
    assert said == f"ims {ims.__version__}{f' ({head}{dirty})' if head else ''}\n"
    assert full_version() == said.removeprefix("ims ").strip()


@needs_programs("git")
def test_a_changed_file_is_said(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = git(checkout, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", "/nowhere")  # as a hook of git's has it
    assert commit_of(checkout) == head[:12]
    git(checkout, "tag", "v1")
    (checkout / "src" / "ims" / "version.py").write_text("")
    assert commit_of(checkout) == f"{head[:12]}+changes"


@needs_programs("git")
def test_an_archive_knows_its_commit_and_an_unpacked_folder_in_another_repository_is_none_of_it(checkout: Path) -> None:
    head = git(checkout, "rev-parse", "HEAD")
    inside = checkout / "unpacked"
    inside.mkdir()
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=checkout, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", inside], input=archive, check=True)
    assert commit_of(inside) == head[:12]
    (inside / ".git_archival.txt").write_text("commit: $Format:%H$\n")
    assert commit_of(inside) is None
    (inside / ".git_archival.txt").unlink()
    assert commit_of(inside) is None


@needs_programs("git")
def test_without_git_or_commits_none_is_named(checkout: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    git(tmp_path / "new", "init", "--quiet")
    assert commit_of(tmp_path / "new") is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit_of(checkout) is None


@needs_programs("git")
def test_a_wheel_holds_the_commit_and_what_services_need(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", tmp_path]
    subprocess.run(words, cwd=ROOT, capture_output=True, check=True)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as files:
        names = files.namelist()
        commit = commit_of(ROOT)
        assert (files.read("ims/commit.txt").decode().strip() if "ims/commit.txt" in names else None) == commit
        assert "ims/install/settings/lake.env" in names
        for service in ("sensor", "queryd", "portal", "ship"):
            unit = files.read(f"ims/install/units/ims-{service}.service").decode()
            page = unit.partition("Documentation=file:/opt/ims/")[2].split()[0]
            assert any(name.endswith(f".data/data/{page}") for name in names), page
