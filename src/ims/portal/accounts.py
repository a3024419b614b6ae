"""Who may ask: accounts with a role, their passwords (argon2id, RFC 9106) and their tokens, in one SQLite file."""

from __future__ import annotations

import re
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from ims.portal.accounts_file import AccountsFile
from ims.portal.guesses import Guesses
from ims.portal.tokens import digest, made, new_secret

if TYPE_CHECKING:
    from argon2 import PasswordHasher

Role = Literal["viewer", "analyst", "operator"]
ROLES: tuple[Role, ...] = get_args(Role)
"""What each may do, the next may do too."""
SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 1024
Rows = list[dict[str, Any]]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
AT_ONCE = 2
"""Passwords checked at the same time: each takes 64 MiB."""


@dataclass(frozen=True)
class Caller:
    """Who asks. `token`: the id of the token he came with, never its secret."""

    name: str
    role: Role
    token: str | None = None


def role_of(text: str) -> Role:
    """A role. Raises ValueError."""
    for role in ROLES:
        if role == text:
            return role
    raise ValueError(f"role {text!r}: wanted one of {', '.join(ROLES)}")


def lesser(one: Role, other: Role) -> Role:
    """The role that may do less."""
    return min(one, other, key=ROLES.index)


class Accounts:
    """The accounts in one file, made (0600) if absent. Any number of threads and processes may use it at once; what a
    call has returned from survives kill -9 and power loss. Names differ in more than case.

    `hasher`: argon2's parameters; `clock`: seconds since the epoch, for tokens; `ticks`: a clock that never goes back.
    Raises OSError where the file can't be used, ValueError where it isn't one of accounts.
    """

    def __init__(
        self,
        path: Path,
        *,
        hasher: PasswordHasher | None = None,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        from argon2 import PasswordHasher

        self._file = AccountsFile(Path(path))
        self._hasher = hasher or PasswordHasher()
        self._clock = clock
        self._guesses = Guesses(ticks)
        self._nobody = self._hasher.hash(secrets.token_urlsafe())
        self._at_once = threading.BoundedSemaphore(AT_ONCE)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def add(self, name: str, role: Role, password: str) -> None:
        """Make an account. Raises ValueError where the name is taken or none, the role unknown or the password weak."""
        if _NAME.fullmatch(name) is None:
            raise ValueError(f"account name {name!r}: wanted up to 64 letters, digits, . _ @ or -, a letter first")
        row = (name, role_of(role), self._hash(password), self._clock())
        try:
            self._file.write("INSERT INTO accounts (name, role, password, created) VALUES (?, ?, ?, ?)", row)
        except sqlite3.IntegrityError:
            raise ValueError(f"there is an account {name} already") from None

    def remove(self, name: str) -> None:
        """Remove an account; its tokens are void at once. Raises ValueError where there is none."""
        self._changed(name, "DELETE FROM accounts WHERE name = ?", (name,))

    def set_password(self, name: str, password: str) -> None:
        """Another password; tokens stay. Raises ValueError where it is weak or there is no such account."""
        self._changed(name, "UPDATE accounts SET password = ? WHERE name = ?", (self._hash(password), name))

    def set_role(self, name: str, role: Role) -> None:
        """Another role, for tokens that exist too. Raises ValueError where it or the account is unknown."""
        self._changed(name, "UPDATE accounts SET role = ? WHERE name = ?", (role_of(role), name))

    def is_empty(self) -> bool:
        """Whether there is no account."""
        return not self._file.read("SELECT 1 FROM accounts LIMIT 1")

    def list(self) -> Rows:
        """All accounts: name, role, created, tokens (how many that hold)."""
        words = (
            "SELECT name, role, created, (SELECT count(*) FROM tokens WHERE account = accounts.id "
            "AND (expires IS NULL OR expires > ?)) FROM accounts ORDER BY name"
        )
        rows = self._file.read(words, (self._clock(),))
        return [{"name": n, "role": r, "created": _moment(c), "tokens": t} for n, r, c, t in rows]

    def new_token(self, name: str, *, label: str, days: float | None, role: Role | None = None) -> str:
        """A token's secret, which is told only here and stored only hashed. `days`: how long it holds, None: until
        revoked. `role`: at most the account's, which it has without one, as it changes.

        Raises ValueError where the account is unknown, it may not have that role, or a word is no label.
        """
        account, has = self._account(name)
        if role is not None and lesser(role_of(role), has) != role:
            raise ValueError(f"{name} is {has}; its token can't be {role}")
        secret = new_secret()
        row = (*made(label, days, self._clock()), digest(secret), role, account)
        words = "INSERT INTO tokens (id, label, created, expires, digest, role, account) VALUES (?, ?, ?, ?, ?, ?, ?)"
        try:
            self._file.write(words, row)
        except sqlite3.IntegrityError:  # removed in this moment
            raise ValueError(f"there is no account {name}") from None
        return secret

    def tokens(self, name: str) -> Rows:
        """An account's tokens: id, label, role, created, expires, expired. Raises ValueError where it is unknown."""
        account, has = self._account(name)
        now = self._clock()
        words = "SELECT id, label, role, created, expires FROM tokens WHERE account = ? ORDER BY created, rowid"
        return [
            {
                "id": id,
                "label": label,
                "role": has if role is None else lesser(role, has),
                "created": _moment(created),
                "expires": None if expires is None else _moment(expires),
                "expired": expires is not None and expires <= now,
            }
            for id, label, role, created, expires in self._file.read(words, (account,))
        ]

    def revoke_token(self, name: str, id: str) -> None:
        """Make a token void at once. Raises ValueError where the account has none with this id."""
        account, _ = self._account(name)
        if not self._file.write("DELETE FROM tokens WHERE account = ? AND id = ?", (account, id)):
            raise ValueError(f"{name} has no token {id!r}")

    def check_password(self, name: str, password: str) -> Caller | None:
        """Who this is; None where the password is wrong, there is no such account, or there were too many wrong
        guesses of late (see Guesses), all of which look and last the same. Takes 50 ms and 64 MiB on purpose."""
        name = name[: LONGEST_PASSWORD + 1]
        if len(password) > LONGEST_PASSWORD or not self._guesses.may_try(name):
            return None
        query = "SELECT name, role, password FROM accounts WHERE name = ?"
        rows = self._file.read(query, (name,)) if _NAME.fullmatch(name) else []
        right = self._verified(rows[0][2] if rows else self._nobody, password) and bool(rows)
        # As it is now: the account may have gone, or got another password, while argon2 worked.
        again = self._file.read(query, (name,)) if right else []
        if not right or not again or again[0][2] != rows[0][2]:
            return None
        self._guesses.forget(name)
        if self._hasher.check_needs_rehash(rows[0][2]):
            words = "UPDATE accounts SET password = ? WHERE name = ? AND password = ?"
            self._file.write(words, (self._hasher.hash(password), name, rows[0][2]))
        return Caller(again[0][0], again[0][1])

    def check_token(self, secret: str) -> Caller | None:
        """Whose token this is, with the role it has now; None where it is none's, expired or revoked."""
        words = (
            "SELECT accounts.name, accounts.role, tokens.role, tokens.id FROM tokens JOIN accounts "
            "ON accounts.id = tokens.account WHERE digest = ? AND (expires IS NULL OR expires > ?)"
        )
        for name, has, role, id in self._file.read(words, (digest(secret), self._clock())):
            return Caller(name, has if role is None else lesser(role, has), id)
        return None

    def secret(self, purpose: str) -> bytes:
        """32 random octets that stay the same for a purpose, such as the key of what viewers see rounded."""
        self._file.write(
            "INSERT OR IGNORE INTO secrets (purpose, octets) VALUES (?, ?)", (purpose, secrets.token_bytes(32))
        )
        return bytes(self._file.read("SELECT octets FROM secrets WHERE purpose = ?", (purpose,))[0][0])

    def _hash(self, password: str) -> str:
        if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
            found = f"{len(password)} character{'' if len(password) == 1 else 's'}"
            raise ValueError(f"the password has {found}; wanted {SHORTEST_PASSWORD} to {LONGEST_PASSWORD}")
        with self._at_once:
            return self._hasher.hash(password)

    def _verified(self, hashed: str, password: str) -> bool:
        from argon2.exceptions import Argon2Error, InvalidHashError

        try:
            with self._at_once:
                return self._hasher.verify(hashed, password.encode("utf-8", "surrogatepass"))
        except (Argon2Error, InvalidHashError):
            return False

    def _account(self, name: str) -> tuple[int, Role]:
        for id, role in self._file.read("SELECT id, role FROM accounts WHERE name = ?", (name,)):
            return id, role
        raise ValueError(f"there is no account {name!r}")

    def _changed(self, name: str, words: str, values: tuple[Any, ...]) -> None:
        if not self._file.write(words, values):
            raise ValueError(f"there is no account {name!r}")


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
