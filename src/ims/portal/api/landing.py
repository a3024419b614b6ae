"""`/`: what this is and how to ask it. For anybody: it tells nothing that isn't in the OpenAPI document."""

from __future__ import annotations

import html
import ipaddress
import re

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from ims.portal.api.callers import gate_of
from ims.portal.api.middleware import API

router = APIRouter()
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253})(:[0-9]{1,5})?")
UNNAMED = "https://PORTAL"  # where the caller sends no valid Host: the reader has to put it in


@router.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
async def landing(request: Request) -> Response:
    """As HTML for those that accept it, such as browsers, else as text."""
    words = text(gate_of(request).version, _url(request))
    headers = {"Vary": "Accept, Host"}
    if "text/html" not in ",".join(request.headers.getlist("accept")).lower():
        return PlainTextResponse(words, headers=headers)
    return HTMLResponse(_page(words), headers=headers)


def text(version: str, url: str) -> str:
    """The page, in lines of at most 100 characters where the URL is short."""
    return f"""\
Internet Motion Sensor, version {version}

A network telescope: sensors watch unused ("dark") address space, and this portal asks all of them at once.
Pages for browsers are to come. Until then it is asked through its API, with an account of its operator:

Log in with your name and password, for a token of twelve hours:
  curl -sS {url}{API}/login --json '{{"name": "NAME", "password": "PASSWORD"}}'

Ask with the command line, which reads the token from IMS_TOKEN or from --token-file:
  ims query count --portal {url}
  ims query top destination_port 'tcp and category scan' --portal {url}

Or with curl:
  curl -sS {url}{API}/query/count -H "Authorization: Bearer $IMS_TOKEN"

What can be asked (OpenAPI): {url}{API}/openapi.json
Whether it runs: {url}{API}/health
"""


def _page(words: str) -> str:
    title, _, rest = words.partition("\n")
    linked = re.sub(r"(?<=: )(https?://\S+)", r'<a href="\1">\1</a>', html.escape(rest.strip()))
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{html.escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<style>body{max-width:60rem;margin:2rem auto;padding:0 1rem}pre{white-space:pre-wrap}</style>\n"
        f"</head>\n<body>\n<h1>{html.escape(title)}</h1>\n<pre>{linked}</pre>\n</body>\n</html>\n"
    )


def _url(request: Request) -> str:
    """The portal's, by the Host that the caller sent, if it is well-formed. Plain HTTP is served on loopback only; any
    other name is a proxy's, which speaks HTTPS."""
    found = _HOST.fullmatch(request.headers.get("host", ""))
    if found is None:
        return UNNAMED
    return f"{request.url.scheme if _is_loopback(found[1]) else 'https'}://{found[0]}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
