"""An image of a system, in which the tests install."""

from __future__ import annotations

from .image import image

__all__ = ["image"]
