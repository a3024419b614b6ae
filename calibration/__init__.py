"""How often the intervals of analyses hold the truth: `make calibration` writes docs/calibration.md."""
