"""`/export/FORMAT`: packets as files, for operators."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Literal, get_args

from fastapi import APIRouter, HTTPException, Path, Request
from pydantic import Field
from starlette.responses import Response, StreamingResponse

from ims.export import ExportReport, check_written
from ims.portal.api.callers import Operator, gate_of, note
from ims.portal.api.errors import OCTETS, documented
from ims.portal.api.execute import allowed, answered, made
from ims.portal.api.parameters import MODELS, words_of
from ims.portal.api.spool import Spool, pieces
from ims.portal.api.streams import Held
from ims.query.verbs import VERBS
from ims.store.pcap import Link

router = APIRouter(tags=["exports"])
Kind = Literal["pcap", "pcapng", "parquet", "csv", "json"]
Format = Annotated[Kind, Path(description="What to write.", examples=list(get_args(Kind)))]
TYPES = {
    "pcap": "application/vnd.tcpdump.pcap",
    "pcapng": "application/octet-stream",
    "parquet": "application/vnd.apache.parquet",
    "csv": "text/csv; charset=utf-8",
    "json": "application/x-ndjson",
}
Selected = words_of(VERBS["count"], MODELS["count"])


class Exported(Selected):  # type: ignore[valid-type, misc]  # made of the table of verbs
    """Packets of a range that a filter takes, and their link type."""

    link: Link = Field("raw", description="Of a pcap: RAW, Ethernet with a made-up header, or IPV4.")


_CONTENT = {kind.partition(";")[0]: OCTETS for kind in TYPES.values()}
_RESPONSES = documented("The file", _CONTENT, 400, 401, 403, 413, 415, 429, 503)


@router.post("/export/{format}", summary="Packets as a file", response_class=Response, responses=_RESPONSES)
async def export(request: Request, caller: Operator, format: Format, words: Exported) -> Response:
    """The oldest packet is first; X-IMS-Report says how many there are, and what couldn't be written. pcap and pcapng
    have every stored packet byte for byte from the IP header on; pcap only has times from 1970 to 2106."""
    gate = gate_of(request)
    try:
        check_written(format, words.link)
    except ValueError as error:
        raise HTTPException(400, str(error)) from None
    question = await made("packets", Selected(**words.model_dump(exclude={"link"})), request, caller)
    note(request, verb="export", format=format)
    spool = Spool(gate.limits.export_bytes, gate.limits.export_folder)

    def work() -> ExportReport:
        report = gate.telescope.write(allowed(question, request, caller), spool, format, words.link)
        spool.flush()
        return report

    try:
        report = await answered(request, caller, gate.limits.export_seconds, work, "exporting")
    except BaseException:
        spool.close()
        raise
    note(request, rows=report.packets, bytes=spool.size)
    headers = {
        "Content-Type": TYPES[format],
        "Content-Length": str(spool.size),
        "Content-Disposition": f'attachment; filename="export.{format}"',
        "X-IMS-Report": json.dumps(asdict(report), ensure_ascii=True),
    }
    return Held(StreamingResponse(pieces(spool), headers=headers), spool.close)
