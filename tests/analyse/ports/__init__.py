"""Tests of ims/analyse/ports."""
