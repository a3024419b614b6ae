"""The owner of a certificate: `ims:ROLE:NAME:SERIAL`, its first subject alternative name.

PyArrow shows a server only that name of its peers, and a client nothing of the server's certificate. So a certificate
also has the DNS name `SERIAL.ROLE.ims`, which a client expects when it connects: it accepts only that certificate.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, cast, get_args

Role = Literal["sensor", "portal", "operator"]
ROLES: tuple[str, ...] = get_args(Role)
_IDENTITY = re.compile(r"ims:([a-z]+):([A-Za-z0-9][A-Za-z0-9._-]{0,63}):([0-9a-f]{32,40})")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SERIAL = re.compile(r"[0-9a-f]{32,40}")


class Identity(NamedTuple):
    """Role, name and serial number (hexadecimal, lower case) of a certificate."""

    role: Role
    name: str
    serial: str

    @property
    def uri(self) -> str:
        """The first subject alternative name."""
        return f"ims:{self.role}:{self.name}:{self.serial}"

    @property
    def hostname(self) -> str:
        """The DNS name that only this certificate has."""
        return f"{self.serial}.{self.role}.ims"


def parse_identity(text: str) -> Identity:
    """The identity that `uri` wrote. Raises ValueError."""
    found = _IDENTITY.fullmatch(text)
    if found is None or found[1] not in ROLES:
        raise ValueError(f"{text[:120]!r} is not an ims identity; expected ims:ROLE:NAME:SERIAL")
    return Identity(cast("Role", found[1]), found[2], found[3])


def check_identity(role: str, name: str, serial: str) -> Identity:
    """An identity of these parts. Raises ValueError for one that can't be."""
    if role not in ROLES:
        raise ValueError(f"role {role!r}: expected one of {', '.join(ROLES)}")
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"name {name!r}: expected up to 64 letters, digits, '.', '_' or '-', a letter or digit first")
    if _SERIAL.fullmatch(serial) is None:
        raise ValueError(f"serial {serial!r}: expected 32 to 40 hexadecimal digits, in lower case")
    return Identity(cast("Role", role), name, serial)
