"""What a portal checks before it starts."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from ims.cause import cause
from ims.lake.folder import Folder
from ims.lake.uri import open_place
from ims.origin.origins import Origins
from ims.pki.pem import read_file
from ims.portal.audit import unknown_path
from ims.portal.auth.accounts import Accounts
from ims.portal.config import PortalConfig
from ims.portal.federation.registry import Registry
from ims.process import start_checks
from ims.process.file_access import Need, Way, tried_as
from ims.process.privileges import stays_root, user_to_become
from ims.process.start_checks import Check, Running
from ims.process.tls import HttpsConfig
from ims.queryd.checks import certificate_check
from ims.text import quantity


def portal_checks(config: PortalConfig, running: Running | None = None) -> list[Check]:
    """In the order of a start. `running`: a portal that may run with these settings already."""
    checks = [start_checks.user_check(config.user)]
    if config.tls is not None:
        checks.append(certificate_check(config.tls, "portal"))
    if config.https is not None:
        checks.append(Check("https", partial(_https, config.https), "docs/deploy.md tells which files they are"))
    return [
        *checks,
        start_checks.own_endpoint_check("listen", config.listen, running),
        *start_checks.metrics_checks(config.metrics, config.listen, config.user, running),
        Check("lake", partial(_lake, config)),
        Check("registry", partial(_registry, config.registry), "correct it; docs/deploy.md has an example"),
        start_checks.access_check(config.user, lambda user: needs(config)),
        Check("mmdb", partial(_mmdb, config.mmdb), "docs/analyses.md tells where such files are had"),
        Check("accounts", partial(_accounts, config)),
        Check("audit", partial(_audit, config)),
        start_checks.program_check(config.user),
    ]


def needs(config: PortalConfig) -> list[Need]:
    """What a portal reads and writes as its user, except certificates and keys. Raises ValueError for a bad URI."""
    found = [
        Need("the registry", config.registry),
        *(Need("a file in MMDB format", path) for path in config.mmdb),
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
    """Load them as the server will."""
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


def _registry(path: Path) -> str:
    return f"{path} names {quantity(len(Registry(path).sensors()), 'sensor')}"


def _mmdb(files: Sequence[Path]) -> str:
    return f"{', '.join(map(str, files))}: {Origins(files).source}" if files else ""


def _accounts(config: PortalConfig) -> str:
    """Opened by the user that the portal becomes, so that files beside it belong to that user."""

    def is_empty() -> bool:
        with closing(Accounts(config.accounts)) as opened:
            return opened.is_empty()

    empty = True
    if config.accounts.is_symlink() or config.accounts.exists():
        empty = tried_as(user_to_become(config.user), is_empty, stay_root=stays_root(config.user))
    if empty and not config.is_local:
        raise ValueError(
            f"{config.accounts} holds no account; make one with "
            f"`ims account add NAME --role operator --accounts {config.accounts}`"
        )
    return "" if empty else f"{config.accounts} holds accounts"


def _audit(config: PortalConfig) -> None:
    for path in (config.audit, unknown_path(config.audit)):
        if path.is_symlink():
            raise ValueError(f"the audit log {path} is a link; set `audit` to where it leads")
        if path.exists() and not path.is_file():
            raise ValueError(f"the audit log {path} is {'a folder' if path.is_dir() else 'no file'}")
