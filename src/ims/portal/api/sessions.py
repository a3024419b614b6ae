"""Login, logout and tokens: a password is sent once, for a token that expires."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from ims.portal.api.callers import Anyone, address_of, gate_of, note, take, threads_of
from ims.portal.api.errors import refusals, unknown_caller
from ims.portal.auth.account_tokens import NewToken as MadeToken
from ims.portal.auth.devices import DAYS
from ims.portal.auth.roles import Caller, Role, lesser
from ims.text import one_line

router = APIRouter(tags=["accounts"])
_REFUSED = refusals(400, 401, 413, 415, 429, 503)
TokenId = Annotated[str, Path(max_length=64, examples=["6a0c"])]
DEVICE = "ims_device"  # the cookie of a device that has logged in before; sent only to the login


class Login(BaseModel):
    """Name and password; for a program's token also what it is for, for how long, and its role."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(max_length=64, examples=["ada"])
    password: str = Field(max_length=1024, examples=["a long sentence"])
    label: str = Field("login", min_length=1, max_length=64, description="What it is for.", examples=["notebook"])
    days: float | None = Field(None, gt=0, le=3650, description="How long it holds; else 12 hours.", examples=[30])
    role: Role | None = Field(None, description="At most yours, which is the default.", examples=["viewer"])


class Token(BaseModel):
    """A token's secret, shown only once."""

    token: str = Field(examples=["ims_MN4x..."])
    role: Role = Field(examples=["analyst"])
    expires: datetime | None = Field(examples=["2026-03-04T17:00:00Z"])


class Me(BaseModel):
    """Name and role of a token."""

    name: str = Field(examples=["ada"])
    role: Role = Field(examples=["analyst"])


class NewToken(BaseModel):
    """A token for a program."""

    model_config = ConfigDict(extra="forbid")
    label: str = Field(min_length=1, max_length=64, description="What it is for.", examples=["notebook"])
    days: float = Field(gt=0, le=3650, description="How long it holds.", examples=[30])
    role: Role | None = Field(None, description="At most yours, which is the default.", examples=["viewer"])


class Tokens(BaseModel):
    """Tokens: id, label, role, created, expires, expired, origin (`login`, `command`, `token`), the parent that it was
    made with; never their secrets."""

    tokens: list[dict[str, Any]] = Field(
        examples=[[{"id": "6a0c", "label": "notebook", "role": "viewer", "created": "2026-03-04T05:00:00Z",
                    "expires": "2026-04-03T05:00:00Z", "expired": False, "origin": "login", "parent": None}]]
    )  # fmt: skip


@router.post("/login", summary="A token for a password", responses={**_REFUSED, **refusals(403)})
async def login(request: Request, response: Response, who: Login) -> Token:
    """The token expires, and ends when the password changes. A wrong password and an unknown name look the same. The
    cookie lets this device in next time, however many strangers guess at the name."""
    gate, threads, shown = gate_of(request), threads_of(request), request.cookies.get(DEVICE)
    accounts = gate.accounts
    note(request, verb="login", caller=who.name)
    device = await threads.accounts(partial(accounts.is_device, who.name, shown)) if shown else None
    guesser = f"address {address_of(request)}" if device is None else f"device {device}"
    await take(gate.logins, guesser)
    queue = threads.strangers if device is None else threads.known
    known = await queue.run(guesser, partial(accounts.check_password, who.name, who.password, device))
    if known is None:
        raise unknown_caller()
    queue.forget(guesser)
    note(request, role=known.role)
    _refuse_greater(who.role, known.role)
    days = gate.limits.login_hours / 24 if who.days is None else who.days
    token = await _made(request, partial(accounts.login_token, known, label=who.label, days=days, role=who.role))
    response.set_cookie(
        DEVICE, await threads.accounts(partial(accounts.device, known)), max_age=DAYS * 86_400,
        path=request.url.path, secure=request.url.scheme == "https", httponly=True, samesite="strict",
    )  # fmt: skip
    return token


@router.post("/logout", summary="Make this token void", status_code=204, responses=_REFUSED)
async def logout(request: Request, caller: Anyone) -> None:
    """The request's token is void from now on, and those that were made with it."""
    note(request, verb="logout")
    await _revoke(request, caller, caller.token or "")


@router.get("/me", summary="Who you are", responses=refusals(401, 413, 415, 429, 503))
async def me(caller: Anyone) -> Me:
    """Name and role of the request's token."""
    return Me(name=caller.name, role=caller.role)


@router.get("/tokens", summary="Your tokens", responses=refusals(401, 413, 415, 429, 503))
async def tokens(request: Request, caller: Anyone) -> Tokens:
    """Without their secrets. A token with less than your role, or one that was made with another, shows itself and
    those that were made with it."""
    note(request, verb="tokens")
    listed = partial(gate_of(request).accounts.tokens, caller.name, _below(caller))
    return Tokens(tokens=await threads_of(request).accounts(listed))


@router.post("/tokens", summary="Make a token", status_code=201, responses={**_REFUSED, **refusals(403)})
async def make_token(request: Request, caller: Anyone, wanted: NewToken) -> Token:
    """For a program: it has the role of the token that it is made with, or a lesser one, ends no later (`expires` says
    when), and is void with it. One that lasts for longer comes from `POST /login`."""
    note(request, verb="new token", label=wanted.label, wanted=wanted.role)
    _refuse_greater(wanted.role, caller.role)
    child_token = gate_of(request).accounts.child_token
    return await _made(request, partial(child_token, caller, label=wanted.label, days=wanted.days, role=wanted.role))


@router.delete(
    "/tokens/{id}",
    summary="Make a token void",
    status_code=204,
    response_class=Response,
    responses={**_REFUSED, **refusals(404)},
)
async def revoke_token(request: Request, caller: Anyone, id: TokenId) -> None:
    """One of those that `GET /tokens` shows, and all that were made with it."""
    note(request, verb="revoke token", id=id)
    await _revoke(request, caller, id)


def _below(caller: Caller) -> str | None:
    """The caller's token, if it stands for less than the account."""
    return None if caller.manages else caller.token


def _refuse_greater(wanted: Role | None, has: Role) -> None:
    if wanted is not None and lesser(wanted, has) != wanted:
        raise HTTPException(403, f"you are {has}; your token can't be {wanted}")


async def _made(request: Request, make: Callable[[], MadeToken]) -> Token:
    try:
        made = await threads_of(request).accounts(make)
    except ValueError as error:
        raise HTTPException(400, one_line(error)) from None
    return Token(token=made.secret, role=made.role, expires=made.expires)


async def _revoke(request: Request, caller: Caller, id: str) -> None:
    try:
        revoke = partial(gate_of(request).accounts.revoke_token, caller.name, id, _below(caller))
        await threads_of(request).accounts(revoke)
    except ValueError:
        raise HTTPException(404, f"you have no token {one_line(id)}") from None
