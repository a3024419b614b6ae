"""What a query daemon checks before it starts."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

from ims.pki.credentials import Credentials, expiry_warnings
from ims.process import start_checks
from ims.process.file_access import Need, Way
from ims.process.start_checks import Check, Running
from ims.process.tls import TlsConfig
from ims.queryd.config import QuerydConfig
from ims.queryd.sensor_names import stranger
from ims.store.reader import open_store
from ims.store.schema import refuse_other_folder
from ims.system_folder import refuse_system_folder

WRITERS = ("key", "lock", "ship.lock", "seen")
"""Files that only a store's writers need, and the key, which nobody else may read."""


def queryd_checks(config: QuerydConfig, running: Running | None = None) -> list[Check]:
    """In the order of a start. `running`: a daemon that may run with these settings already."""
    checks = [start_checks.user_check(config.user)]
    if config.tls is not None:
        checks.append(certificate_check(config.tls, "sensor"))
    remedy = "set `store` to the sensor's store"
    return [
        *checks,
        Check("store", partial(refuse_system_folder, config.store, "the store"), remedy),
        start_checks.access_check(config.user, lambda user: needs(config)),
        Check("store", partial(_store, config), remedy),
        Check("names", partial(_names, config)),
        start_checks.endpoint_check("listen", config.listen, config.user, running),
        *start_checks.metrics_checks(config.metrics, config.listen, config.user, running),
        start_checks.program_check(config.user),
    ]


def needs(config: QuerydConfig) -> list[Need]:
    """What a daemon with these settings reads as the user it becomes, except certificate and key."""
    found = [Need("the store", config.store, Way.READ_ALL, without=WRITERS)]
    if config.tls is not None:
        found.append(Need("the list of revoked certificates", config.tls.revoked))
    return found


def certificate_check(tls: TlsConfig, role: str) -> Check:
    """Whether a daemon's certificate, key and authority can be read, belong together and are valid now."""

    def look() -> str:
        credentials = read_credentials(tls, role)
        if expiry_warnings(credentials, datetime.now(UTC)):
            return ""
        return f"of {role} {credentials.identity.name}, until {credentials.expires:%Y-%m-%d}"

    return Check("certificates", look, "docs/pki.md tells how to issue another")


def read_credentials(tls: TlsConfig, role: str) -> Credentials:
    """The three files, checked. Raises as Credentials.read does, which names the file."""
    return Credentials.read(tls.certificate, tls.key, tls.ca, roles=(role,))


def _store(config: QuerydConfig) -> None:
    """Accepts a store that isn't there yet: the sensor makes it."""
    refuse_other_folder(config.store)


def _names(config: QuerydConfig) -> None:
    """Whether the certificate's name is the one in the store."""
    credentials = None if config.tls is None else read_credentials(config.tls, "sensor")
    with suppress(FileNotFoundError), open_store(config.store) as store:
        refusal = stranger(config, credentials, store.sensors)
        if refusal is not None:
            raise ValueError(refusal)
