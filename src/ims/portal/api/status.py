"""The health of the portal and its sensors, and its version."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, Field

from ims.portal.api.callers import Anyone, gate_of, note
from ims.portal.api.errors import refusals, without_places
from ims.portal.federation.health import whole

router = APIRouter(tags=["status"])
FOR_VIEWERS = ("name", "organisation", "time_zone", "blocks", "state", "since", "watches", "stores")
FOR_ANALYSTS = (*FOR_VIEWERS, "watches_since", "stores_since", "last_packet")
"""What others than operators see of a sensor: not its address, nor how it is operated."""
HEALTH_SECONDS = 1.0  # between two looks at all sensors: anybody may ask for their health
_REFUSED = refusals(401, 413, 415, 429, 503)


class Health(BaseModel):
    """`ok`; `degraded` where some sensors are silent, watch or store nothing, the audit log loses lines, or it isn't
    known what is monitored: why."""

    status: str = Field(examples=["degraded"])
    why: str | None = Field(None, examples=["sensors: 1 silent, of 3"])


class Version(BaseModel):
    """The portal's version and its API's."""

    version: str = Field(examples=["0.1.0"])
    api: str = Field(examples=["v1"])


class Sensors(BaseModel):
    """Each sensor: name, organisation, time_zone, blocks, whether it answers (state), since when, why not; whether it
    watches and stores; for analysts and operators more."""

    sensors: list[dict[str, Any]] = Field(
        examples=[[{"name": "a", "organisation": "Example University", "time_zone": "Europe/Berlin",
                    "blocks": ["C/24"], "state": "answers", "since": "2026-03-04T05:00:00Z",
                    "watches": True, "stores": True, "why": None}]]
    )  # fmt: skip


@router.get(
    "/health", summary="Whether sensors answer, watch and store; no token needed", responses=refusals(413, 415, 503)
)
async def health(request: Request) -> Health:
    """For load balancers and monitors: 503 where no sensor answers. No sensor is named."""
    state = request.app.state
    until, found = getattr(state, "health", (0.0, None))
    if found is None or time.monotonic() >= until:
        found = whole(await asyncio.to_thread(gate_of(request).sensors))
        state.health = time.monotonic() + HEALTH_SECONDS, found
    if found.status == "failing":
        raise HTTPException(503, found.why)
    gate, faults = gate_of(request), []
    if (losses := gate.audit.losses()) is not None:
        faults.append(f"the audit log {'loses lines' if losses.now else 'lost lines in the last hour'}")
    if (unknown := await asyncio.to_thread(gate.secrecy.unknown)) is not None:
        faults.append(f"analysts and viewers aren't answered: {unknown}")
    why = "; ".join(filter(None, [found.why, *faults])) or None
    return Health(status="degraded" if faults else found.status, why=why)


@router.get("/version", summary="Which version runs", responses=_REFUSED)
async def version(request: Request, caller: Anyone) -> Version:
    """The portal's, and the API's."""
    return Version(version=gate_of(request).version, api="v1")


@router.get("/sensors", summary="The sensors and their health", responses=_REFUSED)
async def sensors(request: Request, caller: Anyone) -> Sensors:
    """Who is silent, or watches or stores nothing, since when, and why."""
    note(request, verb="sensors")
    found = await asyncio.to_thread(gate_of(request).sensors)
    if caller.role != "operator":
        viewer = caller.role == "viewer"
        names = FOR_VIEWERS if viewer else FOR_ANALYSTS
        # Viewers may know that a sensor doesn't watch, but not when it was stopped or what its disk does.
        told = [None if viewer and sensor["state"] != "silent" else sensor.get("why") for sensor in found]
        found = [
            {**{name: sensor[name] for name in names if name in sensor}, "why": without_places(why) if why else None}
            for sensor, why in zip(found, told, strict=True)
        ]
    note(request, rows=len(found))
    return Sensors(sensors=found)
