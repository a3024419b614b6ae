"""What others hold on to, as it was when these files were written: the portal's API, the command line, the tables of a
store, exit statuses, and the keys of what commands and the portal answer. Words for people aren't in them.

`tests/test_interfaces.py` compares; `python -m tests.interfaces` writes the files anew, where a change is meant.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
WIDTH = 110


def read(name: str) -> Any:
    """What a file says that the interface was."""
    return json.loads((FOLDER / f"{name}.json").read_text())


def write(name: str, found: Any) -> Path:
    """Write a file anew."""
    path = FOLDER / f"{name}.json"
    path.write_text(written(found) + "\n")
    return path


def written(value: Any, depth: int = 0, before: int = 0) -> str:
    """JSON with sorted keys, indented by 1; what fits in a line is one, so that an option or a parameter is read, and
    differs, as a line. `before`: how much stands before it there."""
    line = json.dumps(value, sort_keys=True)
    if not (isinstance(value, dict | list) and value) or (depth and before + len(line) < WIDTH):
        return line
    inner = "\n" + " " * (depth + 1)
    if isinstance(value, list):
        begin, end = "[]"
        members = [written(one, depth + 1, len(inner)) for one in value]
    else:
        begin, end = "{}"
        names = {name: f"{json.dumps(name)}: " for name in sorted(value)}
        members = [at + written(value[name], depth + 1, len(inner + at)) for name, at in names.items()]
    return begin + inner + f",{inner}".join(members) + inner[:-1] + end
