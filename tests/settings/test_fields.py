"""Types of settings: what people write, as a model has it."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from ims.settings.fields import Endpoint, Octets, Seconds


class Settings(BaseModel):
    """One of each."""

    wait: Seconds = 1.0
    room: Octets = 1
    listen: Endpoint = "127.0.0.1:1"


def test_texts_and_numbers_are_taken() -> None:
    found = Settings.model_validate({"wait": "1.5h", "room": "64M", "listen": "[::1]:80"})
    assert (found.wait, found.room, found.listen) == (5400.0, 64 << 20, "[::1]:80")
    found = Settings.model_validate({"wait": 90, "room": 64})
    assert (found.wait, found.room) == (90.0, 64)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"wait": "1y"}, "a number of seconds, or one with s, m, h, d or w, such as 1h"),
        ({"wait": "9" * 400}, "less than 30,000 years"),
        ({"wait": float("nan")}, "finite number"),
        ({"wait": [1]}, "valid number"),
        ({"room": "64Q"}, "a number of bytes, or one with K, M, G or T"),
        ({"room": "9999T"}, "less than or equal"),
        ({"room": -1}, "greater than or equal"),
        ({"listen": "localhost:80"}, "an address and a port"),
        ({"listen": "127.0.0.1"}, "an address and a port"),
        ({"listen": "127.0.0.1:0"}, "an address and a port"),
        ({"listen": "127.0.0.1:65536"}, "an address and a port"),
        ({"listen": 80}, "valid string"),
    ],
)
def test_what_will_not_do_is_refused(words: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Settings.model_validate(words)
