"""Roles, and callers that have one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

Role = Literal["viewer", "analyst", "operator"]
ROLES: tuple[Role, ...] = get_args(Role)
"""What each may do, the next may do too."""


@dataclass(frozen=True)
class Caller:
    """A caller. `token`: the id of his token, never its secret; `manages`: whether it stands for the whole account, so
    that the account's other tokens may be seen and revoked; `generation`: of the password that was sent."""

    name: str
    role: Role
    token: str | None = None
    manages: bool = True
    generation: int | None = field(default=None, compare=False)


def role_of(text: str) -> Role:
    """A role. Raises ValueError."""
    for role in ROLES:
        if role == text:
            return role
    raise ValueError(f"role {text!r}: expected one of {', '.join(ROLES)}")


def lesser(one: Role, other: Role) -> Role:
    """The role that may do less."""
    return min(one, other, key=ROLES.index)
