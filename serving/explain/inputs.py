"""What a cell rests on: one input, and where raw rows can be looked up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import duckdb


@dataclass(frozen=True, slots=True)
class Input:
    """One input of a cell. `path` names where it stands; `value` and `period` are None where there is none.

    `key`: of a raw row, the values of its table's key but for the period.
    """

    path: str
    title: str
    period: date | None = None
    value: Any = None
    unit: str | None = None
    provider: str | None = None
    known_at: datetime | None = None
    known_basis: str | None = None
    payload_sha256: str | None = None
    key: tuple[str, ...] = ()


def has_build(con: duckdb.DuckDBPyConnection) -> bool:
    """Say whether the build file is attached."""
    return con.execute("from duckdb_databases() where database_name = 'warehouse'").fetchone() is not None
