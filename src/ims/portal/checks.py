"""What a portal checks before it starts."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

from ims.cause import cause
from ims.lake.folder import Folder
from ims.lake.uri import open_place
from ims.pki.pem import read_file
from ims.portal.audit import unknown_path
from ims.portal.auth.accounts import Accounts
from ims.portal.config import PortalConfig
from ims.portal.federation.registry import Registry
from ims.process.file_access import Need, Way, tried_as
from ims.process.privileges import user_to_become
from ims.process.start_checks import (
    Check,
    Running,
    access_check,
    metrics_checks,
    own_endpoint_check,
    program_check,
    stays_root,
    user_check,
)
from ims.process.tls import HttpsConfig
from ims.queryd.checks import certificate_check
from ims.text import quantity


def portal_checks(config: PortalConfig, running: Running | None = None) -> list[Check]:
    """In the order of a start. `running`: a portal that may run with these settings already."""
    checks = [user_check(config.user)]
    if config.tls is not None:
        checks.append(certificate_check(config.tls, "portal"))
    if config.https is not None:
        https = config.https
        checks.append(Check("https", lambda: _https(https), "docs/deploy.md tells which files they are"))
    return [
        *checks,
        own_endpoint_check("listen", config.listen, running),
        *metrics_checks(config.metrics, config.listen, config.user, running),
        Check("lake", lambda: _lake(config)),
        Check("registry", lambda: _registry(config), "correct it; docs/deploy.md has an example"),
        access_check(config.user, lambda user: needs(config)),
        Check("accounts", lambda: _accounts(config)),
        Check("audit", lambda: _audit(config)),
        program_check(config.user),
    ]


def needs(config: PortalConfig) -> list[Need]:
    """What a portal with these settings reads and writes as the user it becomes, certificates and keys excepted.

    Raises ValueError where the lake's URI is none.
    """
    found = [
        Need("the registry", config.registry),
        Need("the file of accounts", config.accounts, Way.CHANGE),
        Need("the audit log", config.audit, Way.CHANGE),
        Need("the folder for exports", config.export_folder or Path(tempfile.gettempdir()), Way.CHANGE),
    ]
    if config.tls is not None:
        found.append(Need("the list of revoked certificates", config.tls.revoked))
    lake = open_place(config.lake.uri) if config.lake is not None else None
    if isinstance(lake, Folder):
        found.append(Need("the lake", lake.folder, Way.READ_ALL))
    return found


def _https(https: HttpsConfig) -> str:
    """Loaded as the server will load them."""
    read_file(https.certificate, "a certificate in PEM")
    read_file(https.key, "its private key in PEM")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(https.certificate, https.key, password="")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ValueError(f"[https]: {https.key} is not the private key of {https.certificate}") from None
        raise ValueError(f"[https]: {https.certificate} or {https.key} is no PEM that TLS takes: {error}") from None
    except OSError as error:
        raise ValueError(f"[https]: {https.certificate} or {https.key}: {cause(error)}") from None
    return f"{https.certificate} and {https.key} belong together"


def _lake(config: PortalConfig) -> str:
    if config.lake is None:
        return ""
    open_place(config.lake.uri)
    return f"{config.lake.uri} can be a lake"


def _registry(config: PortalConfig) -> str:
    sensors = Registry(config.registry).sensors()
    return f"{config.registry} names {quantity(len(sensors), 'sensor')}"


def _accounts(config: PortalConfig) -> str:
    """Opened by the user that the portal becomes, so that nothing beside the file is left that isn't his."""
    if config.accounts.is_symlink() or config.accounts.exists():

        def is_empty() -> bool:
            opened = Accounts(config.accounts)
            try:
                return opened.is_empty()
            finally:
                opened.close()

        empty = tried_as(user_to_become(config.user), is_empty, stay_root=stays_root(config.user))
    else:
        empty = True
    if empty and not config.is_local:
        raise ValueError(
            f"{config.accounts} holds no account; make one with "
            f"`ims account add NAME --role operator --accounts {config.accounts}`"
        )
    return "" if empty else f"{config.accounts} holds accounts"


def _audit(config: PortalConfig) -> str:
    for path in (config.audit, unknown_path(config.audit)):
        if path.is_symlink():
            raise ValueError(f"the audit log {path} is a link; set `audit` to where it leads")
        if path.exists() and not path.is_file():
            raise ValueError(f"the audit log {path} is {'a folder' if path.is_dir() else 'no file'}")
    return ""
