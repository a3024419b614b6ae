"""No word of a library, an engine or another machine is in an answer: secrets are planted wherever a message may quote."""

from __future__ import annotations

import hashlib
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
from ims.portal.api.refusals import FAULT, UNANSWERED, sentence
from ims.portal.fault import SAID, Fault, fault_of
from ims.portal.gate import Event, Limits
from ims.query.question import about
from ims.query.request import make_request
from ims.query.verbs import MOST_DETAILED
from ims.query.wrong import LaterError, QuestionError, UnansweredError, said_of
from ims.queryd.service import _said
from ims.stores_backend import StoresAsked

from ...effort import exhaustive
from ...stores import MIDNIGHT, ingest, udp, write_pcap
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
    _, flight, refusal, text = _said(FOREIGN[kind](), [], False)
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


def test_a_validator_s_words_are_ours() -> None:
    """Whatever it complains of, no value is in it, nor what it says itself."""
    error = of_pydantic().errors()[0]
    for given in (error, {**error, "type": TEXT}, {**error, "type": "missing", "ctx": {"error": ValueError(TEXT)}}):
        assert not any(secret in said_of(given) or secret in sentence([given]) for secret in SECRETS)
        assert given["msg"] not in said_of(given)


@pytest.mark.parametrize(
    "words",
    [
        {"limit": "a"}, {"limit": 0}, {"limit": 10**30}, {"limit": None, "filter": 5}, {"filter": "\ud800"}, {"bin": 5, "since": []},
        {"per_24": TEXT}, {"metric": [TEXT]}, {TEXT: 1}, {"since": {"a": TEXT}}, {"group": "x" * 65},
    ],
)  # fmt: skip
def test_words_that_are_none_are_answered_in_ours(planted: Planted, words: dict[str, Any]) -> None:
    body, headers = json.dumps(words).encode(), {"Content-Type": "application/json"}
    line = refused(planted.served.as_("analyst").post("/query/series", content=body, headers=headers), 400)
    for foreign in ("Input should", "should be", "Value error", "String", "validation", "pydantic"):
        assert foreign not in line


# Payloads are looked up a few at a time: a question that named more would be refused, and quote them.


def lookup_in(store: Path) -> Any:
    def lookup(signatures: list[bytes]) -> dict[bytes, bytes]:
        with StoresAsked([store], make_request("payloads", None), None, 1) as asked:
            [rows] = asked.run(asked.about("payload_bytes", "signature", signatures))
        return {row["signature"]: row["payload"] for row in rows.to_pylist()}

    return lookup


SPACING_NS = 10_000_000


def store_of(folder: Path, many: int, signatures: int) -> Path:
    packets = [
        (
            MIDNIGHT + at * SPACING_NS,
            udp(0x0800_0000 + at, 0xC633_6400 + at % 256, 53, b"payload %d" % (at % signatures)),
        )
        for at in range(many)
    ]
    return ingest(folder / "STORE", write_pcap(folder / "many.pcap", packets))


def test_more_signatures_than_a_question_may_name_are_shown(tmp_path: Path) -> None:
    store = store_of(tmp_path, MOST_DETAILED + 500, MOST_DETAILED + 300)
    with world(tmp_path / "world", store, octets=lookup_in(store)) as served:
        reply = served.as_("analyst").get(f"/query/packets?limit={MOST_DETAILED + 400}")
        rows = reply.json()["rows"]
        assert len(rows) == MOST_DETAILED + 400
        assert len({row["signature"] for row in rows}) == MOST_DETAILED + 300
        assert rows[0]["signature"] == hashlib.md5(b"payload 0").hexdigest()
        found = served.as_("analyst").get(f"/query/top?column=signature&limit={MOST_DETAILED + 300}").json()["rows"]
        assert len(found) == MOST_DETAILED + 300


def test_a_bin_with_more_signatures_than_are_asked_for_is_refused_not_left_out(tmp_path: Path) -> None:
    store = store_of(tmp_path, 250, 250)  # 100 in a second
    with world(tmp_path / "world", store, octets=lookup_in(store)) as served:

        def rows(limit: int) -> Any:
            reply = served.as_("analyst").get(f"/query/series?group=signature&bin=1s&limit={limit}")
            return reply.json() if reply.status_code == 403 else len(reply.json()["rows"])

        assert "more than 90 signatures" in rows(90)["error"]
        assert [rows(limit) for limit in (100, 150, 200, 250, 300)] == [100, 100, 200, 250, 250]


@exhaustive
@pytest.mark.parametrize(
    ("path", "many"),
    [
        ("/query/packets?limit=100000", 100_000),
        ("/query/top?column=source&limit=100000", 100_000),
        ("/query/top?column=signature&limit=100000", 100_000),
        ("/query/series?group=source&bin=1d&limit=100000", 100_000),
        ("/query/series?group=signature&bin=100s&limit=100000", 100_000),
        ("/query/sources?limit=10000", 10_000),
        ("/query/payloads?limit=10000", 10_000),
    ],
)
def test_analysts_get_as_many_rows_as_are_promised(
    hundred_thousand: Path, tmp_path: Path, path: str, many: int
) -> None:
    limits = Limits(seconds={"analyst": 600})  # however busy the machine is: 19 s of one core alone
    with world(tmp_path, hundred_thousand, octets=lookup_in(hundred_thousand), limits=limits) as served:
        reply = served.as_("analyst").get(path)
        assert reply.status_code == 200, reply.text[:300]
        assert len(reply.json()["rows"]) == many


@pytest.fixture(scope="module")
def hundred_thousand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store_of(tmp_path_factory.mktemp("many"), 103_000, 103_000)
