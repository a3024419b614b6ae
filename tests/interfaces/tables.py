"""The tables of a store, and where its files lie."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pyarrow as pa

from ims.lake.ledger import LAKE_SCHEMA
from ims.link.contract import NEWEST, OLDEST
from ims.portal.auth.accounts_file import VERSION
from ims.records import TABLES, arrow_schema
from ims.store.schema import SCHEMA_VERSION, stored_schema


def tables() -> dict[str, Any]:
    """Versions of what is written, and the columns of each table in order."""
    versions = {"accounts": VERSION, "lake": LAKE_SCHEMA, "link": [OLDEST, NEWEST], "store": SCHEMA_VERSION}
    return {
        "versions": versions,
        "tables": {table: _columns(arrow_schema(table), stored_schema(table)) for table in TABLES},
    }


def files(store: Path) -> list[str]:
    """Where a store of one sensor has its files, and what they are called but for numbers and names drawn by lot."""
    paths = [path.relative_to(store).as_posix() for path in store.rglob("*") if path.is_file()]
    return sorted({re.sub(r"[0-9a-f]{32}|[0-9]+", "*", path) for path in paths})


def _columns(schema: pa.Schema, stored: pa.Schema) -> list[str]:
    """`name: type`, what a file has instead in brackets."""
    assert [(one.name, one.nullable) for one in schema] == [(one.name, one.nullable) for one in stored]
    columns = []
    for field, kept in zip(schema, stored, strict=True):
        there = "" if kept.type == field.type else f" ({kept.type} in files)"
        columns.append(f"{field.name}: {field.type}{there}{'' if field.nullable else ' not null'}")
    return columns
