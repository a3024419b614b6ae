"""The portal's OpenAPI document without what is for people."""

from __future__ import annotations

from typing import Any

from ..portal.api.served import Served

TEXTS = {"description", "summary", "title", "example", "examples"}
NAMED = {
    "paths", "parameters", "responses", "content", "headers", "schemas", "securitySchemes", "requestBodies",
    "properties", "patternProperties", "$defs",
}  # fmt: skip
"""What stands under these has names that the API gives: one of them may be `title`, and is no text."""
VALUES = {"default", "const", "enum"}


def document(served: Served) -> Any:
    """The document that a portal serves, but for its title and the version of the program."""
    found = served.as_(None).get("/openapi.json").json()
    return without_texts({key: value for key, value in found.items() if key != "info"})


def without_texts(node: Any, key: str = "") -> Any:
    """The same without texts, and in an order of its own where none is meant. `key`: what it stands under."""
    if isinstance(node, list):
        kept = [without_texts(one) for one in node]
        if key == "required":
            return sorted(kept)
        return sorted(kept, key=lambda one: (one["in"], one["name"])) if key == "parameters" else kept
    if not isinstance(node, dict):
        return node
    if key in NAMED:
        return {name: without_texts(one) for name, one in node.items()}
    return {
        name: one if name in VALUES else without_texts(one, name) for name, one in node.items() if name not in TEXTS
    }
