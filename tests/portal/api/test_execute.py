"""No word of a library, an engine or another machine is in an answer: secrets are planted wherever a message may quote."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import httpx
import pyarrow as pa
import pyarrow.flight as fl
import pytest
from pydantic import BaseModel, Field, ValidationError

import ims
from ims.portal.api.errors import FAULT, UNANSWERED
from ims.portal.federation.fault import SAID, Fault, fault_of
from ims.portal.services import Event
from ims.query.errors import LaterError, QuestionError, UnansweredError
from ims.query.question import about
from ims.query.request import make_request
from ims.queryd.service import failure

from .served import Served, refused, world
from .test_verbs import Halves

SECRETS = ("198.51.100.77", "a0aa4a74b70cbca5a03960df1a3dc878", "/srv/darknet/telescope", "c633644d", "3325256781")
TEXT = " and ".join(SECRETS)


class _Strict(BaseModel):
    signatures: list[int] = Field(max_length=1)


def of_pydantic() -> ValidationError:
    with pytest.raises(ValidationError) as raised:
        _Strict.model_validate({"signatures": [TEXT]})
    assert SECRETS[0] in str(raised.value)
    return raised.value


def too_many_signatures() -> ValidationError:
    """What a question of more signatures than it may name raises."""
    with pytest.raises(ValidationError) as raised:
        about("payload_bytes", make_request("payloads", None), "signature", [bytes.fromhex(SECRETS[1])] * 10_001)
    assert SECRETS[1][:8] in str(raised.value)
    return raised.value


FOREIGN: dict[str, Any] = {
    "pydantic": of_pydantic,
    "too many signatures": too_many_signatures,
    "duckdb": lambda: duckdb.IOException(f"IO Error: {TEXT}"),
    "duckdb's binder": lambda: duckdb.BinderException(f"Binder Error: {TEXT}"),
    "arrow": lambda: pa.ArrowInvalid(TEXT),
    "flight": lambda: fl.FlightInternalError(TEXT),
    "json": lambda: json.JSONDecodeError(TEXT, TEXT, 3),
    "text": lambda: UnicodeDecodeError("utf-8", TEXT.encode(), 1, 2, TEXT),
    "python": lambda: ValueError(TEXT),
    "key": lambda: KeyError(TEXT),
    "the system": lambda: OSError(5, TEXT, "/srv/darknet/telescope"),
    "a file": lambda: FileNotFoundError(2, TEXT, "/srv/darknet/telescope"),
    "late": lambda: TimeoutError(TEXT),
    "memory": lambda: MemoryError(TEXT),
    "Python's depth": lambda: RecursionError(TEXT),
}
ASKED = ("/query/count", f"/query/count?filter=signature%20{SECRETS[1][::-1]}", f"/payloads/{SECRETS[1][::-1]}")


def assert_says_nothing(response: httpx.Response) -> None:
    for secret in SECRETS:
        assert secret not in response.text
        assert secret not in str(response.headers)


class Failing(Halves):
    def payload(self, signature: str) -> bytes:
        raise self.error or AssertionError

    def write(self, *_words: Any, **_named: Any) -> Any:
        raise self.error or AssertionError


class Planted(NamedTuple):
    served: Served
    telescope: Failing
    look_up: list[Exception]


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory, one_store: Path) -> Iterator[Planted]:
    telescope, look_up = Failing(ims.open(one_store), {}), [Exception()]

    def failing(_signatures: list[bytes]) -> dict[bytes, bytes]:
        raise look_up[0]

    with world(tmp_path_factory.mktemp("planted"), one_store, telescope=telescope, octets=failing) as served:
        yield Planted(served, telescope, look_up)


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_others_say_is_in_no_answer(planted: Planted, kind: str) -> None:
    """Whether the telescope fails or the look-up of payloads does."""
    planted.telescope.error = planted.look_up[0] = FOREIGN[kind]()
    for role in ("viewer", "analyst", "operator"):
        for path in ASKED:
            response = planted.served.as_(role).get(path)
            assert_says_nothing(response)
            if response.status_code not in (403, 404):
                known = (FAULT, UNANSWERED, "the question needs more memory")
                assert response.json()["error"].startswith(known), response.text


@pytest.mark.parametrize(
    ("error", "status"),
    [(QuestionError("ask for less"), 400), (UnansweredError("nobody"), 503), (LaterError("ask again"), 503)],
)
def test_what_we_say_is_said(planted: Planted, error: Exception, status: int) -> None:
    planted.telescope.error = error
    response = planted.served.as_("analyst").get("/query/count")
    refused(response, status, str(error))
    assert ("Retry-After" in response.headers) is isinstance(error, LaterError)


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_others_say_is_in_no_export(planted: Planted, kind: str) -> None:
    planted.telescope.error = FOREIGN[kind]()
    for format in ("pcap", "csv"):
        response = planted.served.as_("operator").post(f"/export/{format}", json={})
        assert_says_nothing(response)
        assert response.status_code in (400, 500, 503)
        assert response.json()["error"].startswith((FAULT, UNANSWERED, "the question needs more memory"))


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_others_say_is_in_no_event(tmp_path: Path, one_store: Path, kind: str) -> None:
    """The stream ends where its news fail, after what there was."""

    async def failing(_role: str) -> AsyncIterator[Event]:
        yield Event("packets", {"block": "C/24", "packets": 3})
        raise FOREIGN[kind]()

    with world(tmp_path / "portal", one_store, events=failing) as served:
        for role in ("viewer", "analyst", "operator"):
            found = served.raw(
                f"GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {served.world.tokens[role]}\r\n\r\n".encode()
            )
            assert b"event: packets" in found
            assert not any(secret.encode() in found for secret in SECRETS)


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_daemon_says_none_of_it_to_a_portal(kind: str) -> None:
    _, flight, refusal, text = failure(FOREIGN[kind](), [], False)
    assert not any(secret in text for secret in SECRETS)
    fault = fault_of(flight(f"ims:{refusal}: {text}"))
    assert not any(secret in fault.text for secret in SECRETS)


@pytest.mark.parametrize("kind", sorted(SAID))
def test_what_a_daemon_says_of_its_own_is_for_operators(kind: str) -> None:
    """One of an earlier version, or one that isn't ours any more."""
    for text in (TEXT, f"the answer has more than 10 rows {TEXT}", f"1 validation error for Question {TEXT}"):
        fault = fault_of(fl.FlightServerError(f"ims:{kind}: {text}"))
        assert isinstance(fault, Fault)
        assert fault.text == SAID[kind]
        assert SECRETS[0] in fault.detail


# Payloads are looked up a few at a time: a question that named more would be refused, and quote them.
