"""What a sensor is told: one frozen model, read once from TOML or made from the command line.

Every setting is a line here: its name, what it may be, its default, its sentence (docs/sensor.md is held to them).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from ims.darknet import Block, Darknet, check_sensor_name
from ims.settings.durations import duration
from ims.settings.fields import Endpoint, Octets
from ims.settings.toml import read_toml, sentence
from ims.unwrap import KEPT, TUNNELS, unwrap_of

Policy = Literal["silent", "synack", "ack", "reset"]


def _rate(value: Any) -> Any:
    return None if value == "none" else value


Rate = Annotated[Annotated[float, Field(gt=0, le=1e9)] | None, BeforeValidator(_rate)]
"""A second; `none`: no limit."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BlockConfig(_Model):
    """A monitored block: `[[block]]`."""

    name: str = Field(description="public name, such as `C/24`; several prefixes may share one")
    prefix: str = Field(description="CIDR")
    policy: Policy | dict[str, Policy] = Field(
        "ack", description="what is answered: a policy, or a table of port ranges with `default`"
    )
    echo: bool = Field(False, description="answer ICMP echo")


class SensorConfig(_Model):
    """One sensor."""

    name: str = Field(description="name of the sensor in the store")
    store: Path = Field(description="folder of the store; made if there is none")
    interfaces: tuple[str, ...] = Field(min_length=1, description="interfaces to watch")
    block: tuple[BlockConfig, ...] = Field(min_length=1, description="monitored blocks")
    respond: bool = Field(True, description="answer at all; `false` only watches")
    workers: int = Field(1, ge=1, le=64, description="threads that take packets from each interface")
    user: str | None = Field(
        None, description="unprivileged user to become; `ims` if there is one, else `nobody`; `root` stays root"
    )
    arp: bool = Field(False, description="answer ARP for dark addresses: where the block is on-link")
    unwrap: tuple[str, ...] = Field((), description=f"tunnels to take off: {TUNNELS}; {KEPT}")
    promiscuous: bool = Field(False, description="take frames to other machines too, as from a mirror port")
    reply_limit: Rate = Field(500, description="replies a second to an address, ten times as many to a /24; or `none`")
    global_limit: Rate = Field(100_000, description="replies a second in all, or `none`")
    private_sources: bool = Field(False, description="answer sources of RFC 1918 too")
    exclude: tuple[str, ...] = Field((), description="prefixes of sources that are never answered")
    data_limit: Octets = Field(65_536, le=1 << 24, description="bytes of a connection to acknowledge before we close")
    ring: Octets = Field(64 << 20, ge=4 << 20, le=1 << 32, description="memory of each ring, for what waits")
    journal_interval: float = Field(0.5, ge=0.1, le=60, description="seconds after which everything is safe on disk")
    cache_signatures: int = Field(1_000_000, ge=1, le=1 << 28, description="payloads remembered a day; 48 bytes each")
    payload_budget: Octets = Field(1 << 30, description="bytes an hour of payloads kept once the cache is full")
    keep_age: str | None = Field(None, description="drop hours older than this, such as `90d`")
    keep_size: Octets | None = Field(None, description="drop the oldest hours beyond this, such as `500G`")
    keep_until_shipped: bool = Field(False, description="drop only what `ims ship` has copied and read back")
    keep_free: Octets = Field(
        256 << 20, description="free disk below which packets are not stored; payloads are not below twice that"
    )
    metrics: Endpoint | None = Field(None, description="address and port for Prometheus, such as `127.0.0.1:9477`")

    @field_validator("name")
    @classmethod
    def _may_name_a_sensor(cls, name: str) -> str:
        return check_sensor_name(name)

    @field_validator("unwrap")
    @classmethod
    def _are_tunnels(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        unwrap_of(words)
        return words

    @field_validator("exclude")
    @classmethod
    def _are_prefixes(cls, prefixes: tuple[str, ...]) -> tuple[str, ...]:
        for prefix in prefixes:
            ipaddress.IPv4Network(prefix)
        return prefixes

    @field_validator("keep_age")
    @classmethod
    def _is_an_age(cls, age: str | None) -> str | None:
        if age is not None:
            duration(age, "h d w y", "90d")
        return age

    def darknet(self) -> Darknet:
        """The blocks. Raises ValueError where they overlap or one is no prefix."""
        return Darknet(Block.parse(f"{block.name}={block.prefix}") for block in self.block)

    def excluded(self) -> list[ipaddress.IPv4Network]:
        """`exclude` as networks."""
        return [ipaddress.IPv4Network(prefix) for prefix in self.exclude]


def read_config(path: Path) -> SensorConfig:
    """The configuration in a TOML file. Raises ValueError with what is wrong, where, and what would be right."""
    return checked(read_toml(path, "docs/sensor.md has an example"), f"{path}: ")


def checked(data: Mapping[str, Any], where: str = "") -> SensorConfig:
    """A configuration from its data. Raises ValueError for the first thing that is wrong; `where` comes before it."""
    try:
        config = SensorConfig.model_validate(data)
    except ValidationError as error:
        raise ValueError(where + sentence(error, data, SensorConfig)) from None
    try:
        config.darknet()
    except ValueError as error:
        raise ValueError(f"{where}{error}") from None
    return config
