"""Configuration of queries of a lake: one frozen model, read once from TOML, or a table of a portal's settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ims.query.engines.spark_session import SparkSettings
from ims.settings.fields import Octets
from ims.settings.toml import checked, read_toml


class LakeConfig(BaseModel):
    """Which engine answers, and what it may use."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: Literal["duckdb", "spark"] = Field("duckdb", description="what runs the questions: `duckdb`, or `spark`")
    memory: Octets | None = Field(
        None, ge=64 << 20,
        description="DuckDB's memory, half of the machine's without it; counting addresses may use half as much again",
    )  # fmt: skip
    threads: int | None = Field(None, ge=1, le=256, description="DuckDB's threads; as many as cores without it")
    spark: SparkSettings = Field(default_factory=SparkSettings, description="where Spark runs")


def read_lake_config(path: Path) -> LakeConfig:
    """The configuration in a TOML file. Raises ValueError with what is wrong, where, and what would be right."""
    return checked_lake(read_toml(path, "docs/scale.md has an example"), f"{path}: ")


def checked_lake(data: Mapping[str, Any], where: str = "") -> LakeConfig:
    """A configuration from its data. Raises ValueError for the first error, after the text `where`."""
    return checked(LakeConfig, data, where)
