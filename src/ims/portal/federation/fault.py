"""Why a sensor's answer is missing, in words that name no address: anybody may see them beside an answer."""

from __future__ import annotations

import re
from typing import TypeVar

import pyarrow.flight as fl

from ims.link.envelope import LONGEST_BODY
from ims.text import first_line

Raised = TypeVar("Raised", bound=Exception)
_OURS = re.compile(r"ims:([a-z]+): (.*?)(?:\. Detail: |\. gRPC client debug context|$)", re.DOTALL)
_REFUSED = re.compile(
    r"(?:the answer has more than [\d,]+ (?:partial rows|octets); "
    r"ask for a shorter time, a narrower filter or a coarser group"
    r"|the question is (?:nested too deep|[\d,]+ octets of SQL; at most [\d,]+ are run); [a-z ,]{,80}"
    r"|it needs more memory than it may have|(?:ticket: )?(?:ask\.)?version: (?:wanted|expected) \d+ or (?:less|more))"
)
"""A daemon's refusals that callers may read; other texts may contain anything. (Earlier daemons say `wanted`.)"""
_WORKED = re.compile(r", after ([0-9]{1,6}\.[0-9]{3}) s of work$")
"""At the end of a late daemon's message."""
SAID = {
    "busy": "it is busy", "late": "it didn't answer in time", "store": "its store can't be read",
    "request": "it refused the question", "refused": "it refused the portal", "ending": "it is being stopped",
    "list": "its list of revoked certificates can't be used, so it refuses all", "failed": "it failed at this question",
}  # fmt: skip

TOO_LONG = f"its answer has a piece of more than {LONGEST_BODY:,} octets, or the call was given up"
DAMAGED = "its store is damaged"
REFUSED_OURS = "it doesn't take the portal's certificate"
UNVERIFIED = "its certificate can't be verified"
INVALID = "it sent an invalid response"


class Fault(Exception):  # noqa: N818  # what a sensor has, not what a program did wrong
    """One sensor's failure. `kind`: unreachable, certificate, refused, list (of revoked certificates, there or here),
    version, name (it isn't the registry's, or the store is another's too), busy, late (it says so, or more came than
    there was time for), overdue (no message came in time), unknown (what it watches), request, store, ending, failed,
    garbage, room (there was none for its answer); `text`: one line, without addresses; `detail`: for operators only;
    `worked`: seconds of work before it was late, where it says so."""

    def __init__(self, kind: str, text: str, detail: str = "", worked: float | None = None) -> None:
        super().__init__(text)
        self.kind, self.text, self.detail, self.worked = kind, text, detail, worked

    def again(self) -> Fault:
        """A copy to raise once more: a raised error keeps the frames that it passed, with all that they held."""
        return Fault(self.kind, self.text, self.detail, self.worked)

    @property
    def for_operators(self) -> str:
        """The text, and the detail where it says more."""
        return f"{self.text} ({self.detail})" if self.detail and self.detail not in self.text else self.text


def without_frames(error: Raised) -> Raised:
    """The error without its cause and its frames, which hold the answer that it is kept beside."""
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error


def fault_of(error: BaseException) -> Fault:
    """The fault that Flight's errors stand for."""
    if isinstance(error, Fault):
        return error
    detail = str(error)
    ours = _OURS.search(detail)
    if ours is not None and ours[1] in SAID:
        message = first_line(ours[2])
        is_public = message == DAMAGED or (ours[1] == "request" and _REFUSED.fullmatch(message))
        worked = _WORKED.search(message)
        return Fault(ours[1], message if is_public else SAID[ours[1]], message, float(worked[1]) if worked else None)
    unverified = "certificate verify failed" in detail.lower().replace("_", " ")
    kinds = [
        (isinstance(error, fl.FlightTimedOutError), "overdue", SAID["late"]),
        (isinstance(error, fl.FlightCancelledError), "garbage", TOO_LONG),  # also raised for a message that is too long
        ("_ALERT_" in detail, "refused", REFUSED_OURS),  # TLS's objection to our certificate
        ("eer certificate" in detail, "certificate", "its certificate isn't the one that is registered"),  # other name
        (unverified, "certificate", UNVERIFIED),
        (isinstance(error, fl.FlightUnavailableError), "unreachable", "it can't be reached"),
    ]
    kind, text = next(((kind, text) for applies, kind, text in kinds if applies), ("garbage", INVALID))
    return Fault(kind, text, first_line(detail))
