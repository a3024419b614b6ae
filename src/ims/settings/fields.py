"""Types of settings, for pydantic's models: texts become numbers, or are refused in one line."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from ims.settings.durations import seconds
from ims.settings.endpoints import endpoint_of
from ims.settings.sizes import size


def _seconds(value: Any) -> Any:
    return seconds(value, "s m h d w", "1h", bare=True) if isinstance(value, str) else value


def _octets(value: Any) -> Any:
    return size(value) if isinstance(value, str) else value


def _endpoint(text: str) -> str:
    endpoint_of(text)
    return text


Seconds = Annotated[float, BeforeValidator(_seconds), Field(allow_inf_nan=False)]
"""A number of seconds, or a text such as `1h`."""
Octets = Annotated[int, BeforeValidator(_octets), Field(ge=0, le=1 << 50)]
"""A number of bytes, or a text such as `256M`."""
Endpoint = Annotated[str, AfterValidator(_endpoint)]
"""A text such as `127.0.0.1:9477`."""
