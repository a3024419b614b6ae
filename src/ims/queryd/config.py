"""A query daemon's settings: one frozen model, read once from TOML."""

from __future__ import annotations

import ipaddress
from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from ims.darknet import check_sensor_name
from ims.process.tls import TlsConfig
from ims.settings.endpoints import endpoint_of
from ims.settings.fields import Endpoint, Octets
from ims.settings.toml import checked, read_toml


class QuerydConfig(BaseModel):
    """One query daemon."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    store: Path = Field(description="folder of the sensor's store")
    sensors: tuple[Annotated[str, AfterValidator(check_sensor_name)], ...] = Field(
        (), description="names of sensors in the store besides the certificate's, such as those of captures"
    )
    listen: Endpoint = Field("127.0.0.1:9443", description="address and port to listen on")
    tls: TlsConfig | None = Field(None, description="certificates; without them it listens on loopback only")
    user: str | None = Field(
        None, description="unprivileged user to become; `ims` if there is one, else `nobody`; `root` stays root"
    )
    running: int = Field(2, ge=1, le=64, description="questions that are answered at once; a short one besides")
    waiting: int = Field(64, ge=0, le=10_000, description="questions that may wait for their turn")
    waiting_each: int = Field(16, ge=1, le=10_000, description="of them, of one caller")
    memory: Octets = Field(
        1 << 30, ge=64 << 20,
        description="memory of questions, of answers on their way and of followers; the process has 400 MiB besides",
    )  # fmt: skip
    threads: int = Field(2, ge=1, le=256, description="threads for each question")
    listeners: int = Field(
        16, ge=1, le=1000,
        description="portals that may follow live; they share a quarter of `memory` up to 32 MiB, or an eighth up to "
        "64 MiB where that is more",
    )  # fmt: skip
    metrics: Endpoint | None = Field(None, description="address and port for Prometheus, such as `127.0.0.1:9478`")

    @model_validator(mode="after")
    def _is_safe(self) -> QuerydConfig:
        if self.tls is None and not ipaddress.ip_address(endpoint_of(self.listen)[0]).is_loopback:
            raise ValueError(f"listen = {self.listen!r} without [tls]: only loopback may be listened on in plain text")
        return self


def read_queryd_config(path: Path) -> QuerydConfig:
    """The configuration in a TOML file. Raises ValueError with what is wrong, where, and what would be right."""
    return checked_queryd(read_toml(path, "docs/deploy.md has an example"), f"{path}: ")


checked_queryd = partial(checked, QuerydConfig)
"""A configuration from its data, as `checked`."""
