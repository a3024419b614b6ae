"""Of the analysis `new-payloads`."""

from __future__ import annotations

from calibration.new_payloads import captures, delays

__all__ = ["captures", "delays"]
