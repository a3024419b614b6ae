"""What is said to a caller who asks for more than his role may see."""

from __future__ import annotations


class Forbidden(Exception):  # noqa: N818  (what the caller is told, not what went wrong)
    """One line: what isn't shown to this role, and what may be asked instead. It never holds an address."""


class Withheld(Forbidden):
    """That something isn't shown or isn't there, which of both isn't told: neither by the line nor by its time."""
