"""Settings of TLS: certificates between the machines of a deployment, and those for people's programs."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class TlsConfig(BaseModel):
    """Certificates of the deployment, as `ims pki issue` writes them: `[tls]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    certificate: Path = Field(description="this daemon's certificate")
    key: Path = Field(description="its private key; nobody else may read it")
    ca: Path = Field(description="the deployment's authority")
    revoked: Path = Field(description="list of revoked certificates; read again when it changes")


class HttpsConfig(BaseModel):
    """A certificate for people's programs, from any authority that they trust: `[https]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    certificate: Path = Field(description="certificate, with those in between")
    key: Path = Field(description="its private key; nobody else may read it")
