"""What `make check` asks of the sources' structure: tests mirror them, nobody imports private names of another module,
and comments name modules that are there. Prints what is wrong, a line each; status 1 if anything is."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent
WITHOUT_TEST: Mapping[str, str] = {
    "portal/services.py": "limits and types that wire others; tests of the API exercise them",
    "process/tls.py": "two tables of settings, which only daemons' settings lead to",
}
"""Modules that have no tests/x/test_y.py, each with the reason. At most MOST."""
MOST = 25
_MENTION = re.compile(r"(?<![\w/.*-])((?:\w+/)*\w+\.py)\b")


def modules(root: Path) -> list[Path]:
    """Sources but packages' own files, relative to src/ims."""
    source = root / "src" / "ims"
    return sorted(path.relative_to(source) for path in source.rglob("*.py") if path.name != "__init__.py")


def untested(root: Path, excused: Mapping[str, str] = WITHOUT_TEST) -> Iterator[str]:
    """Modules without a mirror in tests and without a reason, and reasons that nothing needs any more."""
    lacking = {str(each) for each in modules(root) if not (root / "tests" / each.parent / f"test_{each.name}").exists()}
    for name in sorted(lacking - excused.keys()):
        parent, _, file = name.rpartition("/")
        yield f"src/ims/{name}: expected tests/{parent}{'/' if parent else ''}test_{file}"
    for name in sorted(excused.keys() - lacking):
        yield f"src/ims/{name} has a test, or is gone; scripts/check_structure.py says that it has none"
    if len(excused) > MOST:
        yield f"{len(excused)} modules have no test of their own; at most {MOST}"


def private_imports(root: Path) -> Iterator[str]:
    """Names with an underscore that a module takes from another one."""
    for path in (root / "src" / "ims" / each for each in modules(root)):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "ims":
                for alias in node.names:
                    if alias.name.startswith("_") and not alias.name.endswith("__"):
                        where = path.relative_to(root)
                        yield f"{where}:{node.lineno}: {alias.name} is private to {node.module}"


def stale_mentions(root: Path) -> Iterator[str]:
    """Files of Python that comments, docstrings and pages of docs name, and that aren't there."""
    there = [str(path.relative_to(root)) for folder in ("src", "tests", "scripts", "benchmarks", "calibration")
             for path in (root / folder).rglob("*.py")]  # fmt: skip
    pages = [path for path in [*(root / "docs").glob("*.md"), *root.glob("*.md")] if path.name != "CHANGELOG.md"]
    for path in [*(root / "src").rglob("*.py"), *pages]:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            for match in () if line.startswith(("--- a/", "+++ b/")) else _MENTION.finditer(line):
                if match[1] not in EXAMPLES and not any(
                    each == match[1] or each.endswith(f"/{match[1]}") for each in there
                ):
                    yield f"{path.relative_to(root)}:{number}: there is no {match[1]}"


EXAMPLES = frozenset({"example.py", "tests/x/test_y.py", "ims/x/y.py", "x/y.py"})
"""Names that stand for others."""


def main(root: Path = ROOT) -> int:
    """Print what is wrong."""
    found = [*untested(root), *private_imports(root), *stale_mentions(root)]
    print("\n".join(found) if found else "structure: tests mirror sources, no private names, no stale mentions")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
