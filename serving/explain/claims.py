"""What a cell of the claims rests on: the columns that its claim reads, and of a result the events that count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import duckdb

from serving.explain.inputs import Input

_MOST_EVENTS: Final = 60
_COUNTED_BY: Final = {"headline": "is_headline", "cooldown_21": "is_cooldown_21", "own_cooldown": "is_own_cooldown"}
_USES: Final = {
    "claims.conditions_daily": ("condition",),
    "claims.events": ("condition", "outcome"),
    "claims.regressions": ("regression",),
}


def formula_of(con: duckdb.DuckDBPyConnection, row: Mapping[str, Any]) -> str | None:
    """Return the condition of the claim of a row, with its parameters."""
    found = con.execute(
        "select condition_text, parameters_text from claims.claims where claim_id = ?", [row.get("claim_id")]
    ).fetchone()
    if found is None or found[0] is None:
        return None
    condition = " ".join(str(found[0]).split())
    return f"{condition} ({found[1]})" if found[1] else condition


def event_inputs(con: duckdb.DuckDBPyConnection, name: str, row: Mapping[str, Any]) -> Iterator[Input]:
    """Yield the events of a result, as many as are shown, with what followed each."""
    counted = _COUNTED_BY.get(str(row.get("parameter_set")))
    if name != "claims.results" or counted is None:
        return
    events = con.execute(
        f"select session_date, ticker, outcome_number, state from claims.events "
        f"where claim_id = ? and outcome = ? and horizon_count = ? and {counted} order by 1, 2",
        [row["claim_id"], row["outcome"], row["horizon_count"]],
    ).fetchall()
    for day, ticker, outcome, state in events[:_MOST_EVENTS]:
        yield Input("claims.events.outcome_number", f"{ticker}, {state}", day, outcome)
    if len(events) > _MOST_EVENTS:
        yield Input("claims.events", f"and {len(events) - _MOST_EVENTS} events more")


def reads_of(
    con: duckdb.DuckDBPyConnection, name: str, row: Mapping[str, Any]
) -> Iterator[tuple[str, list[str], dict[str, str]]]:
    """Yield each table that the claim of a row reads, the columns, and which rows of it are chosen."""
    uses = _USES.get(name)
    if uses is None or not con.execute("from duckdb_tables() where table_name = 'inputs'").fetchone():
        return
    rows = con.execute(
        "select input_path, chosen_text, list(distinct input_column order by input_column) from claims.inputs "
        "where claim_id = ? and input_use in ? group by all order by all",
        [row["claim_id"], list(uses)],
    ).fetchall()
    for path, chosen, columns in rows:
        if name == "claims.events" and (kept := _of_horizon(columns, int(row["horizon_count"]))) is not None:
            columns = kept
        if columns:
            yield path, columns, dict(one.split(" = ", 1) for one in chosen.split(", ") if " = " in one)


def _of_horizon(columns: list[str], horizon: int) -> list[str] | None:
    """Return the columns of returns over the horizon of an event; None where they are no such columns."""
    if not all(one.endswith("d_ratio") for one in columns):
        return None
    return [one for one in columns if one.endswith(f"_{horizon}d_ratio")]
