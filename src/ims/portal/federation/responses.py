"""What came of a question to all sensors: who answered what, why the others are silent, and how long they worked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pyarrow as pa

from ims.link.contract import End
from ims.portal.federation.fault import Fault


@dataclass(frozen=True)
class Responses:
    """What came: parts and ends by sensor, and why the others are silent."""

    parts: Mapping[str, Mapping[str, pa.Table]]
    ends: Mapping[str, End]
    faults: Mapping[str, Fault]
    seconds: Mapping[str, float]
    shipped: frozenset[str] = frozenset()
    """names of sensors whose packets a lake told"""

    @property
    def worked(self) -> float:
        """Seconds that the one worked who worked longest, as each says: of a processor, for on a busy machine a short
        question takes long, too. Of older ones it counts how long they took, and how long one that was late was waited
        for; of others, who failed or never answered, nothing: it was no work of the question's."""
        said = {name: end.seconds if end.worked is None else end.worked for name, end in self.ends.items()}
        said |= {
            name: self.seconds.get(name, 0.0) if fault.worked is None else fault.worked
            for name, fault in self.faults.items()
            if fault.kind == "late"
        }
        return max((min(worked, self.seconds.get(name, worked)) for name, worked in said.items()), default=0.0)

    def without(self, name: str, fault: Fault) -> Responses:
        """The same, but that one didn't answer, and why."""
        parts = {other: tables for other, tables in self.parts.items() if other != name}
        ends = {other: end for other, end in self.ends.items() if other != name}
        return replace(self, parts=parts, ends=ends, faults={**self.faults, name: fault})
