"""Devices from which somebody logged in before: what each was given then, keyed by what the account was.

It opens nothing without the password. It says who isn't a stranger, so that guesses and floods of others keep nobody
out of his own account. It holds for one account and one password, and for `DAYS`.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Callable

DAYS = 180
_LONGEST = 100


class Devices:
    """Makes and knows them by an HMAC (RFC 2104) with SHA-256; nothing of them is stored. `clock`: seconds since the
    epoch."""

    def __init__(self, key: bytes, clock: Callable[[], float]) -> None:
        self._key, self._clock = key, clock

    def made(self, account: str) -> str:
        """What a device is given, printable. `account`: stands for the account and its password."""
        body = f"{secrets.token_hex(8)}.{int(self._clock()) + DAYS * 86_400}"
        return f"{body}.{self._seal(body, account)}"

    def known(self, shown: str, account: str) -> str | None:
        """Which device shows this; None where it isn't one of this account, or was too long ago."""
        body, _, seal = shown[:_LONGEST].rpartition(".")
        name, _, until = body.partition(".")
        right = hmac.compare_digest(seal.encode(errors="replace"), self._seal(body, account).encode())
        return name if right and int(until) > self._clock() else None

    def _seal(self, body: str, account: str) -> str:
        octets = hmac.digest(self._key, f"{body} {account}".encode(errors="replace"), "sha256")
        return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
