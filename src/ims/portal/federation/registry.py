"""The registry of sensors: a TOML file, read again when it changes. Entries pin certificates by serial numbers."""

from __future__ import annotations

import ipaddress
import os
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from ims.cause import cause
from ims.darknet import BLOCK_NAME, check_sensor_name
from ims.link.identity import Identity, check_identity
from ims.settings.toml import checked, read_toml

Name = Annotated[str, AfterValidator(check_sensor_name)]


class RegisteredBlock(BaseModel):
    """A block that a sensor monitors: `[[sensor.block]]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="public name, such as `C/24`")
    prefix: str = Field(description="CIDR; operators alone see it")

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        if BLOCK_NAME.fullmatch(name) is None:
            raise ValueError("expected letters, digits, '.', '_', '-' or '/'")
        return name

    @field_validator("prefix")
    @classmethod
    def _is_a_prefix(cls, prefix: str) -> str:
        ipaddress.IPv4Network(prefix)
        return prefix


class RegisteredSensor(BaseModel):
    """A sensor: `[[sensor]]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name = Field(description="name of the sensor, as in its certificate")
    address: str = Field(description="HOST:PORT of its query daemon")
    serial: str | None = Field(None, description="serial number of its certificate; required except on loopback")
    organisation: str = Field("", max_length=200, description="whose it is")
    time_zone: str = Field("UTC", description="where it is, such as `Europe/Vienna`")
    sensors: tuple[Name, ...] = Field((), description="names in its store besides its own, such as those of captures")
    block: tuple[RegisteredBlock, ...] = Field((), description="blocks that it monitors")

    @field_validator("address")
    @classmethod
    def _is_host_and_port(cls, address: str) -> str:
        host, colon, port = address.rpartition(":")
        is_port = port.isascii() and port.isdecimal() and 0 < int(port) < 1 << 16
        if not (colon and host and is_port and host.isprintable()) or "/" in host or " " in host:
            raise ValueError("expected HOST:PORT, such as sensor-a.example.net:9443")
        return address

    @field_validator("time_zone")
    @classmethod
    def _is_a_time_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("expected a time zone such as Europe/Vienna") from None
        return zone

    @model_validator(mode="after")
    def _is_pinned(self) -> RegisteredSensor:
        if self.serial is not None:
            check_identity("sensor", self.name, self.serial)
        elif not self.is_local:
            raise ValueError(f"sensor {self.name}: serial is missing: the serial number that `ims pki issue` printed")
        return self

    @property
    def host(self) -> str:
        """The address without its port."""
        return self.address.rpartition(":")[0].removeprefix("[").removesuffix("]")

    @property
    def port(self) -> int:
        """The port of its address."""
        return int(self.address.rpartition(":")[2])

    @property
    def names(self) -> tuple[str, ...]:
        """Names of sensors whose packets it may send: its own and those besides."""
        return tuple(dict.fromkeys((self.name, *self.sensors)))

    @property
    def endpoint(self) -> str:
        """The address, normalised: case, zeros, `localhost`, a trailing dot. No name is looked up, which takes long."""
        host = self.host.lower().removesuffix(".")
        with suppress(ValueError):
            address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
            host = str(getattr(address, "ipv4_mapped", None) or address)
        return f"{host} port {self.port}"

    @property
    def is_local(self) -> bool:
        """Whether it is on loopback."""
        try:
            return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def identity(self) -> Identity | None:
        """The certificate that it must have."""
        return None if self.serial is None else check_identity("sensor", self.name, self.serial)


EXPECTED = {
    "name": "a name for each sensor, in one entry",
    "serial": "one entry for a certificate",
    "address": "one entry for a query daemon",
}
"""What would be right where two entries have the same."""


class RegistryFile(BaseModel):
    """All sensors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sensor: tuple[RegisteredSensor, ...] = Field((), description="sensors")

    @model_validator(mode="after")
    def _are_all_different(self) -> RegistryFile:
        """One name, one certificate, one address, one entry: else its packets would count twice."""
        known: dict[tuple[str, str | None], int] = {}
        for number, sensor in enumerate(self.sensor, 1):
            keys = [*(("name", name) for name in sensor.names), ("address", sensor.endpoint), ("serial", sensor.serial)]
            for what, value in keys:
                other = known.setdefault((what, value), number) if value is not None else number
                if other != number:
                    entries = f"entries {other} ({self.sensor[other - 1].name!r}) and {number} ({sensor.name!r})"
                    raise ValueError(f"{entries} have one {what}, {value}; expected {EXPECTED[what]}")
        return self


class Registry:
    """The file as it is now. Thread-safe."""

    def __init__(self, path: Path) -> None:
        """Raises ValueError with what is wrong, where, and what would be right."""
        self._path, self._lock = path, threading.Lock()
        self._stamp = _stamp(path)
        self._sensors = checked_registry(read_toml(path, "docs/deploy.md has an example"), f"{path}: ").sensor
        self.problem: str | None = None
        """why the present file isn't used, but the one before"""

    def sensors(self) -> tuple[RegisteredSensor, ...]:
        """The sensors, from the present file, or as it was when it last could be read."""
        with self._lock:
            stamp = _stamp(self._path)
            if stamp != self._stamp:
                self._stamp = stamp
                try:
                    found = checked_registry(read_toml(self._path, ""), f"{self._path}: ").sensor
                except (ValueError, OSError) as error:
                    self.problem = cause(error)
                    structlog.get_logger().error("registry", problem=self.problem)
                else:
                    self._sensors, self.problem = found, None
                    structlog.get_logger().info("registry", sensors=[sensor.name for sensor in found])
            return self._sensors


checked_registry = partial(checked, RegistryFile)
"""A registry from its data, as `checked`."""


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        found = os.stat(path)  # noqa: PTH116  # one call
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
