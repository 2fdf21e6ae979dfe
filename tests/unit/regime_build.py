"""A build file in memory with just enough in it for what is derived from regime rows."""

from __future__ import annotations

import math
from datetime import date, datetime, time, timedelta

import duckdb
import polars as pl

from analytics.regimes.columns import ROW_COLUMNS
from analytics.regimes.types import DIMENSIONS

TYPES = {
    "varchar": pl.String,
    "integer": pl.Int32,
    "double": pl.Float64,
    "boolean": pl.Boolean,
    "date": pl.Date,
    "timestamp": pl.Datetime("us"),
}
FIRST = date(2020, 1, 1)
CLASSES = ("CALM", "CALM", "NORMAL", "CAUTION", "STRESS", "CRISIS", "CAUTION", "CALM")


def build_file(sessions: int = 400, origin: str = "SIMULATED", explain: str = "Told.") -> duckdb.DuckDBPyConnection:
    """Return the tables that `derive` reads, over consecutive days that all count as sessions."""
    days = [FIRST + timedelta(days=place) for place in range(sessions + 15)]
    con = duckdb.connect()
    con.execute("create schema marts; create schema calendar; create schema meta")
    _put(con, "calendar.sessions", _sessions(days))
    _put(con, "marts.regime_daily", regime_rows(days[:sessions], explain))
    _put(con, "marts.market_daily", _market(days[:sessions], origin))
    _put(con, "marts.prices_daily", _fund(days[:sessions]))
    breadth = pl.DataFrame({"session_date": days[:sessions]}).with_columns(
        universe=pl.lit("SPX"), above_200dma_pct=pl.lit(60.0), coverage_ratio=pl.lit(1.0)
    )
    _put(con, "marts.breadth_daily", breadth)
    weeks = days[:sessions:7]
    flows = {"category": ["equity"] * len(weeks), "week_end_date": weeks, "is_same_sign": [True] * len(weeks)}
    _put(con, "marts.etf_flows_weekly", pl.DataFrame(flows))
    _put(con, "marts.observations", _observations(days[:sessions]))
    return con


def regime_rows(days: list[date], explain: str = "Told.") -> pl.DataFrame:
    """Return regime rows that walk through all classes, ten sessions each."""
    places = range(len(days))
    told: dict[str, list] = {
        "session_date": days,
        "cutoff_at": [datetime.combine(day, time(14, 15)) + timedelta(days=1) for day in days],
        "regime_class": [CLASSES[place // 10 % len(CLASSES)] for place in places],
        "regime_class_raw": [CLASSES[place // 10 % len(CLASSES)] for place in places],
        "core_score": [(0, 0, 1, 3, 5, 9, 2, 0)[place // 10 % 8] for place in places],
        "core_score_raw": [(0, 0, 1, 3, 5, 9, 2, 0)[place // 10 % 8] for place in places],
        "regime_class_quality": ["own"] * len(days),
        "liquidity_dashboard_state": ["mixed"] * len(days),
        "sentiment_state": ["normal"] * len(days),
        "explain_text": [explain] * len(days),
        **{f"{name}_state": ["unknown"] * len(days) for name in DIMENSIONS},
        **{f"{name}_reason": ["missing"] * len(days) for name in DIMENSIONS},
        "volatility_state": ["normal" if place % 30 else "fear" for place in places],
        "volatility_points": [0 if place % 30 else 1 for place in places],
        "volatility_reason": [None] * len(days),
    }
    return pl.DataFrame(
        {column.name: told.get(column.name, [None] * len(days)) for column in ROW_COLUMNS},
        schema={column.name: TYPES[column.kind] for column in ROW_COLUMNS},
    )


def latent(sessions: int = 400) -> pl.DataFrame:
    """Return the truth of the simulator over the sessions of build_file."""
    names = ("calm", "late_cycle", "stress", "crisis", "recovery")
    days = [FIRST + timedelta(days=place) for place in range(sessions)]
    return pl.DataFrame({"session_date": days, "regime": [names[place // 16 % 5] for place in range(sessions)]})


def _put(con: duckdb.DuckDBPyConnection, table: str, frame: pl.DataFrame) -> None:
    con.register("frame", frame)
    con.execute(f"create table {table} as from frame")
    con.unregister("frame")


def _sessions(days: list[date]) -> pl.DataFrame:
    opens = [datetime.combine(day, time(14, 30)) for day in days]
    return pl.DataFrame({"session_date": days, "open_at": opens, "session_seq": range(1, len(days) + 1)})


def _market(days: list[date], origin: str) -> pl.DataFrame:
    closes = [3000 + place + 100 * math.sin(place / 9) for place in range(len(days))]
    nothing = [None] * len(days)
    columns: dict[str, list] = {
        "session_date": days,
        "sp500_open_index": closes,
        "sp500_low_index": [close - 20 for close in closes],
        "sp500_close_index": closes,
        "vix_index": [20.0] * len(days),
        **dict.fromkeys(("vvix_index", "move_index", "hy_oas_bp", "hy_oas_change_21d_bp"), nothing),
        "carry_2y_change_21d_bp": nothing,
        "vvix_above_110_streak_count": nothing,
        "data_origin": [origin] * len(days),
    }
    numbers = {name: pl.Float64 for name in columns if name not in ("session_date", "data_origin")}
    return pl.DataFrame(columns, schema_overrides=numbers)


def _fund(days: list[date]) -> pl.DataFrame:
    """SPY, a tenth of the index, which pays every 91 days; the adjusted close has what it paid before."""
    paid = [0.5 if place % 91 == 0 else None for place in range(len(days))]
    return pl.DataFrame(
        {
            "session_date": days,
            "ticker": ["SPY"] * len(days),
            "close_dividend_adjusted_usd": [300.0 + place / 5 for place in range(len(days))],
            "dividend_usd": paid,
        }
    )


def _observations(days: list[date]) -> pl.DataFrame:
    rows = [
        (series, provider, 1, day, value, datetime.combine(day, time(20)), datetime.combine(day, time(21)), "one")
        for place, day in enumerate(days)
        for series, provider, value in (
            ("ofr_fsi", "ofr", math.sin(place / 9)),
            ("vix_close", "cboe", 20.0),
            ("vix_close", "fred", 20.0),
            *((("nfci", "fred", math.cos(place / 9)),) if day.weekday() == 4 else ()),
        )
    ]
    names = (
        "series_id",
        "provider",
        "provider_rank",
        "period_date",
        "value",
        "known_at",
        "loaded_at",
        "payload_sha256",
    )
    return pl.DataFrame(rows, schema=names, orient="row")
