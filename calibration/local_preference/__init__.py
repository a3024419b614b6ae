"""Of the analysis `local-preference`."""

from __future__ import annotations

from calibration.local_preference import captures, disturbances, estimates, quiet

__all__ = ["captures", "disturbances", "estimates", "quiet"]
