"""Writes the commit into a wheel, for `ims --version`: hatchling calls it when one is built."""

from __future__ import annotations

import runpy
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CommitHook(BuildHookInterface):
    """An editable installation asks git each time; a wheel holds what git said here."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before a wheel is written. `version` is the kind of build."""
        root = Path(self.root)
        found = runpy.run_path(str(root / "src" / "ims" / "version.py"))
        commit = None if version == "editable" else found["commit_of"](root)
        if commit is None:
            return
        self._folder = tempfile.TemporaryDirectory()
        file = Path(self._folder.name) / found["BUILT"]
        file.write_text(commit + "\n", encoding="ascii")
        build_data["force_include"][str(file)] = f"ims/{found['BUILT']}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """After it was written."""
        if hasattr(self, "_folder"):
            self._folder.cleanup()
