"""How a query daemon's `memory` is divided: questions' engines, answers on their way, and followers.

Questions have most of it. An answer on its way is four copies of a batch of rows: from the database, cast, written as a
piece, and sent by gRPC. Followers share one copy.
"""

from __future__ import annotations

from typing import NamedTuple

TIMES_A_BATCH = 4
LEAST_BATCH, MOST_BATCH = 64 << 10, 4 << 20
ON_WAY = 16 << 20
"""For answers on their way, at least, if that is no more than a quarter."""
FEW_FOLLOW, MANY_FOLLOW = 32 << 20, 64 << 20
"""Followers have an eighth, but a quarter up to the first, and no more than the second."""


class Shares(NamedTuple):
    """Octets. `engines`: of all running questions; `batch`: of an answer's rows at once; `followers`: of all."""

    engines: int
    batch: int
    followers: int


def shares(memory: int, running: int) -> Shares:
    """How `memory` (octets) is divided if so many questions run at once."""
    followers = min(MANY_FOLLOW, max(memory // 8, min(memory // 4, FEW_FOLLOW)))
    on_way = max(min(memory // 16, running * TIMES_A_BATCH * MOST_BATCH), min(memory // 4, ON_WAY))
    batch = min(MOST_BATCH, max(LEAST_BATCH, on_way // running // TIMES_A_BATCH))
    return Shares(memory - followers - on_way, batch, followers)
