"""Which settings a running sensor changes when it reads them again, and which wait for its next start."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ims.sensor.config import SensorConfig

CHANGEABLE = ("block", "exclude", "private_sources")
"""Settings that SIGHUP changes."""


def taken_up(now: SensorConfig, read: SensorConfig) -> SensorConfig:
    """The settings from now on."""
    return now.model_copy(update={name: getattr(read, name) for name in CHANGEABLE})


def waiting(now: SensorConfig, read: SensorConfig) -> Iterator[tuple[str, str, str]]:
    """Each setting that differs and needs a restart: its name, its value now, and the one that was read."""
    for name in SensorConfig.model_fields:
        before, after = getattr(now, name), getattr(read, name)
        if name not in CHANGEABLE and before != after:
            yield name, _written(before), _written(after)


def _written(value: Any) -> str:
    """As the file would have it, sizes in bytes."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return f"[{', '.join(map(repr, value))}]" if isinstance(value, tuple) else str(value)
