"""What is said of what can't be had: one line, with nothing in it that isn't the caller's."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from pathlib import Path

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, ValidationError

from ims.portal.api.errors import Ascii, later, refusal, refuse_in_one_line, sentence, without_places
from ims.query.errors import said_of

from .test_execute import SECRETS, TEXT, of_pydantic


def test_a_validator_s_words_are_ours() -> None:
    """Whatever it complains of, no value is in it, nor what it says itself."""
    error = of_pydantic().errors()[0]
    for fault in (error, {**error, "type": TEXT}, {**error, "type": "missing", "ctx": {"error": ValueError(TEXT)}}):
        assert not any(secret in said_of(fault) or secret in sentence([fault]) for secret in SECRETS)
        assert fault["msg"] not in said_of(fault)


ADDRESSES = st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address)
SAYINGS = [
    "connect to {}: refused",
    "{}",
    "({})",
    "{}:8815 is down",
    "no route to {}.",
    "{}, {} and {}/24",
    "is it {}?",
]


@given(st.sampled_from(SAYINGS), ADDRESSES)
def test_no_address_is_said_but_to_operators(saying: str, address: ipaddress.IPv4Address) -> None:
    line = saying.replace("{}", str(address))
    assert str(address) not in without_places(line)
    assert "(address)" in without_places(line)
    assert without_places(line, addresses=True) == line


@pytest.mark.parametrize(
    "line", ["version 1.2.3", "1.2.3.4.5", "ims 0.1.0, 24 h, 3.5 s.", "C/24 of https://x.example/a/b"]
)
def test_what_is_no_address_and_no_path_is_said(line: str) -> None:
    assert without_places(line) == line


@pytest.mark.parametrize("saying", ["open {}: denied", "'{}' is damaged", "{}", "in ({}), twice", "~{}"])
def test_no_path_of_this_machine_is_said_to_anybody(tmp_path: Path, saying: str) -> None:
    line = saying.format(tmp_path / "STORE" / "part-1.parquet")
    for addresses in (False, True):
        said = without_places(line, addresses)
        assert said == saying.replace("~", "").format("(path)")


@given(st.text(st.characters()))
def test_whatever_is_said_is_one_line_of_ascii_json(text: str) -> None:
    """Lone surrogates and what ends lines too."""
    found = refusal(400, text)
    assert found.body.isascii()
    body = json.loads(bytes(found.body))
    assert list(body) == ["error"]
    assert body["error"].isprintable()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda of: st.lists(of) | st.dictionaries(st.text(), of)
    )
)
def test_what_is_answered_is_what_a_reader_of_json_finds(content: object) -> None:
    assert json.loads(bytes(Ascii(content).body)) == content


@given(st.floats(0, 1e9))
def test_whoever_comes_again_when_told_comes_late_enough(seconds: float) -> None:
    told = int((later(seconds, "too many").headers or {})["Retry-After"])
    assert max(1, seconds) <= told < max(1, seconds) + 1


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: int
    label: str = ""


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "limit is missing"),
        ({"limit": 1, "lable": 2}, "unknown parameter 'lable'; see /api/v1/openapi.json"),
        ({"limit": 1, "x" * 500: 2}, f"unknown parameter {'x' * 80!r}; see /api/v1/openapi.json"),
        ({"limit": 1, "\x1b[2J": 2}, "unknown parameter '\\x1b[2J'; see /api/v1/openapi.json"),
    ],
)
def test_it_is_said_which_word_is_wrong(given: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError) as raised:
        _Asked.model_validate(given)
    assert sentence([{**error, "loc": ("body", *error["loc"])} for error in raised.value.errors()]) == says


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/none", 404), ("DELETE", "/there", 405), ("GET", "/there", 400)]
)
def test_what_the_framework_refuses_is_said_in_our_words(method: str, path: str, status: int) -> None:
    app, sent = FastAPI(), list[dict[str, object]]()

    @app.get("/there")
    def there(limit: int) -> None: ...

    refuse_in_one_line(app)
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
    }

    async def main() -> None:
        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": b""}

        async def send(message: object) -> None:
            assert isinstance(message, dict)
            sent.append(message)

        await app(scope, receive, send)  # type: ignore[arg-type]

    asyncio.run(main())
    begin, body = sent
    assert begin["status"] == status
    line = json.loads(body["body"])["error"]  # type: ignore[arg-type]
    assert line.endswith("see /api/v1/openapi.json") or line == "limit is missing"
