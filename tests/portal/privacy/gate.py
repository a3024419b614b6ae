"""The gate before copies of a capture that differ in what isn't shown, and what comes through it."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any, NamedTuple

import ims
from ims.portal.privacy.policy import Forbidden, PrivacyPolicy, SecrecySettings
from ims.query.answer import Answer
from ims.query.request import Request

from .. import permuted
from ..permuted import MIDNIGHT

PREFIXES = [ipaddress.IPv4Network(block.split("=")[1]) for block in permuted.BLOCKS]
START = MIDNIGHT // 1000
HOUR = 3_600_000_000
HOURS = range(START, START + 5 * HOUR, HOUR)
LATER = (START + 48 * HOUR) / 1e6
EXACT = SecrecySettings(viewer_threshold=0, viewer_noise=0, viewer_bin=60, viewer_span="2d")
"""For viewers, the hardest to keep secrets with: every value is shown."""
WIDER = EXACT.model_copy(update={"viewer_bin": 1800.0})
NOISY = SecrecySettings(viewer_threshold=4, viewer_noise=1, viewer_bin="1h")
Ask = Callable[[Request], Answer]


def gate(settings: SecrecySettings = EXACT) -> PrivacyPolicy:
    return PrivacyPolicy(settings, lambda: PREFIXES, clock=lambda: LATER, secret=bytes(32))


class Copy(NamedTuple):
    telescope: ims.telescope.Telescope
    payloads: dict[bytes, bytes]

    def lookup(self, asked: list[bytes]) -> dict[bytes, bytes]:
        return {signature: self.payloads[signature] for signature in asked if signature in self.payloads}


def through(secrecy: PrivacyPolicy, role: Any, request: Request, copy: Copy) -> Answer | str:
    """What the caller gets: an answer, or a refusal."""
    try:
        checked = secrecy.check(role, request, copy.lookup)
        return secrecy.answer(role, checked, copy.telescope.ask, copy.lookup)
    except Forbidden as error:
        return f"forbidden: {error}"


def told(answer: Answer) -> tuple[Any, ...]:
    """What the record says of rows that aren't shown, and of what was watched."""
    record = answer.record
    return record.limit, record.matching, record.at_least, record.bins_left_out, record.darknet_24s, record.withheld


def assert_alike(secrecy: PrivacyPolicy, role: Any, request: Request, copies: list[Copy]) -> bool:
    """Whether there was an answer; it is the same for every copy, and holds no monitored address."""
    first, *others = [through(secrecy, role, request, copy) for copy in copies]
    for other in others:
        assert type(other) is type(first)
        if isinstance(first, str):
            assert other == first
        else:
            assert isinstance(other, Answer)
            assert other.table.schema == first.table.schema
            assert other.table.to_pylist() == first.table.to_pylist()
            assert told(other) == told(first)
    text = first if isinstance(first, str) else str(first.table.to_pylist())
    assert "198.51.100" not in text
    assert "203.0.113" not in text
    return not isinstance(first, str)


def rows(secrecy: PrivacyPolicy, telescope: Ask, verb: str, **words: Any) -> list[dict[str, Any]]:
    """A viewer's rows."""
    checked = secrecy.check("viewer", Request(verb=verb, **words))  # type: ignore[arg-type]
    return secrecy.answer("viewer", checked, telescope).rows()
