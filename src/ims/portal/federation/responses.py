"""The responses to a question to all sensors: the answers, why other sensors are silent, and how long they worked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pyarrow as pa

from ims.link.contract import End
from ims.portal.federation.fault import Fault


@dataclass(frozen=True)
class Responses:
    """Parts and ends by sensor, and why the others are silent."""

    parts: Mapping[str, Mapping[str, pa.Table]]
    ends: Mapping[str, End]
    faults: Mapping[str, Fault]
    seconds: Mapping[str, float]
    shipped: frozenset[str] = frozenset()
    """names of sensors whose packets come from a lake"""

    @property
    def worked(self) -> float:
        """The longest work of one sensor, in seconds of processor time, as each says: on a busy machine a short
        question takes long, too. Older sensors count with the time that they took, late ones with the time that they
        were waited for, and those that failed or never answered not at all."""
        works = {name: end.seconds if end.worked is None else end.worked for name, end in self.ends.items()}
        for name, fault in self.faults.items():
            if fault.kind == "late":
                works[name] = self.seconds.get(name, 0.0) if fault.worked is None else fault.worked
        return max((min(worked, self.seconds.get(name, worked)) for name, worked in works.items()), default=0.0)

    def without(self, name: str, fault: Fault) -> Responses:
        """The same, but that one didn't answer, and why."""
        parts = {other: tables for other, tables in self.parts.items() if other != name}
        ends = {other: end for other, end in self.ends.items() if other != name}
        return replace(self, parts=parts, ends=ends, faults={**self.faults, name: fault})
