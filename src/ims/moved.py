"""Modules by their earlier names: importing one works for one release, and a DeprecationWarning says the new name.

CHANGELOG.md lists them under the release in which they moved.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    "ims.query.limits": "ims.query.verbs",
}
"""Earlier name -> the module that has its names now."""


class _Moved(MetaPathFinder, Loader):
    """Asked last, so only for modules that aren't there."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname in MOVED else None

    def exec_module(self, module: ModuleType) -> None:
        new = MOVED[module.__name__]
        warnings.warn(f"{module.__name__} is {new} now", DeprecationWarning, stacklevel=2)
        found = importlib.import_module(new)
        module.__dict__["__getattr__"] = lambda name: getattr(found, name)


def serve_earlier_names() -> None:
    """Have imports by earlier names served."""
    if not any(isinstance(finder, _Moved) for finder in sys.meta_path):
        sys.meta_path.append(_Moved())
