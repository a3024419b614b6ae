"""A population: somebody who sends, by a kernel of its kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from ims.simulate.kernels.conversation import Tables
from ims.simulate.kernels.frame_buffer import FrameBuffer

Array = np.ndarray[Any, Any]


class Sender(ABC):
    """A kernel and what it takes between tables and times; `size`: packets and octets of a conversation, at most."""

    def __init__(self, kernel: Callable[..., Any], columns: tuple[Any, ...], size: tuple[float, float]) -> None:
        self._kernel, self.columns, self._size = kernel, columns, size

    def write(self, draft: FrameBuffer, packet: Any, tables: Tables, since: int, until: int) -> bool:
        """Add what begins in [since, until) ns; False where the draft has no room."""
        return bool(self._kernel(draft, packet, tables, *self.columns, since, until))

    def expected(self, since: int, until: int) -> tuple[float, float]:
        """Packets and octets of [since, until), on average and at most, by which whiles are cut to fit."""
        conversations = self.conversations(since, until)
        return conversations * self._size[0], conversations * self._size[1]

    @abstractmethod
    def conversations(self, since: int, until: int) -> float:
        """How many conversations begin in [since, until), on average and at most."""


def active(rows: Array, since: int, until: int) -> Array:
    """int64: ns of [since, until) in which each row, with `since` and `until` of its own, sends."""
    overlap: Array = np.minimum(until, rows["until"]) - np.maximum(since, rows["since"])
    return overlap.clip(0)
