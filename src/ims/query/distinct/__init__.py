"""Distinct addresses and pairs, by kernels: exact, and a part of what a hash table of the engine costs."""

from __future__ import annotations

from typing import Any

from ims.moved import earlier_name


def __getattr__(name: str) -> Any:
    return earlier_name(__name__, name)
