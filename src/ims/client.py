"""A remote portal: the verbs of `ims.open`, answered over HTTPS (docs/api.md)."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import os
import re
import socket
import ssl
import weakref
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pyarrow as pa

from ims.arrow import EPOCH
from ims.query.answer import Answer, AnswerRecord
from ims.query.errors import QuestionError
from ims.query.language.errors import FilterError
from ims.query.moment import moment
from ims.query.verbs import VERBS, VerbName
from ims.text import one_line, printable
from ims.verb_methods import Moment, VerbMethods

if TYPE_CHECKING:
    from ims.analyse.result import Result
    from ims.export import ExportReport
    from ims.query.request import Request
    from ims.whole_file import Output

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
            trust_env=not plain,  # a proxy would take plain http off this machine
        )
        self._closed = weakref.finalize(self, self._client.close)

    def run(self, request: Request) -> Answer:
        """As Backend."""
        return self.answer(request.verb, _words_of(request))

    def hours(self, request: Request) -> list[tuple[int, int]]:
        """As Backend: of what the portal shows to this caller, the hours that may have packets."""
        table = self.answer("series", _words_of(request, ("filter", "since", "until")) | {"bin": "1h"}).table
        begins, packets = table.column("time").cast(pa.int64()), table.column("value")
        rows = zip(begins.to_pylist(), packets.to_pylist(), strict=True)
        return [(begin, count or 0) for begin, count in rows if count != 0]

    def record(self, request: Request) -> AnswerRecord:
        """As Backend."""
        return self.answer("coverage", _words_of(request, ("since", "until"))).record

    def answer(self, verb: str, words: dict[str, Any]) -> Answer:
        """The answer to a verb's words, as the API takes them."""
        with self._response("POST", f"query/{verb}", json=words, headers={"Accept": ARROW}) as response:
            octets = response.read()
        try:
            table = pa.ipc.open_stream(octets).read_all()
            table.validate(full=True)
            fields = _fields_of(AnswerRecord, json.loads(table.schema.metadata[METADATA]))
            fields |= {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
            record = AnswerRecord(**fields)
        except (pa.ArrowInvalid, ValueError, TypeError, KeyError) as error:
            raise OSError(f"{self._url} did not send a portal's answer") from error
        return Answer(table.replace_schema_metadata(None), record)

    def analysis(self, name: str, words: dict[str, Any]) -> Result:
        """The result of an analysis, which the portal makes: of what it shows to this caller."""
        from ims.analyse.result_reader import from_json

        with self._response("POST", f"analyses/{name}", json=words) as response:
            octets = response.read()
        try:
            return from_json(json.loads(octets))
        except (ValueError, RecursionError) as error:  # (of JSON that is nested without end)
            raise OSError(f"{self._url} did not send a result of {name}") from error

    def payload(self, signature: str) -> bytes:
        """As Backend."""
        found = re.fullmatch(r"([0-9a-f]{6,32})(?:/([1-9][0-9]{0,3})?)?", signature.lower())
        if found is None:
            raise ValueError(f"signature {signature!r}: expected 6 to 32 hex digits")
        with self._response("GET", f"payloads/{found[1]}", params={"number": found[2]} if found[2] else {}) as response:
            return response.read()

    def write(self, request: Request, out: Output, format: str = "pcap", link: str = "raw") -> ExportReport:
        """As Backend."""
        return self.written(_words_of(request, ("filter", "since", "until")), out, format, link)

    def written(self, words: dict[str, Any], out: Output, format: str, link: str) -> ExportReport:
        """A file of what the API exports for these words."""
        from ims.export import ExportReport, check_written
        from ims.whole_file import opened

        check_written(format, link)
        words |= {} if link == "raw" else {"link": link}
        with opened(out) as file, self._response("POST", f"export/{format}", json=words) as response:
            for piece in response.iter_bytes():
                file.write(piece)
            report = json.loads(response.headers["X-IMS-Report"])
        return ExportReport(**_fields_of(ExportReport, report))

    @contextmanager
    def _response(self, method: str, path: str, **words: Any) -> Iterator[httpx.Response]:
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
            message = one_line(json.loads(response.read()[: 1 << 16])["error"])
        except (ValueError, TypeError, KeyError):
            status = f"{response.status_code} {printable(response.reason_phrase)}"
            return OSError(f"{self._url} answered {status}; is it a portal?")
        if not response.is_client_error:
            return OSError(f"{self._url}: {message}")
        found = _IN_FILTER.fullmatch(message)
        if found is not None and filter is not None:
            return FilterError(found[2], filter, int(found[1]))
        after = response.headers.get("Retry-After", "")
        wait = f"; try again in {after} s" if response.status_code == 429 and after.isdigit() else ""
        return ValueError(message + wait)

    def close(self) -> None:
        """Close the connections, as happens also when the backend is garbage."""
        self._closed()


class RemoteTelescope(VerbMethods):
    """A portal, opened for questions: the verbs of ims.telescope.Telescope, with the same words and answers; else as
    PortalBackend. Words are sent unchanged, and the portal makes the request of them: it may know more of them."""

    backend: PortalBackend

    def __init__(self, url: str, token: str, *, ca: str | Path | None = None, seconds: float = ANSWER_SECONDS) -> None:
        super().__init__(PortalBackend(url, token, ca=ca, seconds=seconds))

    def _question(self, verb: VerbName, filter: str | None, **words: Any) -> Answer:
        renamed = {_NAMES.get((verb, name), name): value for name, value in words.items()}
        return self.backend.answer(verb, _words(filter=filter, **renamed))

    def analysis(self, name: str, words: dict[str, Any], progress: Callable[[str], None] = lambda _: None) -> Result:
        """As VerbMethods."""
        from ims.analyse.execution import known

        analysis = known(name)
        if files := [each.name for each in analysis.parameters if each.kind == "files" and words.get(each.name)]:
            raise ValueError(f"{files[0]}: a portal uses files of its own, and takes none; ask without it")
        progress("the portal")
        forms: dict[str, Callable[[Any], str]] = {"moment": _moment, "width": str}
        kinds = {word: forms.get(analysis.by_name[word].kind) if word in analysis.by_name else None for word in words}
        sent = {
            word: form(value) if (form := kinds[word]) else value for word, value in words.items() if value is not None
        }
        return self.backend.analysis(name, sent)

    def export(
        self,
        out: Output,
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
        raise ValueError(f"portal {printable(url)[:200]!r}: not a URL; expected https://HOST[:PORT]") from error
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


_NAMES = {(verb.name, each.word): each.name for verb in VERBS.values() for each in verb.parameters if each.field}
"""Words that have another name in a request."""


def _words(**words: Any) -> dict[str, Any]:
    forms: dict[str, Callable[[Any], str]] = {
        "since": _moment,
        "until": _moment,
        "fresh": _moment,
        "bin": str,
        "within": str,
    }
    return {name: forms[name](value) if name in forms else value for name, value in words.items() if value is not None}


def _moment(value: str | float | datetime) -> str:
    """As ISO 8601 where it is a number: portals of earlier versions read one by accident, as a year."""
    if isinstance(value, datetime):
        return value.isoformat()
    if str(value).strip().replace(".", "", 1).isdigit():
        return _iso(moment(str(value)))
    return str(value)


def _iso(micros: int) -> str:
    return (EPOCH + timedelta(microseconds=micros)).isoformat()


def _words_of(request: Request, names: Container[str] | None = None) -> dict[str, Any]:
    """A typed request in the API's words, of those `names`. Raises QuestionError where it hides sources, which has no
    word."""
    if request.hidden is not None:
        raise QuestionError("a portal hides sources by its callers' roles, and not by a request")
    words: dict[str, Any] = {}
    for parameter in VERBS[request.verb].parameters:
        of = request.chain if parameter.field == "chain" else request
        value = getattr(of, parameter.name if of is request.chain else parameter.field or parameter.name)
        match parameter.kind:
            case "moment":
                value = None if value is None else _iso(value)
            case "width":
                if value is not None and value % 1000:
                    raise QuestionError("a portal's bins are whole milliseconds wide")
                value = None if value is None else f"{value // 1000}ms"
            case "count":
                value = value or None
            case "text":
                value = None if value is None else str(value)
            case "texts":
                value = list(map(str, value))
        words[parameter.name] = value
    return {name: value for name, value in _words(**words).items() if names is None or name in names}


def _fields_of(kind: type[AnswerRecord | ExportReport], sent: dict[str, Any]) -> dict[str, Any]:
    """What a class has fields for, of what a portal sent, which may be of a later version."""
    return {field.name: sent[field.name] for field in dataclasses.fields(kind) if field.name in sent}
