"""Devices from which somebody logged in before: each was given a seal for one account and password, valid for `DAYS`.

It opens nothing without the password. It distinguishes users from strangers, so that guesses and floods of strangers
lock no user out.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Callable

DAYS = 180
_LONGEST = 100


class Devices:
    """Makes and checks seals, an HMAC (RFC 2104) with SHA-256; none is stored. `clock`: seconds since the epoch."""

    def __init__(self, key: bytes, clock: Callable[[], float]) -> None:
        self._key, self._clock = key, clock

    def made(self, account: str) -> str:
        """A seal for a new device, printable. `account`: stands for the account and its password."""
        body = f"{secrets.token_hex(8)}.{int(self._clock()) + DAYS * 86_400}"
        return f"{body}.{self._seal(body, account)}"

    def known(self, shown: str, account: str) -> str | None:
        """The device's id; None where the seal isn't of this account, or has expired."""
        body, _, seal = shown[:_LONGEST].rpartition(".")
        name, _, until = body.partition(".")
        right = hmac.compare_digest(seal.encode(errors="replace"), self._seal(body, account).encode())
        return name if right and int(until) > self._clock() else None

    def _seal(self, body: str, account: str) -> str:
        octets = hmac.digest(self._key, f"{body} {account}".encode(errors="replace"), "sha256")
        return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
