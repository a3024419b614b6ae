"""A portal asked from afar: the verbs of `ims.open`, answered over HTTPS (docs/api.md)."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import os
import re
import socket
import ssl
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urlsplit

import httpx
import pyarrow as pa

from ims.query.answer import Answer, AnswerRecord
from ims.query.errors import QuestionError
from ims.query.language.errors import FilterError
from ims.query.moment import moment
from ims.query.verbs import VERBS, VerbName
from ims.text import one_line, printable
from ims.verb_methods import Moment, VerbMethods

if TYPE_CHECKING:
    from ims.export import ExportReport
    from ims.query.request import Request

ARROW = "application/vnd.apache.arrow.stream"
METADATA = b"ims.answer"
CONNECT_SECONDS, ANSWER_SECONDS = 10.0, 3600.0
_IN_FILTER = re.compile(r"filter, column (\d+): (.*)", re.DOTALL)


class PortalBackend:
    """A Backend (ims.backend) over HTTPS. `url`: `https://HOST[:PORT][/PATH]`; plain http to this machine only.
    `token`: see `POST /tokens` in docs/api.md. `ca`: certificates in PEM to trust in place of the system's. What the
    portal refuses raises ValueError with its one line; OSError where it can't be reached or has a fault.
    """

    def __init__(self, url: str, token: str, *, ca: str | Path | None = None, seconds: float = ANSWER_SECONDS) -> None:
        plain = _check(url)
        if not is_token(token):
            raise ValueError("invalid token: expected one line of letters, digits and signs")
        self._url = url.rstrip("/")
        self._client = httpx.Client(
            base_url=f"{self._url}/api/v1/",
            headers={"Authorization": f"Bearer {token}", "User-Agent": "ims"},
            verify=_trusting_system() if ca is None else _trusting(ca),
            timeout=httpx.Timeout(seconds, connect=CONNECT_SECONDS),
            trust_env=not plain,  # a proxy would be plain http's way off this machine
        )
        self._closed = weakref.finalize(self, self._client.close)

    def run(self, request: Request) -> Answer:
        """As Backend."""
        return self.answer(request.verb, _words_of(request))

    def hours(self, request: Request) -> list[tuple[int, int]]:
        """As Backend: of what the portal shows to this caller, the hours in which it may be that something came."""
        words = {name: value for name, value in _words_of(request).items() if name in ("filter", "since", "until")}
        table = self.answer("series", words | {"bin": "1h"}).table
        begins, packets = table.column("time").cast(pa.int64()), table.column("value")
        each = zip(begins.to_pylist(), packets.to_pylist(), strict=True)
        return [(begin, many or 0) for begin, many in each if many != 0]

    def record(self, request: Request) -> AnswerRecord:
        """As Backend."""
        words = {name: value for name, value in _words_of(request).items() if name in ("since", "until")}
        return self.answer("coverage", words).record

    def answer(self, verb: str, words: dict[str, Any]) -> Answer:
        """The answer to a verb's words, as the API takes them."""
        with self._asked("POST", f"query/{verb}", json=words, headers={"Accept": ARROW}) as response:
            octets = response.read()
        try:
            table = pa.ipc.open_stream(octets).read_all()
            table.validate(full=True)
            record = _record(json.loads(table.schema.metadata[METADATA]))
        except (pa.ArrowInvalid, ValueError, TypeError, KeyError) as error:
            raise OSError(f"{self._url} answered what is no answer of a portal") from error
        return Answer(table.replace_schema_metadata(None), record)

    def payload(self, signature: str) -> bytes:
        """As Backend."""
        digits, _, number = signature.lower().partition("/")
        if re.fullmatch(r"[0-9a-f]{6,32}", digits) is None or re.fullmatch(r"([1-9][0-9]{0,3})?", number) is None:
            raise ValueError(f"signature {signature!r}: expected 6 to 32 hex digits")
        with self._asked("GET", f"payloads/{digits}", params={"number": number} if number else {}) as response:
            return response.read()

    def write(
        self, request: Request, out: str | Path | BinaryIO, format: str = "pcap", link: str = "raw"
    ) -> ExportReport:
        """As Backend."""
        words = {name: value for name, value in _words_of(request).items() if name in ("filter", "since", "until")}
        return self.written(words, out, format, link)

    def written(self, words: dict[str, Any], out: str | Path | BinaryIO, format: str, link: str) -> ExportReport:
        """A file of what the API exports for these words."""
        from ims.export import ExportReport, check_written, opened

        check_written(format, link)
        words |= {} if link == "raw" else {"link": link}
        with opened(out) as file, self._asked("POST", f"export/{format}", json=words) as response:
            for piece in response.iter_bytes():
                file.write(piece)
            report = json.loads(response.headers["X-IMS-Report"])
        known = {field.name for field in dataclasses.fields(ExportReport)}
        return ExportReport(**{name: value for name, value in report.items() if name in known})

    @contextmanager
    def _asked(self, method: str, path: str, **words: Any) -> Iterator[httpx.Response]:
        """The portal's response, if it is one."""
        try:
            with self._client.stream(method, path, **words) as response:
                if not response.is_success:
                    raise self._refusal(response, (words.get("json") or {}).get("filter"))
                yield response
        except httpx.TimeoutException:
            raise TimeoutError(f"{self._url} didn't answer in time") from None
        except httpx.HTTPError as error:
            raise OSError(f"{self._url} {_unreached(error)}") from error

    def _refusal(self, response: httpx.Response, filter: str | None) -> Exception:
        try:
            said = one_line(json.loads(response.read()[: 1 << 16])["error"])
        except (ValueError, TypeError, KeyError):
            said = f"{self._url} answered {response.status_code} {printable(response.reason_phrase)}; is it a portal?"
            return OSError(said)
        if not response.is_client_error:
            return OSError(f"{self._url}: {said}")
        found = _IN_FILTER.fullmatch(said)
        if found is not None and filter is not None:
            return FilterError(found[2], filter, int(found[1]))
        after = response.headers.get("Retry-After", "")
        return ValueError(
            said + (f"; try again in {after} s" if response.status_code == 429 and after.isdigit() else "")
        )

    def close(self) -> None:
        """Close the connections; they are too when nobody holds the backend any more."""
        self._closed()


class RemoteTelescope(VerbMethods):
    """A portal, opened for questions: the verbs of ims.telescope.Telescope, with the same words and answers. The rest
    is as in PortalBackend. Words go as they are given, and the portal makes the question of them: it may know more."""

    backend: PortalBackend

    def __init__(self, url: str, token: str, *, ca: str | Path | None = None, seconds: float = ANSWER_SECONDS) -> None:
        super().__init__(PortalBackend(url, token, ca=ca, seconds=seconds))

    def _question(self, verb: VerbName, filter: str | None, **words: Any) -> Answer:
        given = {_NAMES.get((verb, name), name): value for name, value in words.items()}
        return self.backend.answer(verb, _words(filter=filter, **given))

    def export(
        self,
        out: str | Path | BinaryIO,
        format: str = "pcap",
        filter: str | None = None,
        *,
        since: Moment = None,
        until: Moment = None,
        link: str = "raw",
    ) -> ExportReport:
        """As VerbMethods."""
        return self.backend.written(_words(filter=filter, since=since, until=until), out, format, link)


_UNTRUSTED = {
    9: "it isn't valid yet", 10: "it has ended", 18: "it is its own authority",
    19: "its authority isn't known here", 20: "its authority isn't known here", 21: "its authority isn't known here",
    23: "it was revoked", 62: "it is for another name", 64: "it is for another address",
}  # fmt: skip
"""OpenSSL's numbers of what is wrong with a certificate (x509_vfy.h)."""


def _unreached(error: httpx.HTTPError) -> str:
    """Why a portal can't be asked, by what the system and TLS say."""
    beneath: BaseException | None = error
    while beneath is not None and not isinstance(beneath, OSError):
        beneath = beneath.__cause__ or beneath.__context__
    match beneath:
        case ssl.SSLCertVerificationError():
            why = _UNTRUSTED.get(beneath.verify_code, "something is wrong with it")
            return (
                f"shows a certificate that isn't trusted: {why}; "
                "give its authority's, in PEM (ca, --ca), or have this machine trust it"
            )
        case ssl.SSLError():
            return "can't be reached: what answers there doesn't speak TLS, or none that is taken here"
        case socket.gaierror():
            return "can't be reached: its name has no address (DNS)"
        case OSError(errno=int(number)):
            return f"can't be reached: {os.strerror(number)}"
    if isinstance(error, httpx.ProxyError):
        return "can't be reached: the proxy doesn't let it"
    if isinstance(error, httpx.ProtocolError):
        return "can't be reached: what answers there isn't HTTP, or broke off"
    return "can't be reached; IMS_DEBUG=1 shows why"


def is_token(text: str) -> bool:
    """Whether a text may be a portal's token."""
    return re.fullmatch(r"[\x21-\x7e]{1,512}", text) is not None


def _check(url: str) -> bool:
    """Whether the URL is plain http, which is taken to loopback only. Raises ValueError."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  (reading it checks it)
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL) as error:
        raise ValueError(f"portal {printable(url)[:200]!r}: it is no URL; expected https://HOST[:PORT]") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"portal {printable(url)[:200]!r}: expected https://HOST")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ValueError("portal: expected https://HOST, and neither a name nor a password nor a query in it")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ValueError(f"portal {printable(url)[:200]!r}: plain http shows the token to everyone; expected https://")
    return parts.scheme == "http"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _trusting_system() -> ssl.SSLContext:
    """Whom this machine trusts (httpx by itself trusts a list that comes with it, and not an organisation's own
    authority); that list where the machine has none."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile or (paths.capath and any(Path(paths.capath).iterdir())):
        return ssl.create_default_context()
    return httpx.create_ssl_context()


def _trusting(ca: str | Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca))
    except ssl.SSLError:
        raise ValueError(f"{ca} holds no certificate in PEM") from None
    except FileNotFoundError:
        raise FileNotFoundError(f"{ca}: no such file; expected certificates in PEM") from None
    except OSError as error:  # OpenSSL's functions don't say which file
        raise OSError(error.errno, error.strerror, str(ca)) from None


_NAMES = {
    (verb.name, each.field): each.name for verb in VERBS.values() for each in verb.parameters if each.field
}  # fmt: skip
"""Words that a request calls otherwise."""


def _words(**words: Any) -> dict[str, Any]:
    given = {name: value for name, value in words.items() if value is not None}
    for name in ("since", "until"):
        if name in given:
            given[name] = _moment(given[name])
    if "bin" in given:
        given["bin"] = str(given["bin"])
    return given


def _moment(given: str | float | datetime) -> str:
    """As ISO 8601 where it is a number: portals of earlier versions read one by accident, as a year."""
    if isinstance(given, datetime):
        return given.isoformat()
    if str(given).strip().replace(".", "", 1).isdigit():
        return _iso(moment(str(given)))
    return str(given)


def _iso(micros: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)).isoformat()


def _words_of(request: Request) -> dict[str, Any]:
    """A typed request in the API's words. Raises QuestionError where it hides sources, which no word says."""
    if request.hidden is not None:
        raise QuestionError("a portal hides sources by its callers' roles, and not by a request")
    words: dict[str, Any] = {}
    for parameter in VERBS[request.verb].parameters:
        value = getattr(request, parameter.field or parameter.name)
        match parameter.kind:
            case "moment":
                value = None if value is None else _iso(value)
            case "width":
                if value % 1000:
                    raise QuestionError("a portal's bins are whole milliseconds wide")
                value = f"{value // 1000}ms"
            case "count":
                value = value or None
            case "text":
                value = None if value is None else str(value)
        words[parameter.name] = value
    return _words(**words)


def _record(told: Mapping[str, Any]) -> AnswerRecord:
    known: dict[str, Any] = {}
    for field in dataclasses.fields(AnswerRecord):
        if field.name in told:
            value = told[field.name]
            known[field.name] = tuple(value) if isinstance(value, list) else value
    return AnswerRecord(**known)
