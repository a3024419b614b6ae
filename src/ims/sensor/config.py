"""Settings of a sensor: one frozen model, read once from TOML or made from the command line.

Every setting is a line here: its name, type, default and description.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ims.darknet import Block, Darknet, check_sensor_name
from ims.respond.policy_text import DEFAULT_LIMIT, MOST_LIMIT, PASSIVE, policy_text
from ims.settings.durations import duration
from ims.settings.fields import Endpoint, Octets
from ims.settings.toml import read_toml, sentence
from ims.unwrap import KEPT, TUNNELS, unwrap_of

Policy = Literal["silent", "synack", "ack", "reset"]


def _rate(value: Any) -> Any:
    return None if value == "none" else value


def _valid(check: Callable[[Any], object]) -> AfterValidator:
    """Keeps a value for which `check` raises no ValueError."""

    def validate(value: Any) -> Any:
        check(value)
        return value

    return AfterValidator(validate)


def _networks(prefixes: tuple[str, ...]) -> list[ipaddress.IPv4Network]:
    return [ipaddress.IPv4Network(prefix) for prefix in prefixes]


Age = Annotated[str, _valid(partial(duration, units="h d w y", example="90d"))]
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

    name: Annotated[str, _valid(check_sensor_name)] = Field(description="name of the sensor in the store")
    store: Path = Field(description="folder of the store; made if there is none")
    interfaces: tuple[str, ...] = Field(min_length=1, description="interfaces to watch")
    block: tuple[BlockConfig, ...] = Field(min_length=1, description="monitored blocks")
    respond: bool = Field(True, description="answer at all; `false` only watches")
    workers: int = Field(1, ge=1, le=64, description="threads that take packets from each interface")
    user: str | None = Field(
        None, description="unprivileged user to become; `ims` if there is one, else `nobody`; `root` stays root"
    )
    arp: bool = Field(False, description="answer ARP for dark addresses: where the block is on-link")
    unwrap: Annotated[tuple[str, ...], _valid(unwrap_of)] = Field(
        (), description=f"tunnels to take off: {TUNNELS}; {KEPT}"
    )
    promiscuous: bool = Field(False, description="take frames to other machines too, as from a mirror port")
    reply_limit: Rate = Field(500, description="replies a second to an address, ten times as many to a /24; or `none`")
    global_limit: Rate = Field(100_000, description="replies a second in all, or `none`")
    private_sources: bool = Field(False, description="answer sources of RFC 1918 too")
    exclude: Annotated[tuple[str, ...], _valid(_networks)] = Field(
        (), description="prefixes of sources that are never answered"
    )
    data_limit: Octets = Field(
        DEFAULT_LIMIT, le=MOST_LIMIT, description="bytes of a connection to acknowledge before we close"
    )
    ring: Octets = Field(64 << 20, ge=4 << 20, le=1 << 32, description="memory of each ring, for what waits")
    journal_interval: float = Field(0.5, ge=0.1, le=60, description="seconds after which everything is safe on disk")
    cache_signatures: int = Field(1_000_000, ge=1, le=1 << 28, description="payloads remembered a day; 48 bytes each")
    payload_budget: Octets = Field(1 << 30, description="bytes an hour of payloads kept once the cache is full")
    keep_age: Age | None = Field(None, description="drop hours older than this, such as `90d`")
    keep_size: Octets | None = Field(None, description="drop the oldest hours beyond this, such as `500G`")
    keep_until_shipped: bool = Field(False, description="drop only what `ims ship` has copied and read back")
    keep_free: Octets = Field(
        256 << 20, description="free disk below which packets are not stored; payloads are not below twice that"
    )
    metrics: Endpoint | None = Field(None, description="address and port for Prometheus, such as `127.0.0.1:9477`")

    def darknet(self) -> Darknet:
        """The blocks. Raises ValueError where they overlap or one isn't a prefix."""
        return Darknet(Block.parse(f"{block.name}={block.prefix}") for block in self.block)

    def excluded(self) -> list[ipaddress.IPv4Network]:
        """`exclude` as networks."""
        return _networks(self.exclude)

    def policies(self) -> dict[str, str]:
        """Each block's policy in coverage: what it answers (respond/policy_text.py), `passive` where nothing does."""
        echoing = {block.name for block in self.block if block.echo}
        return {
            block.name: policy_text(block.policy, block.name in echoing, self.data_limit) if self.respond else PASSIVE
            for block in self.block
        }


def read_config(path: Path) -> SensorConfig:
    """The configuration in a TOML file. Raises ValueError with what is wrong, where, and what would be right."""
    return checked(read_toml(path, "docs/sensor.md has an example"), f"{path}: ")


def checked(data: Mapping[str, Any], where: str = "") -> SensorConfig:
    """A configuration from its data. Raises ValueError for the first error, with `where` before it."""
    try:
        config = SensorConfig.model_validate(data)
    except ValidationError as error:
        raise ValueError(where + sentence(error, data, SensorConfig)) from None
    try:
        config.darknet()
    except ValueError as error:
        raise ValueError(f"{where}{error}") from None
    return config
