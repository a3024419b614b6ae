"""An answer on its way out: what it takes as Python's objects doesn't grow with its rows."""

from __future__ import annotations

import asyncio
import tracemalloc
from pathlib import Path
from typing import get_args

import pyarrow as pa
import pytest
from starlette.responses import StreamingResponse

import ims
from ims.portal.api.answers import response
from ims.portal.api.negotiate import Form
from ims.query.answer import Answer

from ...effort import sampled

ROWS = 10_001
"""One more than are sent as one piece."""
MOST = 12 << 20
"""Of the 7 MB that docs/operations.md tells, and what is written of them."""


@pytest.fixture(scope="module")
def answer(one_store: Path) -> Answer:
    with ims.open(one_store) as telescope:
        found = telescope.packets(limit=1000)
    times = -(-ROWS // found.table.num_rows)
    return Answer(pa.concat_tables([found.table] * times).slice(0, ROWS), found.record)


@pytest.mark.parametrize("form", sampled(list(get_args(Form)), ["json"]))
def test_rows_are_objects_a_slice_at_a_time(answer: Answer, form: Form) -> None:
    """Ten thousand at a time took 41 to 48 MB for each caller."""
    made = response("packets", answer, form, operator=True)
    assert isinstance(made, StreamingResponse)

    async def sent() -> int:
        return sum([len(piece) async for piece in made.body_iterator])

    tracemalloc.start()
    octets = asyncio.run(sent())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert octets > 100 * ROWS
    assert most < MOST
