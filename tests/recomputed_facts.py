"""Recomputes claims.facts from a published file alone: figures by the query of each row, verdicts by its columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, time, timedelta
from typing import Any

import duckdb

EXACT = 1e-6
_LATER_HISTORY = "select * from marts.observations where known_basis <> 'latest_only'"


def differences(con: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Yield what of claims.facts does not come out again."""
    found = con.execute("from claims.facts order by fact_id")
    names = [column[0] for column in found.description or []]
    rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    now, is_simulated = con.execute(
        "select max(cutoff_at), (select any_value(data_origin) = 'SIMULATED' from marts.market_daily)"
        " from marts.market_known_daily"
    ).fetchall()[0]
    for row in rows:
        name, query = row["fact_id"], row["evidence_sql"]
        if not _same(row["known_now_number"], seen := _number(con, query)):
            yield f"{name}: known_now_number is {row['known_now_number']}, its query gives {seen}"
        then = None
        if row["said_date"] is not None:
            morning = datetime.combine(row["said_date"] + timedelta(days=1), time(14))
            assert f"timestamp '{now}'" in query or "newest" not in query
            as_of = query.replace(f"timestamp '{now}'", f"timestamp '{morning}'")
            then = _number(con, as_of.replace("from marts.observations ", f"from ({_LATER_HISTORY}) "))
        if not _same(row["known_then_number"], then):
            yield f"{name}: known_then_number is {row['known_then_number']}, its query gives {then}"
        if (row["verdict"], row["verdict_basis"]) not in _allowed(row, is_simulated=is_simulated):
            yield f"{name}: {row['verdict']} by {row['verdict_basis']} does not follow from its figures"


def _number(con: duckdb.DuckDBPyConnection, query: str) -> float | None:
    found = con.execute(query).fetchone()
    return None if found is None or found[0] is None else float(found[0])


def _same(one: float | None, other: float | None) -> bool:
    return one is other is None or (one is not None and other is not None and abs(one - other) <= EXACT)


def _allowed(row: Mapping[str, Any], *, is_simulated: bool) -> list[tuple[str, str]]:
    """Return the verdicts that the columns of a row leave, with their basis: one by data, or any by the record."""
    how, said, tolerance = row["compared_as"], row["said_number"], row["tolerance_number"]
    then, now = row["known_then_number"], row["known_now_number"]
    by_record = [(verdict, "public_record") for verdict in ("confirmed", "refuted", "scope")]
    if now is None or is_simulated or how == "beside" or (how == "then" and then is None):
        return by_record
    if row["verdict"] == "scope":
        return [("scope", "public_record")]
    seen = then if then is not None else now
    if how == "lower_bound":
        return [("refuted", "data")] if seen > said + tolerance + EXACT else by_record
    is_right = seen >= said - tolerance - EXACT if how == "at_least" else abs(seen - said) <= tolerance + EXACT
    return [("confirmed" if is_right else "refuted", "data")]
