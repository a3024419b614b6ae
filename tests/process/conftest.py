"""The capture that tests of a sensor have, too."""

from __future__ import annotations

from ..sensor.conftest import sample

__all__ = ["sample"]
