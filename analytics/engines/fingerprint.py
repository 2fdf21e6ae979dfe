"""What tells two sets of rows apart without moving either: their number, and two sums over hashes of whole rows.

They do not depend on the order of rows, and they add up: rows that go can be subtracted, so a day costs a day. The hash
is DuckDB's and belongs to its version, which is one of those that must agree before any work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import duckdb

from warehouse.sql import quoted

_MODULUS: Final = 1 << 64

Columns = Sequence[tuple[str, str]]
"""Names and SQL types, in the order in which they are hashed."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Rows, the sum of their hashes modulo 2^64, and the exclusive or of them."""

    rows: int = 0
    sum_hash: int = 0
    xor_hash: int = 0

    def __add__(self, other: Fingerprint) -> Fingerprint:
        return Fingerprint(
            self.rows + other.rows, (self.sum_hash + other.sum_hash) % _MODULUS, self.xor_hash ^ other.xor_hash
        )

    def __sub__(self, other: Fingerprint) -> Fingerprint:
        return Fingerprint(
            self.rows - other.rows, (self.sum_hash - other.sum_hash) % _MODULUS, self.xor_hash ^ other.xor_hash
        )

    def __str__(self) -> str:
        return f"{self.rows:,} rows, sum {self.sum_hash:016x}, xor {self.xor_hash:016x}"


def fingerprint_of(con: duckdb.DuckDBPyConnection, columns: Columns, rows: str) -> Fingerprint:
    """Return the fingerprint of `rows`, a table or a select in brackets."""
    found = con.execute(f"select {_sums(columns)} from {rows}").fetchone()
    assert found is not None
    return _read(found)


def fingerprints_by(
    con: duckdb.DuckDBPyConnection, columns: Columns, rows: str, by: str, parameters: Mapping[str, Any] | None = None
) -> dict[str, Fingerprint]:
    """Return the fingerprint of the rows of each value of the column `by`, as text."""
    query = f"select {quoted(by)}::varchar, {_sums(columns)} from {rows} group by all"
    found = con.execute(query, dict(parameters or {})).fetchall()
    return {key: _read(sums) for key, *sums in found}


def typed(columns: Columns) -> str:
    """Return the select list that gives rows exactly these columns and types."""
    return ", ".join(f"{quoted(name)}::{kind} as {quoted(name)}" for name, kind in columns)


def _sums(columns: Columns) -> str:
    # The types are part of a hash: 1 as a double is not 1 as an integer.
    hashed = f"hash({', '.join(f'{quoted(name)}::{kind}' for name, kind in columns)})"
    return f"count(*), coalesce(sum({hashed}), 0) % {_MODULUS}, coalesce(bit_xor({hashed}), 0)"


def _read(sums: Sequence[Any]) -> Fingerprint:
    return Fingerprint(*(int(value) for value in sums))
