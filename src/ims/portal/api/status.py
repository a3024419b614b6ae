"""How the portal and its sensors are; what it is; which analyses it can do."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from ims.portal.api.callers import Anyone, gate_of, note
from ims.portal.api.refusals import refusals, without_places

router = APIRouter(tags=["status"])
FOR_ALL = ("name", "organisation", "time_zone", "blocks", "state", "since")
"""What viewers and analysts see of a sensor: where it is reached, and how it is kept, is for operators."""
_REFUSED = refusals(401, 413, 415, 429, 503)


class Health(BaseModel):
    """That the portal runs."""

    status: str = Field(examples=["ok"])


class Version(BaseModel):
    """The portal's version and its API's."""

    version: str = Field(examples=["0.1.0"])
    api: str = Field(examples=["v1"])


class Sensors(BaseModel):
    """Each sensor: name, organisation, time_zone, blocks, state, since, why it is silent; for operators more."""

    sensors: list[dict[str, Any]] = Field(
        examples=[[{"name": "a", "organisation": "Example University", "time_zone": "Europe/Berlin",
                    "blocks": ["C/24"], "state": "answering", "since": "2026-03-04T05:00:00Z", "why": None}]]
    )  # fmt: skip


class Analyses(BaseModel):
    """The questions that `ims analyse` knows."""

    analyses: list[dict[str, Any]] = Field(examples=[[]])


@router.get("/health", summary="Whether the portal runs; no token needed", responses=refusals(413, 415))
async def health() -> Health:
    """For load balancers and monitors."""
    return Health(status="ok")


@router.get("/version", summary="Which version runs", responses=_REFUSED)
async def version(request: Request, caller: Anyone) -> Version:
    """The portal's, and the API's."""
    return Version(version=gate_of(request).version, api="v1")


@router.get("/sensors", summary="The sensors and their health", responses=_REFUSED)
async def sensors(request: Request, caller: Anyone) -> Sensors:
    """Who is silent, since when, and why."""
    note(request, verb="sensors")
    operator = caller.role == "operator"
    found = await asyncio.to_thread(gate_of(request).sensors)
    if not operator:
        found = [
            {
                **{name: sensor[name] for name in FOR_ALL if name in sensor},
                "why": without_places(sensor["why"]) if sensor.get("why") else None,
            }
            for sensor in found
        ]
    note(request, rows=len(found))
    return Sensors(sensors=found)


@router.get("/analyses", summary="The analyses that can be asked for", responses=_REFUSED)
async def analyses(caller: Anyone) -> Analyses:
    """None yet."""
    return Analyses(analyses=[])
