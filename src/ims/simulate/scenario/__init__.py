"""A scenario: the file of TOML, its tables, and the cast that it gives the kernels."""

from __future__ import annotations

from typing import Any

from ims.moved import earlier_name


def __getattr__(name: str) -> Any:
    return earlier_name(__name__, name)
