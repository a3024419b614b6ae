"""The tokens of accounts, each with its origin: a login, `ims account token`, or another token.

One made with another is its child: it has at most its parent's role, ends no later, and is deleted with it. Depth and
number of children are bounded, so that a caller can't fill the file and no revocation is too deep.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ims.portal.auth.accounts_file import AccountsFile
from ims.portal.auth.roles import Caller, Role, lesser, role_of
from ims.portal.auth.tokens import digest, made, new_secret

Rows = list[dict[str, Any]]
CHILDREN = 100  # valid tokens made with one token
GENERATIONS = 3  # a token, those made with it, and those made with these
OVER_SECONDS = 30 * 86_400.0  # how long an expired token is still listed, if it wasn't one of too many


class NewToken(NamedTuple):
    """A token's `secret`, which is shown only now and stored only hashed; its role; when it expires, if it does."""

    secret: str
    role: Role
    expires: datetime | None


class AccountTokens:
    """The tokens in a file of accounts; Accounts has the rest."""

    def __init__(self, file: AccountsFile, clock: Callable[[], float]) -> None:
        self._file, self._clock = file, clock

    def new_token(self, name: str, *, label: str, days: float | None, role: Role | None = None) -> str:
        """The secret of a token without a parent. `days`: until it expires, None: never. `role`: at most the account's;
        None: the account's, as it changes. Raises ValueError where the account is unknown, the role is greater, or the
        label or the days are wrong."""
        account, has = self._account(name)
        if role is not None and lesser(role_of(role), has) != role:
            raise ValueError(f"{name} is {has}; its token can't be {role}")
        return self._add(account, label, days, role, "command", None, None).secret

    def login_token(self, caller: Caller, *, label: str, days: float, role: Role | None = None) -> NewToken:
        """A token for a caller who has just shown the account's password; it ends when the password changes. Raises
        ValueError as new_token, and where it has changed already."""
        account, has = self._account(caller.name)
        if role is not None and lesser(role_of(role), has) != role:
            raise ValueError(f"you are {has}; your token can't be {role}")
        return self._add(account, label, days, role, "login", None, caller.generation)._replace(role=role or has)

    def child_token(self, caller: Caller, *, label: str, days: float, role: Role | None = None) -> NewToken:
        """A token made with the caller's: of at most its role, and for no longer. Raises ValueError as new_token, and
        where the parent is gone or has too many."""
        account, _ = self._account(caller.name)
        role = role_of(role or caller.role)
        if lesser(role, caller.role) != role:
            raise ValueError(f"you are {caller.role}; your token can't be {role}")
        now, parent = self._clock(), caller.token
        if self._generation(parent) >= GENERATIONS:
            raise ValueError("this token was made with one that was made with another; it makes none")
        if self._children(parent) >= CHILDREN:
            self._file.write("DELETE FROM tokens WHERE parent = ? AND expires <= ?", (parent, now))
        if self._children(parent) >= CHILDREN:
            raise ValueError(f"{CHILDREN} tokens were made with this one and hold; revoke some")
        return self._add(account, label, days, role, "token", parent, None)

    def tokens(self, name: str, below: str | None = None) -> Rows:
        """An account's tokens: id, label, role, created, expires, expired, origin (`login`, `command`, `token`, or None
        in a file of an earlier version), parent. `below`: only this one and its descendants. Raises ValueError where
        the account is unknown."""
        account, has = self._account(name)
        now = self._clock()
        words = (
            "SELECT id, label, role, created, expires, origin, parent FROM tokens WHERE account = ? "
            "ORDER BY created, rowid"
        )
        found = self._file.read(words, (account,))
        within = {row[0] for row in found} if below is None else _family(below, [(row[0], row[-1]) for row in found])
        return [
            {
                "id": id,
                "label": label,
                "role": has if role is None else lesser(role, has),
                "created": moment(created),
                "expires": None if expires is None else moment(expires),
                "expired": expires is not None and expires <= now,
                "origin": origin,
                "parent": parent,
            }
            for id, label, role, created, expires, origin, parent in found
            if id in within
        ]

    def revoke_token(self, name: str, id: str, below: str | None = None) -> None:
        """Make a token and its descendants void at once. Raises ValueError where the account has none with this id, or
        it is neither `below` nor one of its descendants."""
        account, _ = self._account(name)
        own = below is None or id in {row["id"] for row in self.tokens(name, below)}
        if not own or not self._file.write("DELETE FROM tokens WHERE account = ? AND id = ?", (account, id)):
            raise ValueError(f"{name} has no token {id!r}")

    def check_token(self, secret: str) -> Caller | None:
        """Whose token this is, with the role it has now; None if it is unknown, expired or revoked."""
        words = (
            "SELECT accounts.name, accounts.role, tokens.role, tokens.id, tokens.parent FROM tokens JOIN accounts "
            "ON accounts.id = tokens.account WHERE digest = ? AND (expires IS NULL OR expires > ?)"
        )
        for name, has, role, id, parent in self._file.read(words, (digest(secret), self._clock())):
            now = has if role is None else lesser(role, has)
            return Caller(name, now, id, manages=parent is None and now == has)
        return None

    def _account(self, name: str) -> tuple[int, Role]:
        for id, role in self._file.read("SELECT id, role FROM accounts WHERE name = ?", (name,)):
            return id, role
        raise ValueError(f"there is no account {name!r}")

    def _children(self, parent: str | None) -> int:
        return int(self._file.read("SELECT count(*) FROM tokens WHERE parent = ?", (parent,))[0][0])

    def _generation(self, id: str | None) -> int:
        """Number of tokens from the first ancestor to this one."""
        count = 0
        while id is not None:
            found = self._file.read("SELECT parent FROM tokens WHERE id = ?", (id,))
            id, count = found[0][0] if found else None, count + 1
        return count

    def _add(
        self,
        account: int,
        label: str,
        days: float | None,
        role: Role | None,
        origin: str,
        parent: str | None,
        generation: int | None,
    ) -> NewToken:
        """`generation`: the password's, which must still be the account's."""
        id, label, now, expires = made(label, days, self._clock())
        if parent is not None:
            found = self._file.read("SELECT expires FROM tokens WHERE id = ?", (parent,))
            ends = [end for end in (expires, *(row[0] for row in found)) if end is not None]
            expires = min(ends, default=None)
        secret = new_secret()
        self._file.write("DELETE FROM tokens WHERE expires <= ?", (now - OVER_SECONDS,))
        words = (
            "INSERT INTO tokens (id, label, created, expires, digest, role, account, parent, origin) "
            "SELECT ?, ?, ?, ?, ?, ?, id, ?, ? FROM accounts WHERE id = ? AND generation = coalesce(?, generation)"
        )
        values = (id, label, now, expires, digest(secret), role, parent, origin, account, generation)
        try:
            added = self._file.write(words, values)
        except sqlite3.IntegrityError:
            added = 0
        if not added:
            raise ValueError("what it was made with isn't there any more")
        return NewToken(secret, role or "viewer", None if expires is None else moment(expires))


def _family(id: str, parents: Sequence[tuple[str, str | None]]) -> set[str]:
    """A token and its descendants, from (id, parent) of all."""
    family = {id}
    for _ in range(GENERATIONS):
        family |= {each for each, parent in parents if parent in family}
    return family


def moment(seconds: float) -> datetime:
    """Seconds since the epoch as a moment."""
    return datetime.fromtimestamp(seconds, UTC)
