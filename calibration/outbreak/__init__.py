"""Of the analysis `outbreak`."""

from __future__ import annotations

from calibration.outbreak import captures, disturbances, estimates, quiet

__all__ = ["captures", "disturbances", "estimates", "quiet"]
