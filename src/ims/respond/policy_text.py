"""What a block answered, as text of coverage: `ack`, `synack, echo`, `ports 1-1023=ack default=reset, limit 1000`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from ims.respond.policy import POLICIES, Array, row_of

PASSIVE = "passive"
"""Nothing answers."""
BY_PORT = "ports"
"""By itself: a policy by port that isn't told, as in stores of earlier versions."""
DEFAULT_LIMIT = 65_536
"""Octets of a connection that are acknowledged before it is closed, where the text says nothing else."""
MOST_LIMIT = 1 << 24
"""Of a sensor's settings."""
LIMIT = re.compile(r"limit ([0-9]{1,8})")
LONGEST = 1000
"""Characters: each row of coverage has the text."""


class RecordedPolicy(NamedTuple):
    """What a block answered. `ports`: uint8 (65,536), number in POLICIES; None where it isn't known, or nothing
    answered; `echo`: whether ICMP echo was; `limit`: octets of a connection that are acknowledged."""

    ports: Array | None
    echo: bool = False
    limit: int = DEFAULT_LIMIT


def policy_text(policy: str | Mapping[str, str], echo: bool, limit: int) -> str:
    """The text of a block's settings. A table of ports that is too long for it is just `ports`."""
    if isinstance(policy, str):
        written = policy
    else:
        table = {ports: name for ports, name in policy.items() if ports != "default"}
        each = [f"{ports.replace(' ', '')}={name}" for ports, name in table.items()]
        written = " ".join([BY_PORT, *each, f"default={policy.get('default', 'ack')}"])
        written = written if len(written) <= LONGEST else BY_PORT
    return ", ".join([written, *["echo"] * echo, *[f"limit {limit}"] * (limit != DEFAULT_LIMIT)])


def recorded_policy(text: str) -> RecordedPolicy:
    """What a text says: nothing, if it isn't ours."""
    written, *more = text.split(", ")
    kind, *table = written.split() or [BY_PORT]
    limits = [int(found[1]) for each in more if (found := LIMIT.fullmatch(each))]
    ports = None
    try:
        if kind in POLICIES:
            ports = row_of(kind)
        elif kind == BY_PORT and table:
            ports = row_of(dict(each.split("=", 1) for each in table))
    except ValueError:
        pass
    limit = limits[0] if limits and limits[0] <= MOST_LIMIT else DEFAULT_LIMIT
    return RecordedPolicy(ports, "echo" in more, limit)
