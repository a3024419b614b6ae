"""Senders: each kind of population, from its table to the packets of a while."""

from __future__ import annotations

from typing import Any

from ims.moved import earlier_name


def __getattr__(name: str) -> Any:
    return earlier_name(__name__, name)
