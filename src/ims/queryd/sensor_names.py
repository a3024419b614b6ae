"""Whose packets a query daemon may send: those of its certificate's sensor, and of sensors that its settings name."""

from __future__ import annotations

from collections.abc import Sequence

from ims.pki.credentials import Credentials
from ims.queryd.config import QuerydConfig


def stranger(config: QuerydConfig, credentials: Credentials | None, held: Sequence[str]) -> str | None:
    """Why this daemon may not answer from a store that holds these sensors' packets; None where it may. Without a
    certificate, on loopback, and without `sensors` it may from any store."""
    own = () if credentials is None else (credentials.identity.name,)
    allowed = (*own, *config.sensors)
    found = [name for name in held if name not in allowed]
    if not allowed or not found:
        return None
    listed = ", ".join(f'"{name}"' for name in (*config.sensors, *found))
    whose = f"the certificate is that of sensor {own[0]!r}" if own else f"`sensors` names {', '.join(config.sensors)}"
    return (
        f"{config.store} holds sensor {found[0]!r}, but {whose}; rename it "
        f"(`ims sensor rename {found[0]} {allowed[0]} --store {config.store}`), or allow it here and in the portal's "
        f"registry with sensors = [{listed}]"
    )
