"""What a row of the regimes rests on: the inputs that the ledger keeps beside each of its rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

import duckdb

from serving.explain.inputs import Input, has_build
from warehouse.lived import LEDGER


def ledger_inputs(con: duckdb.DuckDBPyConnection, mart: str, column: str, row: Mapping[str, Any]) -> Iterator[Input]:
    """Yield the inputs of a row of the ledger: those of the dimension that the column is of, all of them otherwise."""
    if mart != "regime_daily" or not has_build(con):
        return
    found = con.execute(
        f"select inputs_json from warehouse.{LEDGER} "
        "where session_date = ? and cutoff_at = ? and inputs_json is not null",
        [row["session_date"], row["cutoff_at"]],
    ).fetchone()
    inputs = json.loads(found[0]) if found else {}
    chosen = [name for name in inputs if column.startswith(name)] or list(inputs)
    for dimension in chosen:
        if isinstance(inputs[dimension], dict):
            for name, one in inputs[dimension].items():
                if isinstance(one, dict) and "value" in one:
                    yield _input(f"{dimension}.{name}", one)


def _input(name: str, one: Mapping[str, Any]) -> Input:
    on, known_at = one.get("obs_date"), one.get("known_at")
    return Input(
        path=f"regimes {name}",
        title=one.get("reason") or "as known at the cut-off",
        period=date.fromisoformat(on) if on else None,
        value=one["value"],
        known_at=datetime.fromisoformat(known_at) if known_at else None,
        known_basis=one.get("known_basis"),
    )
