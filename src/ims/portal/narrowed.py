"""A request as the gate lets it through: narrower in what it takes, with more rows than will be shown, and with what is
to be hidden in it.

Which rows come first at a limit, and in which order rows that tie come, may depend on what isn't shown. So more are
asked for than were wanted, put into an order of what is shown, and cut then.
"""

from __future__ import annotations

from typing import Any

from pydantic import PrivateAttr

from ims.query.request import Request


class Narrowed(Request):
    """A request that passed the gate. It is for the sensors only: it names what is monitored (`hidden`), so it is never
    said back, logged for others than operators, or part of an error.
    """

    _wanted: int = PrivateAttr(default=0)
    _asked: Request | None = PrivateAttr(default=None)

    @property
    def wanted(self) -> int:
        """How many rows the caller wanted."""
        return self._wanted

    @property
    def asked(self) -> Request | None:
        """What the caller asked."""
        return self._asked


def narrowed(request: Request, **changes: Any) -> Narrowed:
    """A request with some changes, that remembers what was asked, and how many rows were wanted."""
    found = Narrowed.model_validate(dict(request) | changes)
    found._wanted = wanted_of(request)
    found._asked = request.asked if isinstance(request, Narrowed) else request
    found._hidden = request.hidden
    return found


def asked_of(request: Request) -> Request:
    """What the caller asked."""
    return request.asked or request if isinstance(request, Narrowed) else request


def wanted_of(request: Request) -> int:
    """How many rows to show."""
    return request.wanted if isinstance(request, Narrowed) else request.rows
