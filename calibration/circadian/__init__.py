"""Of the analysis `circadian`."""

from __future__ import annotations

from calibration.circadian import captures, disturbances, estimates, quiet

__all__ = ["captures", "disturbances", "estimates", "quiet"]
