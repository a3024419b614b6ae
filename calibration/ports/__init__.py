"""Of the analysis `ports`."""

from __future__ import annotations

from calibration.ports import captures, disturbances, estimates, quiet

__all__ = ["captures", "disturbances", "estimates", "quiet"]
