"""The caller of a request: his bearer token, its account and role, and whether he asks too often."""

from __future__ import annotations

from asyncio import sleep as pause
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any, cast

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from ims.portal.api.errors import later, unknown_caller
from ims.portal.api.threads import Threads
from ims.portal.auth.rate_limit import RateLimit, customer
from ims.portal.auth.roles import Caller, Role
from ims.portal.services import Services

_bearer = HTTPBearer(auto_error=False, description="A token: of `POST /login`, or a longer one of `POST /tokens`.")
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
LONGEST_TOKEN = 512
PAUSE_SECONDS = 0.5


def gate_of(request: Request) -> Services:
    """The services behind this application."""
    return cast("Services", request.app.state.gate)


def note(request: Request, **fields: Any) -> None:
    """Add to the audit's line of this request."""
    request.scope["asked"].update(fields)


def threads_of(request: Request) -> Threads:
    """The threads of this application."""
    return cast("Threads", request.app.state.threads)


def address_of(request: Request) -> str:
    """Where the request came from."""
    return customer(request.client.host if request.client else "")


async def take(throttle: RateLimit, key: str, cost: float = 1.0) -> None:
    """Refuse who asks too often; after a pause, so that who ignores it asks less often on each connection."""
    wait = throttle.take(key, cost)
    if wait > 0:
        await pause(min(wait, PAUSE_SECONDS))
        raise later(wait, "too many requests")


async def caller_of(request: Request, found: Bearer) -> Caller:
    """Who asks. Refuses with 401 whoever has no valid token."""
    gate, known = gate_of(request), None
    if found is not None and 0 < len(found.credentials) <= LONGEST_TOKEN:
        known = await threads_of(request).accounts(partial(gate.accounts.check_token, found.credentials))
    if known is None:
        await take(gate.logins, f"address {address_of(request)}")
        raise unknown_caller()
    note(request, caller=known.name, role=known.role)
    await take(gate.throttle, f"caller {known.name}")
    return known


Anyone = Annotated[Caller, Depends(caller_of)]


def only(*roles: Role) -> Callable[..., Awaitable[Caller]]:
    """Whoever has one of these roles."""

    async def allowed(caller: Anyone) -> Caller:
        if caller.role not in roles:
            whom = " and ".join(f"{role}s" for role in roles)
            raise HTTPException(403, f"this is for {whom}; your role is {caller.role}")
        return caller

    return allowed


Analyst = Annotated[Caller, Depends(only("analyst", "operator"))]
Operator = Annotated[Caller, Depends(only("operator"))]
