"""What a query daemon checks before it starts."""

from __future__ import annotations

from datetime import UTC, datetime

from ims.pki.credentials import Credentials, expiry_warnings
from ims.process.file_access import Need, Way
from ims.process.start_checks import (
    Check,
    Running,
    access_check,
    endpoint_check,
    metrics_checks,
    program_check,
    user_check,
)
from ims.process.tls import TlsConfig
from ims.queryd.config import QuerydConfig
from ims.queryd.sensor_names import stranger
from ims.store.reader import open_store
from ims.store.schema import refuse_other_folder
from ims.system_folder import refuse_system_folder

WRITERS = ("key", "lock", "ship.lock", "seen")
"""What only who writes to a store needs, and the key nobody else may read."""


def queryd_checks(config: QuerydConfig, running: Running | None = None) -> list[Check]:
    """In the order of a start. `running`: a daemon that may run with these settings already."""
    checks = [user_check(config.user)]
    if config.tls is not None:
        checks.append(certificate_check(config.tls, "sensor"))
    return [
        *checks,
        Check("store", lambda: _place(config), "set `store` to the sensor's store"),
        access_check(config.user, lambda user: needs(config)),
        Check("store", lambda: _store(config), "set `store` to the sensor's store"),
        Check("names", lambda: _names(config)),
        endpoint_check("listen", config.listen, config.user, running),
        *metrics_checks(config.metrics, config.listen, config.user, running),
        program_check(config.user),
    ]


def needs(config: QuerydConfig) -> list[Need]:
    """What a daemon with these settings reads as the user it becomes, which excepts certificate and key."""
    found = [Need("the store", config.store, Way.READ_ALL, without=WRITERS)]
    if config.tls is not None:
        found.append(Need("the list of revoked certificates", config.tls.revoked))
    return found


def certificate_check(tls: TlsConfig, role: str) -> Check:
    """Whether a daemon's certificate, key and authority can be read, belong together and are of these days."""

    def look() -> str:
        credentials = read_credentials(tls, role)
        if expiry_warnings(credentials, datetime.now(UTC)):
            return ""
        return f"of {role} {credentials.identity.name}, until {credentials.expires:%Y-%m-%d}"

    return Check("certificates", look, "docs/pki.md tells how to issue another")


def read_credentials(tls: TlsConfig, role: str) -> Credentials:
    """The three files, checked. Raises as Credentials.read does, which names the file."""
    return Credentials.read(tls.certificate, tls.key, tls.ca, roles=(role,))


def _place(config: QuerydConfig) -> str:
    refuse_system_folder(config.store, "the store")
    return ""


def _store(config: QuerydConfig) -> str:
    """A store that isn't there yet is waited for: the sensor makes it."""
    refuse_other_folder(config.store)
    return ""


def _names(config: QuerydConfig) -> str:
    """Whether the certificate's name is the one in the store."""
    credentials = None if config.tls is None else read_credentials(config.tls, "sensor")
    try:
        with open_store(config.store) as store:
            refusal = stranger(config, credentials, store.sensors)
    except FileNotFoundError:
        return ""
    if refusal is not None:
        raise ValueError(refusal)
    return ""
