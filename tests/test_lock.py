"""packaging/lock.txt: what pyproject.toml allows, all of it, with hashes; and what tests run with."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "packaging" / "lock.txt").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DIRECT = [Requirement(line) for line in (*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"])]


def entries() -> list[tuple[Requirement, list[str]]]:
    """What is locked, and its hashes."""
    found = []
    for entry in re.sub(r"^#.*\n", "", TEXT, flags=re.MULTILINE).replace("\\\n", " ").splitlines():
        requirement, *hashes = entry.split(" --hash=")
        found.append((Requirement(requirement.strip()), [digest.strip() for digest in hashes]))
    return found


LOCKED = {
    canonicalize_name(one.name): str(one.specifier)
    for one, _ in entries()
    if one.marker is None or one.marker.evaluate()
}


def test_every_entry_is_one_version_with_hashes_and_no_index_is_named() -> None:
    assert len(entries()) > 40
    for requirement, hashes in entries():
        assert re.fullmatch(r"==[0-9][0-9a-z.]*", str(requirement.specifier)), requirement
        assert hashes
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in hashes), requirement
    assert "://" not in TEXT
    assert not re.search(r"^ *-(?!-hash=)", TEXT, re.MULTILINE)


def test_all_that_is_needed_is_locked_in_the_versions_that_are_allowed() -> None:
    left, seen = [(one, "") for one in DIRECT], set()
    while left:
        one, extra = left.pop()
        name = canonicalize_name(one.name)
        if (one.marker is not None and not one.marker.evaluate({"extra": extra})) or (name, extra, str(one)) in seen:
            continue
        seen.add((name, extra, str(one)))
        assert one.specifier.contains(LOCKED[name].removeprefix("=="), prereleases=True), (
            f"{one}: locked {LOCKED[name]}"
        )
        needed = [Requirement(line) for line in distribution(name).requires or ()]
        left += [(deeper, extra) for deeper in needed for extra in ("", *one.extras)]
    assert {name for name, _, _ in seen} == set(LOCKED)


def test_tests_run_with_the_locked_versions() -> None:
    assert {name: f"=={distribution(name).version}" for name in LOCKED} == LOCKED
