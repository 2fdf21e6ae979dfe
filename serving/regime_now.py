"""The newest regime as a document: its class and sentence, each dimension with state, since when and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import duckdb

DIMENSIONS: Final = (
    *("net_liquidity", "funding", "rates_volatility", "carry", "credit", "volatility", "options_sentiment"),
    *("breadth", "etf_flows", "leverage", "labor"),
)
COMPOSITES: Final = ("liquidity_dashboard", "sentiment")
NO_ADVICE: Final = "Present stress and the width of outcomes: neither advice nor a timing signal."


def regime_now(con: duckdb.DuckDBPyConnection) -> dict[str, Any] | None:
    """Return the newest regime of an open published file, None where it has none."""
    if (
        con.execute("from duckdb_tables() where schema_name = 'marts' and table_name = 'regime_daily'").fetchone()
        is None
    ):
        return None
    found = con.execute("from marts.regime_daily order by session_date desc limit 1")
    names = [name for name, *_ in found.description or []]
    values = found.fetchone()
    if values is None:
        return None
    row = dict(zip(names, values, strict=True))
    since = {
        dimension: {"since_date": began, "sessions_count": count, "came_from": came_from}
        for dimension, began, count, came_from in con.execute(
            "select dimension, began_date, sessions_count, came_from_state from marts.regime_episodes where is_running"
        ).fetchall()
    }
    dimensions = [
        {"dimension": name}
        | {part: row[f"{name}_{part}"] for part in ("state", "points", "reason", "quality")}
        | since.get(name, {})
        for name in DIMENSIONS
    ]
    return {
        **{name: row[name] for name in ("session_date", "cutoff_at", "regime_class", "core_score", "is_partial")},
        **since.get("regime_class", {}),
        "sentence": row["explain_text"],
        "composites": [{"composite": name, "state": row[f"{name}_state"]} | since.get(name, {}) for name in COMPOSITES],
        "dimensions": dimensions,
        "unknown": [one for one in dimensions if one["state"] in (None, "unknown")],
        "inputs_known_late": row["latest_only_inputs"],
        "note": NO_ADVICE,
    }
