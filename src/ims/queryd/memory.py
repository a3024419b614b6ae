"""What a query daemon's `memory` is divided into: questions' engines, answers on their way, and followers.

Questions have most of it. An answer on its way is a batch of rows as the database gives it, as it is cast, as a piece
is written of it, and as gRPC sends it: four times a batch's octets. Followers share what is looked for once.
"""

from __future__ import annotations

from typing import NamedTuple

TIMES_A_BATCH = 4
LEAST_BATCH, MOST_BATCH = 64 << 10, 4 << 20
ON_WAY = 16 << 20
"""At least, where that is no more than a quarter."""
FEW_FOLLOW, MANY_FOLLOW = 32 << 20, 64 << 20
"""An eighth is the followers', but a quarter up to the one, and no more than the other."""


class Shares(NamedTuple):
    """Octets. `engines`: of all questions that run together; `batch`: of rows of an answer at once; `followers`: of all
    who follow live together."""

    engines: int
    batch: int
    followers: int


def shares(memory: int, running: int) -> Shares:
    """How `memory` (octets) is divided where so many questions run at once."""
    followers = min(MANY_FOLLOW, max(memory // 8, min(memory // 4, FEW_FOLLOW)))
    on_way = max(min(memory // 16, running * TIMES_A_BATCH * MOST_BATCH), min(memory // 4, ON_WAY))
    batch = min(MOST_BATCH, max(LEAST_BATCH, on_way // running // TIMES_A_BATCH))
    return Shares(memory - followers - on_way, batch, followers)
