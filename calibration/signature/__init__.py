"""Of the analysis `signature`."""

from __future__ import annotations

from calibration.signature import captures, disturbances, estimates, quiet

__all__ = ["captures", "disturbances", "estimates", "quiet"]
