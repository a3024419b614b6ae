"""Tests of calibration/ports."""
