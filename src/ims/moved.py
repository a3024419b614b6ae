"""Modules and their names as they were called earlier: they work for one release, and a DeprecationWarning says how
they are called now.

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
from typing import Any

MOVED = {
    "ims.checksum": "ims.packet.checksum",
    "ims.config": "ims.sensor.config",
    "ims.decode.ipv4": "ims.packet.ipv4",
    "ims.decode.link_names": "ims.packet.link_types",
    "ims.octets": "ims.packet.octets",
    "ims.quantity": "ims.text",
    "ims.query.limits": "ims.query.verbs",
    "ims.sensor.access": "ims.process.file_access",
    "ims.sensor.check": "ims.process.start_checks",
    "ims.sensor.endpoint": "ims.process.endpoint",
    "ims.sensor.finding": "ims.process.finding",
    "ims.sensor.logs": "ims.process.logs",
    "ims.sensor.owner": "ims.process.store_owner",
    "ims.sensor.privileges": "ims.process.privileges",
    "ims.sensor.read_search": "ims.process.read_search",
    "ims.settings_file": "ims.settings.toml",
    "ims.toml_lines": "ims.settings.toml_lines",
}
"""Earlier name -> the module that has its names now."""
NAMES = {
    "ims.query.request": {
        "Verb": ("ims.query.verbs", "VerbName"),
        "MOST_DETAILED": ("ims.query.verbs", "MOST_DETAILED"),
    },
    "ims.store.retention": {
        "parse_age": ("ims.settings.durations", "parse_age"),
        "parse_size": ("ims.settings.sizes", "parse_size"),
    },
    "ims.telescope": {"Moment": ("ims.verb_methods", "Moment")},
}
"""Module -> a name that it had -> where that is now. Such a module hands names that it lacks to `earlier_name`."""


class _Moved(MetaPathFinder, Loader):
    """Asked last, so only for modules that aren't there."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname in MOVED else None

    def exec_module(self, module: ModuleType) -> None:
        new = MOVED[module.__name__]
        warnings.warn(f"{module.__name__} is {new} now", DeprecationWarning, stacklevel=2)
        found = vars(importlib.import_module(new))
        module.__dict__.update({name: value for name, value in found.items() if not name.startswith("_")})


def earlier_name(module: str, name: str) -> Any:
    """What a module called so earlier. Raises AttributeError where it was nothing."""
    if name not in NAMES.get(module, {}):
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    new, now = NAMES[module][name]
    warnings.warn(f"{module}.{name} is {new}.{now} now", DeprecationWarning, stacklevel=3)
    return getattr(importlib.import_module(new), now)


def serve_earlier_names() -> None:
    """Have imports by earlier names served."""
    if not any(isinstance(finder, _Moved) for finder in sys.meta_path):
        sys.meta_path.append(_Moved())
