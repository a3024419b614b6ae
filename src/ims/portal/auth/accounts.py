"""Accounts with a role, their passwords (argon2id, RFC 9106) and their tokens, in one SQLite file."""

from __future__ import annotations

import re
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ims.portal.auth.account_tokens import AccountTokens, Rows, moment
from ims.portal.auth.accounts_file import AccountsFile
from ims.portal.auth.devices import Devices
from ims.portal.auth.login_backoff import LoginBackoff
from ims.portal.auth.roles import Caller, Role, role_of
from ims.text import quantity

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
AT_ONCE = 2  # passwords checked at the same time: each takes 64 MiB


class Ended(NamedTuple):
    """How many valid tokens a password change `ended`, and how many `stay`."""

    ended: int
    stay: int


class Accounts(AccountTokens):
    """The accounts in one file, made (0600) if absent. Any number of threads and processes may use it at once; what a
    call has changed survives kill -9 and power loss. Names are compared without case. `hasher`: argon2's parameters;
    `clock`: seconds since the epoch, for tokens; `ticks`: a clock that never goes back. Raises OSError where the file
    can't be used, ValueError where it isn't one of accounts."""

    def __init__(
        self,
        path: Path,
        *,
        hasher: PasswordHasher | None = None,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        from argon2 import PasswordHasher

        super().__init__(AccountsFile(Path(path)), clock)
        self._hasher = hasher or PasswordHasher()
        self._guesses = LoginBackoff(ticks)
        self._nobody = self._hasher.hash(secrets.token_urlsafe())
        self._at_once = threading.BoundedSemaphore(AT_ONCE)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def add(self, name: str, role: Role, password: str) -> None:
        """Make an account. Raises ValueError for a taken or invalid name, an unknown role, or a weak password."""
        if _NAME.fullmatch(name) is None:
            raise ValueError(f"account name {name!r}: expected up to 64 letters, digits, . _ @ or -, a letter first")
        row = (name, role_of(role), self._hash(password), self._clock())
        try:
            self._file.write("INSERT INTO accounts (name, role, password, created) VALUES (?, ?, ?, ?)", row)
        except sqlite3.IntegrityError:
            raise ValueError(f"there is an account {name} already") from None

    def remove(self, name: str) -> None:
        """Remove an account; its tokens are void at once. Raises ValueError where there is none."""
        self._changed(name, "DELETE FROM accounts WHERE name = ?", (name,))

    def set_password(self, name: str, password: str) -> Ended:
        """Change the password. Tokens of a login, or of unknown origin (a file of an earlier version), end with their
        descendants; those of `ims account token` stay, with theirs. Devices are forgotten. Raises ValueError where the
        password is weak or there is no such account."""
        hashed = self._hash(password)
        holding = "SELECT count(*) FROM tokens WHERE account = ? AND (expires IS NULL OR expires > ?)"
        with self._file.together() as execute:
            words = "UPDATE accounts SET password = ?, generation = generation + 1 WHERE name = ? RETURNING id"
            changed = execute(words, (hashed, name)).fetchone()
            if changed is None:
                raise ValueError(f"there is no account {name!r}")
            [before] = execute(holding, (changed[0], self._clock())).fetchone()
            execute("DELETE FROM tokens WHERE account = ? AND (origin IS NULL OR origin = 'login')", changed)
            [after] = execute(holding, (changed[0], self._clock())).fetchone()
        return Ended(before - after, after)

    def set_role(self, name: str, role: Role) -> None:
        """Change the role, of existing tokens too. Raises ValueError where it or the account is unknown."""
        self._changed(name, "UPDATE accounts SET role = ? WHERE name = ?", (role_of(role), name))

    def is_empty(self) -> bool:
        """Whether the file has no accounts."""
        return not self._file.read("SELECT 1 FROM accounts LIMIT 1")

    def list(self) -> Rows:
        """All accounts: name, role, created, tokens (how many are valid)."""
        words = (
            "SELECT name, role, created, (SELECT count(*) FROM tokens WHERE account = accounts.id "
            "AND (expires IS NULL OR expires > ?)) FROM accounts ORDER BY name"
        )
        rows = self._file.read(words, (self._clock(),))
        return [{"name": n, "role": r, "created": moment(c), "tokens": t} for n, r, c, t in rows]

    def is_device(self, name: str, shown: str) -> str | None:
        """The id of a device that has logged in as `name` before, by what `device` gave it then; None: unknown."""
        found = self._file.read("SELECT id, generation FROM accounts WHERE name = ?", (name,))
        id, generation = found[0] if found else (0, 0)
        return self._devices.known(shown, f"{id} {generation}")

    def device(self, caller: Caller) -> str:
        """What a device sends the next time somebody logs in there (see Devices)."""
        account, _ = self._account(caller.name)
        return self._devices.made(f"{account} {caller.generation}")

    def check_password(self, name: str, password: str, device: str | None = None) -> Caller | None:
        """The caller; None where the password is wrong, there is no such account, or there were too many wrong guesses
        of late (see LoginBackoff), all of which look the same. Guesses of a known device (`is_device`) are counted
        apart, so that others' don't lock its user out. Takes 50 ms and 64 MiB on purpose."""
        name = name[: LONGEST_PASSWORD + 1]
        guesser = name if device is None else f"{name}\0{device}"
        if len(password) > LONGEST_PASSWORD or not self._guesses.may_try(guesser):
            return None
        query = "SELECT name, role, password, generation FROM accounts WHERE name = ?"
        rows = self._file.read(query, (name,)) if _NAME.fullmatch(name) else []
        right = self._verified(rows[0][2] if rows else self._nobody, password) and bool(rows)
        # Read again: the account may have been removed, or its password changed, while argon2 worked.
        again = self._file.read(query, (name,)) if right else []
        if not right or not again or again[0][2] != rows[0][2]:
            return None
        self._guesses.forget(guesser)
        if self._hasher.check_needs_rehash(rows[0][2]):
            words = "UPDATE accounts SET password = ? WHERE name = ? AND password = ?"
            self._file.write(words, (self._hasher.hash(password), name, rows[0][2]))
        return Caller(again[0][0], again[0][1], generation=again[0][3])

    @cached_property
    def _devices(self) -> Devices:
        return Devices(self.secret("devices"), self._clock)

    def secret(self, purpose: str) -> bytes:
        """32 random octets that stay the same for a purpose, such as the key of the noise that viewers see."""
        new = (purpose, secrets.token_bytes(32))
        self._file.write("INSERT OR IGNORE INTO secrets (purpose, octets) VALUES (?, ?)", new)
        return bytes(self._file.read("SELECT octets FROM secrets WHERE purpose = ?", (purpose,))[0][0])

    def _hash(self, password: str) -> str:
        if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
            found = quantity(len(password), "character")
            raise ValueError(f"the password has {found}; expected {SHORTEST_PASSWORD} to {LONGEST_PASSWORD:,}")
        with self._at_once:
            return self._hasher.hash(password)

    def _verified(self, hashed: str, password: str) -> bool:
        from argon2.exceptions import Argon2Error, InvalidHashError

        try:
            with self._at_once:
                return self._hasher.verify(hashed, password.encode("utf-8", "surrogatepass"))
        except (Argon2Error, InvalidHashError):
            return False

    def _changed(self, name: str, words: str, values: tuple[Any, ...]) -> None:
        if not self._file.write(words, values):
            raise ValueError(f"there is no account {name!r}")
