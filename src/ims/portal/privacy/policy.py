"""What each role may see: the policy that all questions and answers pass.

Operators see everything; analysts everything but monitored addresses; viewers a few figures, noisy, late, and no small
ones. docs/secrecy.md says what is held back, why, and what an attacker can do nevertheless.
"""

from __future__ import annotations

import ipaddress
import math
import re
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import structlog

from ims.link.contract import MOST_HIDDEN
from ims.portal.privacy import query_policy, redact_analyst, redact_viewer, viewer_policy
from ims.portal.privacy.address_scan import AddressScan
from ims.portal.privacy.cell_sums import Put, cell_sums
from ims.portal.privacy.cells import view_of
from ims.portal.privacy.noise import Noise
from ims.portal.privacy.omissions import omissions
from ims.portal.privacy.published_periods import published_space
from ims.portal.privacy.query_policy import Forbidden, NarrowedRequest, PayloadLookup, narrowed, wanted_of
from ims.portal.privacy.settings import SecrecySettings
from ims.query.answer import Answer, AnswerRecord
from ims.query.darkspace import DarkSpace
from ims.query.errors import LaterError, UnansweredError
from ims.query.plans.hidden_sources import ranges_of
from ims.query.request import Ranges, Request
from ims.query_run import answered_range
from ims.queryd.coverage_prefixes import few

if TYPE_CHECKING:
    from ims.portal.auth.roles import Role

__all__ = ["Forbidden", "PrivacyPolicy", "SecrecySettings"]
T = TypeVar("T")
TRIES = 4  # of a question, while what is watched keeps changing
_NUMBERS = re.compile(r"(?=(?:[^.:\s]*[.:]){2})[\[\]0-9A-Fa-f.:]{3,}")  # maybe an address, with or without a port


class _Darkness(NamedTuple):
    """What is monitored: its prefixes, the search for them in payloads, and the sources that questions hide."""

    prefixes: tuple[ipaddress.IPv4Network, ...]
    words: AddressScan
    hidden: Ranges


class PrivacyPolicy:
    """The policy. `prefixes` returns the blocks that are monitored now; `secret`: 32 octets that stay the same, such as
    `Accounts.secret("rounding")`: with another one, viewers see every value with other noise; `failed`: called when a
    search of payloads fails. Thread-safe."""

    def __init__(
        self,
        settings: SecrecySettings,
        prefixes: Callable[[], Sequence[ipaddress.IPv4Network]],
        clock: Callable[[], float] = time.time,
        secret: bytes | None = None,
        failed: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings, self._prefixes, self._clock = settings, prefixes, clock
        self._noise = Noise(settings.viewer_noise, settings.viewer_threshold, secret or secrets.token_bytes(32))
        self._lock, self._failed = threading.Lock(), failed
        self._log: Any = structlog.get_logger()
        self._known = _Darkness((), AddressScan(()), ())

    def check(self, role: Role, request: Request, payloads: PayloadLookup | None = None) -> Request:
        """The request as this role may ask it: unchanged for operators, narrower for others. It goes to the sensors,
        and with their answer to `shown`; never back to the caller (see NarrowedRequest). Every filter is changed by the
        same rule, whatever is monitored; only the look-up of signatures depends on that. `payloads` gives the octets of
        signatures; without it, only operators may ask for one. Raises Forbidden."""
        tree = request.filter
        if role == "operator":
            return request
        if role == "viewer" and tree is not None:
            view_of(request)
        for each in request.conditions:
            query_policy.check_filter(each)
        query_policy.check_group(request)
        darkness = self._darkness()
        if role == "viewer":
            request = viewer_policy.check(request, self._settings, int(self._clock() * 1e6))
        else:
            redact_analyst.check(request)
            for each in request.conditions:
                query_policy.check_signatures(each, darkness.words, payloads)
            request = narrowed(request, limit=redact_analyst.rows_for(request))
        return request.hiding(darkness.hidden)

    def answer(self, role: Role, request: Request, put: Put, payloads: PayloadLookup | None = None) -> Answer:
        """The answer that this role sees to a request that passed `check`. `put` asks the sensors; for viewers, for the
        cells of their sums, or for what was watched. As `shown`; raises what `put` raises, too."""
        if role != "viewer" or request.verb == "coverage":
            return self.shown(role, request, put(request), payloads)
        if not isinstance(request, NarrowedRequest):
            raise ValueError("this request didn't pass the policy; call check first")
        unit = viewer_policy.unit_of(self._settings)
        if request.verb == "darknet":
            watched = put(Request(verb="coverage", since=request.since, until=request.until))
            space = published_space(request, watched.table, unit)
            table = redact_viewer.darknet(request, space, unit)
            return self._of_viewer(request, Answer(table, replace(watched.record, verb=request.verb)), space)
        found = cell_sums(request, put, self._noise, unit)
        return self._of_viewer(
            request, Answer(redact_viewer.table_of(request, found, self._noise), found.record), found.space
        )

    def shown(self, role: Role, request: Request, answer: Answer, payloads: PayloadLookup | None = None) -> Answer:
        """What this role sees of the answer to a request that passed `check`. `payloads` gives the octets of
        signatures; unknown ones are withheld. Raises Forbidden where nothing can be shown, and ValueError for a
        viewer's request that wasn't checked, or whose answer is a sum (`answer`)."""
        if role == "operator":
            return answer
        words = self._darkness().words
        if role == "viewer":
            if request.verb != "coverage" or request.since is None or request.until is None:
                raise ValueError("a viewer's figures are sums of cells; call check first, then answer")
            unit = viewer_policy.unit_of(self._settings)
            shown = Answer(redact_viewer.coverage(request, answer.table, unit), answer.record)
            return self._of_viewer(request, shown, published_space(request, answer.table, unit))
        return self._recorded(role, request, answer, redact_analyst.shown(request, answer.table, words, payloads))

    def _of_viewer(self, request: Request, answer: Answer, space: DarkSpace) -> Answer:
        """The answer, whose record says of range, bins and the darknet's size what viewers are shown of them."""
        size = space.size_24(request.since, request.until)
        record = replace(answer.record, darknet_24s=size, **answered_range(request))
        return self._recorded("viewer", request, Answer(answer.table, record), answer.table)

    def _recorded(self, role: Role, request: Request, answer: Answer, table: Any) -> Answer:
        """The table, with the record as this role sees it."""
        record = _record(answer.record, role == "viewer")
        withheld = omissions(role, request, self._settings, self._noise)
        left_out = _left_out(request, answer, len(table), role == "viewer")
        return Answer(table, replace(record, **left_out, withheld=withheld))

    def settled(self, role: Role, work: Callable[[], T]) -> T:
        """What `work` returns, which asks sensors by `check` and `shown`. It is repeated if more is known to be
        monitored after it than before, which each sensor's answer may tell: so no answer is checked by less than was
        known when it came. Raises LaterError where that keeps changing."""
        if role == "operator":
            return work()
        for _ in range(TRIES):
            known = self._darkness()
            try:
                result = work()
            except Exception:
                if self._darkness() is known:
                    raise
                continue
            if self._darkness() is known:
                return result
        raise LaterError("what the sensors watch keeps changing; ask again")

    def may_see_payload(self, role: Role, octets: bytes) -> bool:
        """Whether this role may have a payload: operators any, analysts those without a monitored address."""
        if role == "operator":
            return True
        return role == "analyst" and not self._darkness().words.holds(octets)

    def unknown(self) -> str | None:
        """Why nothing may be shown to others than operators, where what is monitored isn't known."""
        try:
            self._prefixes()
        except UnansweredError as error:
            return str(error)
        return None

    def _darkness(self) -> _Darkness:
        prefixes = tuple(self._prefixes())
        with self._lock:
            if self._known.prefixes != prefixes:
                words = AddressScan(prefixes, self._settings.large_blocks, self._failed)
                self._known = _Darkness(prefixes, words, self._hidden(words.ranges, prefixes))
            return self._known

    def _hidden(self, ranges: Ranges, prefixes: Sequence[ipaddress.IPv4Network]) -> Ranges:
        """The sources to hide: in as many ranges as a question may name, so if need be more than are monitored."""
        if len(ranges) <= MOST_HIDDEN:
            return ranges
        wider = ranges_of(few(prefixes, MOST_HIDDEN))
        self._log.warning(
            "hidden", ranges=len(ranges), most=MOST_HIDDEN,
            meaning=f"sources beside monitored ones are hidden, too: {len(wider):,} wider ranges in place of these",
        )  # fmt: skip
        return wider


def _left_out(request: Request, answer: Answer, rows: int, viewer: bool) -> dict[str, Any]:
    """The record's fields about rows that were left out. Sensors were asked for more rows than are shown, and some rows
    are hidden, so the number is never exact."""
    wanted = wanted_of(request)
    cut = rows == wanted if viewer else len(answer) > wanted or answer.record.limit > 0
    bins = 0 if viewer else answer.record.bins_left_out  # viewers' series have every bin
    if request.verb == "count" or not cut:
        return {"limit": 0, "matching": 0, "at_least": False, "bins_left_out": bins}
    matching = wanted if viewer else max(len(answer), answer.record.matching)
    return {"limit": wanted, "matching": matching, "at_least": True, "bins_left_out": bins}


def _record(record: AnswerRecord, viewer: bool) -> AnswerRecord:
    """The record without folders and addresses; for viewers without exact numbers of what was lost."""
    shown = replace(record, stores=(), seconds=math.ceil(record.seconds), took={})
    if not viewer:
        silent = {sensor: _NUMBERS.sub("(address)", why) for sensor, why in record.silent.items()}
        losing = {sensor: _NUMBERS.sub("(address)", what) for sensor, what in record.losing.items()}
        return replace(shown, silent=silent, losing=losing)
    silent = dict.fromkeys(record.silent, "no answer")
    size = float(f"{record.darknet_24s:.2g}")  # more digits would tell to the second when a block's last packet came
    return replace(shown, silent=silent, losing={}, darknet_24s=size, frames_lost=0, payloads_lost=0)
