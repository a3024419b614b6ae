"""The portal's settings of secrecy, with safe defaults (docs/secrecy.md)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ims.settings.fields import Seconds


class SecrecySettings(BaseModel):
    """What viewers see of the darknet, and how its addresses are kept out of what everybody sees."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    viewer_delay: Annotated[Seconds, Field(ge=0, le=366 * 86_400)] = Field(
        3600.0, description="age that traffic must have before viewers see it; seconds, or such as `1h`"
    )
    viewer_bin: Annotated[Seconds, Field(ge=1, le=7 * 86_400)] = Field(
        3600.0, description="narrowest bin and finest step of a time range for viewers; seconds, or such as `1h`"
    )
    viewer_threshold: Annotated[int, Field(ge=0, le=10**9)] = Field(
        1000, description="viewers are shown no fewer packets of a `viewer_bin`; of sources and payloads twice as many"
    )
    viewer_noise: Annotated[float, Field(ge=0, le=10**9, allow_inf_nan=False)] = Field(
        250.0, description="standard deviation of the noise in the packets that viewers see of a `viewer_bin`"
    )
    viewer_span: Annotated[Seconds, Field(ge=1, le=100 * 366 * 86_400)] = Field(
        7 * 86_400.0, description="how far back a viewer's question without a beginning goes"
    )
    large_blocks: Literal["withhold", "quotes"] = Field(
        "withhold",
        description="payloads in which four octets are, maybe by chance, an address of a block larger than a /16: "
        "`withhold`, or only where the octets stand in an IPv4 header (`quotes`)",
    )
