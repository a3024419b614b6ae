"""`/payloads/SIGNATURE`: the octets of one payload. They are hostile: a file to save, and nothing to look at."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query, Request
from starlette.responses import Response

from ims.portal.api.callers import Analyst, gate_of, note
from ims.portal.api.errors import refusals
from ims.portal.api.execute import answered, until_even
from ims.query.errors import QuestionError

router = APIRouter(tags=["payloads"])
SIGNATURE = re.compile(r"[0-9A-Fa-f]{6,32}")
WHOLE = 32
WARNING = "hostile: these octets came from attackers; don't run or open them"


@router.get(
    "/payloads/{signature}",
    summary="The octets of one payload",
    response_class=Response,
    responses={
        200: {
            "description": "The octets, as an attachment",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        },
        **refusals(400, 401, 403, 404, 413, 415, 429, 503),
    },
)
async def payload(
    request: Request,
    caller: Analyst,
    signature: Annotated[
        str,
        Path(
            description="MD5 in hex; for operators its first 6 digits will do.",
            examples=["a0aa4a74b70cbca5a03960df1a3dc878"],
            json_schema_extra={"pattern": f"^{SIGNATURE.pattern}$"},
        ),
    ],
    number: Annotated[int | None, Query(ge=1, le=9999, description="Which, where several share the MD5.")] = None,
) -> Response:
    """Not for payloads that hold a monitored address, unless an operator asks: those look as if they weren't there, and
    are looked for in the same way and the same time."""
    gate, operator = gate_of(request), caller.role == "operator"
    note(request, verb="payload", signature=signature[:64])
    if SIGNATURE.fullmatch(signature) is None:
        raise HTTPException(400, f"signature {signature[:64]!r}: expected 6 to {WHOLE} hex digits")
    if not operator and len(signature) < WHOLE:
        # What several begin with would be told, and so that there are others.
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

    began = time.monotonic()
    octets = await answered(
        request, caller, gate.limits.seconds[caller.role], lambda: gate.secrecy.settled(caller.role, work)
    )
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
