"""What a new release would lose of the one before: no headline may go from values to none without being told to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import duckdb

from ingest.errors import AuditFailed
from ingest.home import Home
from warehouse.connection import is_damage

HEADLINES: Final[dict[str, tuple[str, ...]]] = {
    "marts.net_liquidity_weekly": ("fed_total_assets_usd_bn", "tga_usd_bn", "on_rrp_usd_bn", "net_liquidity_usd_bn"),
    "marts.net_liquidity_daily": ("fed_total_assets_usd_bn", "tga_usd_bn", "on_rrp_usd_bn", "net_liquidity_usd_bn"),
    "marts.carry_daily": ("us_2y_pct", "jp_2y_pct", "carry_2y_bp", "usdjpy_rate"),
    "marts.credit_daily": ("hy_oas_bp", "ig_oas_bp"),
    "marts.volatility_daily": ("vix_index", "vvix_index"),
    "marts.options_sentiment_daily": ("put_call_total_ratio",),
    "marts.breadth_daily": ("above_200dma_pct", "advance_decline_line_count"),
}
"""The columns that may not lose what they show, by mart."""

LOST_COUNT: Final = 3
LOST_RATIO: Final = 0.02
RECENT_ROWS: Final = 10
"""A column lost too much when more than LOST_COUNT of its rows and LOST_RATIO of them have no value any more, or all of
the newest RECENT_ROWS that had one."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A column of which a release lacks what the one before shows."""

    mart: str
    column: str
    lost_count: int
    had_count: int
    first_date: date
    last_date: date

    def __str__(self) -> str:
        return (
            f"{self.mart}.{self.column} would lose {self.lost_count:,} of {self.had_count:,} values "
            f"({self.first_date} to {self.last_date})"
        )


def losses(con: duckdb.DuckDBPyConnection, home: Home) -> list[Loss]:
    """Return what the marts in the build file lack of the release that is published; nothing without a release.

    A published file that cannot be read holds nothing that could be compared: publication says so and replaces it.
    """
    if not home.published.is_file():
        return []
    path = str(home.published).replace("'", "''")
    try:
        con.execute(f"attach '{path}' as release_before (read_only)")
    except duckdb.Error:
        return []
    try:
        return [loss for mart, columns in HEADLINES.items() for loss in _of_mart(con, mart, columns)]
    except duckdb.Error as error:
        if is_damage(error):  # it opens, and a page of it does not
            return []
        raise
    finally:
        con.execute("detach release_before")


def require_no_loss(found: Sequence[Loss]) -> None:
    """AuditFailed when a headline would lose values that the release before shows."""
    if found:
        more = f"; and {len(found) - 1} more columns" if len(found) > 1 else ""
        raise AuditFailed(
            f"audit failed: {found[0]}{more}: the release before stays. Look at `tidegauge status` for the source that "
            "failed; if the loss is right, publish with --accept-loss"
        )


def _of_mart(con: duckdb.DuckDBPyConnection, mart: str, columns: tuple[str, ...]) -> list[Loss]:
    schema, name = mart.split(".")
    before, now = (
        {
            column
            for (column,) in con.execute(
                "select column_name from duckdb_columns()"
                " where database_name = ? and schema_name = ? and table_name = ?",
                [database, schema, name],
            ).fetchall()
        }
        for database in ("release_before", con.execute("select current_database()").fetchone()[0])  # type: ignore[index]
    )
    if not now:
        return []  # a mart that is no more is a change of the product, not of the data
    day = "week_date" if "week_date" in now else "session_date"
    keys = [day, *(["universe"] if "universe" in now else [])]
    return [
        loss
        for column in columns
        if column in before and column in now and (loss := _of_column(con, mart, keys, column)) is not None
    ]


def _of_column(con: duckdb.DuckDBPyConnection, mart: str, keys: list[str], column: str) -> Loss | None:
    day = keys[0]
    row = con.execute(
        f"""
        with had as (
            select {", ".join(keys)}, row_number() over (order by {day} desc) <= {RECENT_ROWS} as is_recent
            from release_before.{mart} where {column} is not null
        ),
        judged as (
            select h.{day} as day, h.is_recent, n.{column} is null as is_lost
            from had h left join {mart} n on {" and ".join(f"h.{key} = n.{key}" for key in keys)}
        )
        select count(*) filter (where is_lost), count(*),
            min(day) filter (where is_lost), max(day) filter (where is_lost),
            bool_and(is_lost) filter (where is_recent)
        from judged
        """
    ).fetchone()
    assert row is not None
    lost, had, first, last, is_recent_lost = row
    is_many = lost > LOST_COUNT and lost > LOST_RATIO * had
    return Loss(mart, column, lost, had, first, last) if is_many or (had and is_recent_lost) else None
