"""`/payloads/SIGNATURE`: the octets of one payload. They are hostile, so they are sent as a file to save."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query, Request
from starlette.responses import Response

from ims.portal.api.callers import Analyst, gate_of, note
from ims.portal.api.errors import OCTETS, documented
from ims.portal.api.execute import answered, until_even
from ims.query.errors import QuestionError

router = APIRouter(tags=["payloads"])
SIGNATURE = re.compile(r"[0-9A-Fa-f]{6,32}")
WHOLE = 32
WARNING = "hostile: these octets came from attackers; don't run or open them"
_CONTENT = {"application/octet-stream": OCTETS}
_RESPONSES = documented("The octets, as an attachment", _CONTENT, 400, 401, 403, 404, 413, 415, 429, 503)
_FORM = {"pattern": f"^{SIGNATURE.pattern}$", "examples": ["a0aa4a74b70cbca5a03960df1a3dc878"]}
Digits = Annotated[str, Path(description="MD5 in hex; operators may give 6 digits.", json_schema_extra=_FORM)]
Number = Annotated[int | None, Query(ge=1, le=9999, description="Which, where several share the MD5.")]


@router.get("/payloads/{signature}", summary="A payload's octets", response_class=Response, responses=_RESPONSES)
async def payload(request: Request, caller: Analyst, signature: Digits, number: Number = None) -> Response:
    """For others than operators, payloads that hold a monitored address look as if they weren't there: in the response,
    and in its time."""
    gate, operator = gate_of(request), caller.role == "operator"
    note(request, verb="payload", signature=signature[:64])
    if SIGNATURE.fullmatch(signature) is None:
        raise HTTPException(400, f"signature {signature[:64]!r}: expected 6 to {WHOLE} hex digits")
    if not operator and len(signature) < WHOLE:
        # An answer to a prefix would tell of other payloads that begin with it.
        raise HTTPException(400, f"signature {signature}: expected all {WHOLE} hex digits")
    absent = f"no payload is stored whose signature {'begins with' if operator else 'is'} {signature.lower()}"

    def work() -> bytes | None:
        try:
            octets = gate.telescope.payload(signature + (f"/{number}" if number else ""))
        except QuestionError as error:
            if operator and not str(error).startswith("no payload"):
                raise
            return None
        return octets if gate.secrecy.may_see_payload(caller.role, octets) else None

    began, seconds = time.monotonic(), gate.limits.seconds[caller.role]
    octets = await answered(request, caller, seconds, lambda: gate.secrecy.settled(caller.role, work))
    if octets is None:
        if not operator:
            await asyncio.sleep(until_even(time.monotonic() - began))
        raise HTTPException(404, absent)
    note(request, rows=1)
    name = hashlib.md5(octets, usedforsecurity=False).hexdigest()
    headers = {
        "Content-Disposition": f'attachment; filename="{name}.bin"',
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
        "X-IMS-Warning": WARNING,
    }
    return Response(octets, headers=headers, media_type="application/octet-stream")
