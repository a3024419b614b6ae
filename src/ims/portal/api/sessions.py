"""Coming, going, and tokens: a password is shown once, for a token that expires."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from ims.portal.accounts import Role, lesser
from ims.portal.api.callers import Anyone, address_of, gate_of, note, take
from ims.portal.api.refusals import one_line, refusals, unknown_caller

router = APIRouter(tags=["accounts"])
_REFUSED = refusals(400, 401, 413, 415, 429, 503)


class Login(BaseModel):
    """Who, and the password."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(max_length=64, examples=["ada"])
    password: str = Field(max_length=1024, examples=["a long sentence"])


class Token(BaseModel):
    """A token's secret, told only once."""

    token: str = Field(examples=["ims_MN4x..."])
    role: Role = Field(examples=["analyst"])
    expires: datetime | None = Field(examples=["2026-03-04T17:00:00Z"])


class Me(BaseModel):
    """Who the token says you are."""

    name: str = Field(examples=["ada"])
    role: Role = Field(examples=["analyst"])


class NewToken(BaseModel):
    """A token for a program."""

    model_config = ConfigDict(extra="forbid")
    label: str = Field(min_length=1, max_length=64, description="What it is for.", examples=["notebook"])
    days: float = Field(gt=0, le=3650, description="How long it holds.", examples=[30])
    role: Role | None = Field(None, description="At most yours, which it has without one.", examples=["viewer"])


class Tokens(BaseModel):
    """Tokens: id, label, role, created, expires, expired; never their secrets."""

    tokens: list[dict[str, Any]] = Field(
        examples=[[{"id": "6a0c", "label": "notebook", "role": "viewer", "created": "2026-03-04T05:00:00Z",
                    "expires": "2026-04-03T05:00:00Z", "expired": False}]]
    )  # fmt: skip


@router.post("/login", summary="A token for a password", responses=_REFUSED)
async def login(request: Request, who: Login) -> Token:
    """The token expires; a wrong password and an unknown name look the same."""
    gate = gate_of(request)
    note(request, verb="login", caller=who.name)
    take(gate.logins, f"address {address_of(request)}")
    known = await asyncio.to_thread(gate.accounts.check_password, who.name, who.password)
    if known is None:
        raise unknown_caller()
    hours = gate.limits.login_hours
    secret = await _new(request, known.name, "login", hours / 24, None)
    return Token(token=secret, role=known.role, expires=datetime.now(UTC) + timedelta(hours=hours))


@router.post("/logout", summary="Make this token void", status_code=204, responses=_REFUSED)
async def logout(request: Request, caller: Anyone) -> None:
    """The token that the request came with holds no more."""
    note(request, verb="logout")
    await _revoke(request, caller.name, caller.token or "")


@router.get("/me", summary="Who you are", responses=refusals(401, 413, 415, 429, 503))
async def me(caller: Anyone) -> Me:
    """The name and the role that the token gives."""
    return Me(name=caller.name, role=caller.role)


@router.get("/tokens", summary="Your tokens", responses=refusals(401, 413, 415, 429, 503))
async def tokens(request: Request, caller: Anyone) -> Tokens:
    """Without their secrets, which nobody knows but who was given them."""
    note(request, verb="tokens")
    return Tokens(tokens=await asyncio.to_thread(gate_of(request).accounts.tokens, caller.name))


@router.post("/tokens", summary="Make a token", status_code=201, responses={**_REFUSED, **refusals(403)})
async def make_token(request: Request, caller: Anyone, wanted: NewToken) -> Token:
    """For a program: it has your role, or a lesser one."""
    note(request, verb="new token", label=wanted.label, wanted=wanted.role)
    role = wanted.role or caller.role
    if lesser(role, caller.role) != role:
        raise HTTPException(403, f"you are {caller.role}; your token can't be {role}")
    secret = await _new(request, caller.name, wanted.label, wanted.days, role)
    return Token(token=secret, role=role, expires=datetime.now(UTC) + timedelta(days=wanted.days))


@router.delete(
    "/tokens/{id}",
    summary="Make a token void",
    status_code=204,
    response_class=Response,
    responses={**_REFUSED, **refusals(404)},
)
async def revoke_token(
    request: Request, caller: Anyone, id: Annotated[str, Path(max_length=64, examples=["6a0c"])]
) -> None:
    """One of your own."""
    note(request, verb="revoke token", id=id)
    await _revoke(request, caller.name, id)


async def _new(request: Request, name: str, label: str, days: float, role: Role | None) -> str:
    accounts = gate_of(request).accounts
    try:
        return await asyncio.to_thread(lambda: accounts.new_token(name, label=label, days=days, role=role))
    except ValueError as error:
        raise HTTPException(400, one_line(error)) from None


async def _revoke(request: Request, name: str, id: str) -> None:
    try:
        await asyncio.to_thread(gate_of(request).accounts.revoke_token, name, id)
    except ValueError:
        raise HTTPException(404, f"you have no token {one_line(id)}") from None
