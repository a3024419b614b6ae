"""What the portal's API uses: the telescope, accounts, limits and the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, Protocol

if TYPE_CHECKING:
    from ims.export import ExportReport
    from ims.origin.origins import Origins
    from ims.portal.audit import Audit
    from ims.portal.auth.accounts import Accounts
    from ims.portal.auth.rate_limit import RateLimit
    from ims.portal.auth.roles import Role
    from ims.portal.metrics import PortalMetrics
    from ims.portal.privacy.policy import PrivacyPolicy
    from ims.portal.privacy.query_policy import PayloadLookup
    from ims.query.answer import Answer
    from ims.query.request import Request


class Asking(Protocol):
    """The part of ims.telescope.Telescope that is used here; it blocks. Raises ValueError if the question can't be
    answered, OSError if nobody could be asked, MemoryError if it is too large."""

    def ask(self, request: Request) -> Answer: ...  # noqa: D102
    def payload(self, signature: str) -> bytes: ...  # noqa: D102
    def write(  # noqa: D102
        self, request: Request, out: str | Path | BinaryIO, format: str = "pcap", link: str = "raw"
    ) -> ExportReport: ...


class Event(NamedTuple):
    """One event: its kind (`[a-z_]+`) and what JSON can hold."""

    kind: str
    data: Mapping[str, Any]


def _by_role(viewer: float, analyst: float, operator: float) -> Any:
    return field(default_factory=lambda: MappingProxyType({"viewer": viewer, "analyst": analyst, "operator": operator}))


@dataclass(frozen=True)
class Limits:
    """Limits of requests and answers. `rows` and `seconds` of an answer are by role, including the wait for a turn;
    `each` is one caller's share of what runs and waits, `kept` the places for short questions; `requests_each`: of one
    address at once; `answer_bytes`: of all large answers, until they are sent."""

    rows: Mapping[str, int] = _by_role(10_000, 100_000, 1_000_000)
    seconds: Mapping[str, float] = _by_role(20.0, 60.0, 300.0)
    questions: int = 8
    questions_kept: int = 2
    questions_each: int = 32
    questions_waiting: int = 512
    exports: int = 2
    exports_each: int = 2
    export_bytes: int = 16 << 30
    export_seconds: float = 3600.0
    export_folder: Path | None = None
    listeners: int = 200
    listeners_each: int = 4
    heartbeat_seconds: float = 15.0
    login_hours: float = 12.0
    body_bytes: int = 64 << 10
    head_bytes: int = 32 << 10
    body_seconds: float = 10.0
    stalled_seconds: float = 60.0
    requests_each: int = 64
    answer_bytes: int = 256 << 20


def no_origins() -> Origins:
    """What a portal without files in MMDB format says."""
    from ims.query.errors import QuestionError

    raise QuestionError("this portal has no file that tells countries or AS: its operator may set `mmdb`")


@dataclass(frozen=True)
class Services:
    """All that `create_app` needs. `logins`: a stricter throttle, of password attempts and unknown tokens; `sensors`:
    the health of each sensor, as portal/federation/health.py shows it to operators; `events`: a role's events, with its
    delay, until closed; `octets`: payloads by signature, for secrecy; without it analysts see no signatures; `origins`:
    where sources come from."""

    telescope: Asking
    accounts: Accounts
    audit: Audit
    throttle: RateLimit
    logins: RateLimit
    secrecy: PrivacyPolicy
    sensors: Callable[[], list[dict[str, Any]]]
    events: Callable[[Role], AsyncIterator[Event]]
    version: str
    octets: PayloadLookup | None = None
    origins: Callable[[], Origins] = no_origins
    metrics: PortalMetrics | None = None
    limits: Limits = field(default_factory=Limits)
