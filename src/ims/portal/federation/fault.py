"""Why a sensor's answer is missing, in words that name no address: they go beside answers that anybody may see."""

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
"""What of a daemon's refusals is said to whoever asked; in other texts anything may stand. (Earlier ones say
`wanted`.)"""
_WORKED = re.compile(r", after ([0-9]{1,6}\.[0-9]{3}) s of work$")
"""At the end of what a daemon says that is late."""
SAID = {
    "busy": "it is busy", "late": "it didn't answer in time", "store": "its store can't be read",
    "request": "it refused the question", "refused": "it refused the portal", "ending": "it is being stopped",
    "list": "its list of revoked certificates can't be used, so it refuses all", "failed": "it failed at this question",
}  # fmt: skip

TOO_LONG = f"its answer has a piece of more than {LONGEST_BODY:,} octets, or the call was given up"
DAMAGED = "its store is damaged"
REFUSED_OURS = "it doesn't take the portal's certificate"
UNVERIFIED = "its certificate can't be verified"


class Fault(Exception):  # noqa: N818  # what a sensor has, not what a program did wrong
    """One sensor's failure. `kind`: unreachable, certificate, refused, list (of revoked certificates, there or here),
    version, name (it isn't the registry's, or the store is another's too), busy, late (by its own word, or more came
    than there was time for), overdue (no word came in time), unknown (what it watches), request, store, ending, failed,
    garbage, room (there was none for its answer); `text`: one line, without addresses; `detail`: what operators may
    read besides; `worked`: seconds of work before it was late, where it says so."""

    def __init__(self, kind: str, text: str, detail: str = "", worked: float | None = None) -> None:
        super().__init__(text)
        self.kind, self.text, self.detail, self.worked = kind, text, detail, worked

    def again(self) -> Fault:
        """The same, to be raised once more: an error keeps each function that it ended, with all that it held."""
        return Fault(self.kind, self.text, self.detail, self.worked)

    @property
    def for_operators(self) -> str:
        """The text, and the detail where it says more."""
        return f"{self.text} ({self.detail})" if self.detail and self.detail not in self.text else self.text


def without_frames(error: Raised) -> Raised:
    """The error, kept beside an answer, without the frames that it passed, which hold the answer, and what came before
    it."""
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error


def fault_of(error: BaseException) -> Fault:
    """The fault that Flight's errors stand for."""
    if isinstance(error, Fault):
        return error
    detail = str(error)
    ours = _OURS.search(detail)
    if ours is not None and ours[1] in SAID:
        said = first_line(ours[2])
        told = said == DAMAGED or (ours[1] == "request" and _REFUSED.fullmatch(said))
        text = said if told else SAID[ours[1]]
        worked = _WORKED.search(said)
        return Fault(ours[1], text, said, float(worked[1]) if worked else None)
    if isinstance(error, fl.FlightTimedOutError):
        return Fault("overdue", SAID["late"], first_line(detail))
    if isinstance(error, fl.FlightCancelledError):  # Flight's word for a message that is longer than is taken in, too
        return Fault("garbage", TOO_LONG, first_line(detail))
    if "_ALERT_" in detail:  # TLS's word for what the other side has against ours
        return Fault("refused", REFUSED_OURS, first_line(detail))
    if "eer certificate" in detail:  # the name in it isn't the one that was asked for
        return Fault("certificate", "its certificate isn't the one that is registered", first_line(detail))
    if "certificate verify failed" in detail.lower() or "CERTIFICATE_VERIFY_FAILED" in detail:
        return Fault("certificate", UNVERIFIED, first_line(detail))
    if isinstance(error, fl.FlightUnavailableError):
        return Fault("unreachable", "it can't be reached", first_line(detail))
    return Fault("garbage", "it sent an invalid response", first_line(detail))
