"""A portal's settings: one frozen model, read once from TOML."""

from __future__ import annotations

import ipaddress
from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from ims.lake.config import LakeConfig
from ims.origin.origins import MOST_FILES
from ims.portal.audit import AGE
from ims.portal.privacy.settings import SecrecySettings
from ims.process.tls import HttpsConfig, TlsConfig
from ims.settings.endpoints import endpoint_of
from ims.settings.fields import Endpoint, Octets, Seconds
from ims.settings.toml import checked, read_toml


def _few(files: tuple[Path, ...]) -> tuple[Path, ...]:
    if len(files) > MOST_FILES:
        raise ValueError(f"expected at most {MOST_FILES} files; found {len(files)}")
    return files


class PortalLake(LakeConfig):
    """A lake beside the sensors: `[lake]`."""

    uri: str = Field(description="where it is: a folder, or s3://bucket/prefix?options")


class PortalConfig(BaseModel):
    """One portal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    registry: Path = Field(description="file of sensors; read again when it changes")
    accounts: Path = Field(description="file of accounts, made by `ims account add`")
    audit: Path = Field(description="log of who asked what; JSON, a line each")
    audit_age: Annotated[Seconds, Field(ge=86_400, le=100 * 366 * 86_400)] = Field(
        AGE, description="how long its lines about known callers are kept; seconds, or such as `400d`"
    )
    listen: Endpoint = Field("127.0.0.1:8443", description="address and port to listen on")
    tls: TlsConfig | None = Field(
        None, description="certificates towards sensors; without them, those on loopback only"
    )
    https: HttpsConfig | None = Field(None, description="certificate towards people; required except on loopback")
    user: str | None = Field(
        None, description="unprivileged user to become; `ims` if there is one, else `nobody`; `root` stays root"
    )
    deadline: float = Field(30.0, ge=0.5, le=600, description="seconds that sensors are given to answer")
    rows: int = Field(50_000_000, ge=1000, le=1 << 40, description="partial rows that one sensor may answer with")
    answer: Octets = Field(
        320 << 20, ge=4 << 20,
        description="bytes of sensors' partial answers that aren't merged yet; half for several of one account",
    )  # fmt: skip
    memory: Octets = Field(256 << 20, ge=128 << 20, description="memory for merging answers")
    merging: int = Field(2, ge=1, le=64, description="answers that are merged at once")
    cache: Octets = Field(128 << 20, description="bytes of answers about hours that are over, kept")
    questions_per_second: float = Field(5.0, gt=0, le=1e6, description="of one caller, on average")
    questions_at_once: float = Field(60.0, ge=1, le=1e6, description="of one caller, before that average holds")
    logins_per_minute: float = Field(6.0, gt=0, le=1e6, description="from one address, on average")
    connections: int = Field(512, ge=16, le=65_536, description="callers' connections, each a file descriptor")
    connections_each: int = Field(
        64, ge=4, le=65_536, description="of them, of one address; requests in its hands, too, and behind `proxies`"
    )
    proxies: tuple[str, ...] = Field((), description="addresses of reverse proxies whose X-Forwarded-For is believed")
    lake: PortalLake | None = Field(None, description="a lake that holds what sensors have shipped: docs/scale.md")
    mmdb: Annotated[tuple[Path, ...], AfterValidator(_few)] = Field(
        (), description="files in MMDB format that tell countries and AS of sources; read again when they change",
    )  # fmt: skip
    metrics: Endpoint | None = Field(None, description="address and port for Prometheus, such as `127.0.0.1:9479`")
    export_folder: Path | None = Field(None, description="where exports wait to be sent; else the system's")
    secrecy: SecrecySettings = Field(
        default_factory=lambda: SecrecySettings.model_validate({}), description="what who may see: docs/secrecy.md"
    )

    @model_validator(mode="after")
    def _is_safe(self) -> PortalConfig:
        if self.https is None and not self.is_local:
            text = f"listen = {self.listen!r} without [https]: only loopback may be listened on in plain text"
            raise ValueError(text)
        return self

    @property
    def is_local(self) -> bool:
        """Whether it listens on loopback alone."""
        return ipaddress.ip_address(endpoint_of(self.listen)[0]).is_loopback


def read_portal_config(path: Path) -> PortalConfig:
    """The configuration in a TOML file. Raises ValueError with what is wrong, where, and what would be right."""
    return checked_portal(read_toml(path, "docs/deploy.md has an example"), f"{path}: ")


checked_portal = partial(checked, PortalConfig)
"""A configuration from its data, as `checked`."""
