"""How closes move from session to session, splits undone, and which of the moves nobody can explain."""

from __future__ import annotations

from typing import Final

import polars as pl

from ingest.catalog.confirmed_moves import load_confirmed_moves
from ingest.rules.evidence import Evidence

LARGEST_RETURN_RATIO: Final = 0.40
MOVE_CHECK: Final = "large_return_is_confirmed"

_SAME_CLOSE: Final = 0.01  # two providers' closes of one day differ by less


def moves_of(rows: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """Return position, ticker, session_date, close_usd, level, before_date, before_usd, factor of rows with a close.

    Sorted by ticker and session. `level`: the close on one split basis throughout; `factor`: the level over the one
    before; `before_date` and `before_usd`: the day of that close, and what it is on the split basis of this one.
    """
    order = ["ticker", "session_date"]
    closes = rows.select("position", *order, "close_usd").filter(pl.col("close_usd") > 0).sort(order)
    closes = with_basis(closes, splits).with_columns(level=pl.col("close_usd") * pl.col("basis"))
    before = pl.col("level").shift(1).over("ticker")
    return closes.select(
        "position",
        *order,
        "close_usd",
        "level",
        before_date=pl.col("session_date").shift(1).over("ticker"),
        before_usd=before / pl.col("basis"),
        factor=pl.col("level") / before,
    )


def with_basis(rows: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """Return `rows`, sorted by ticker and session_date, with `basis`: the product of the splits up to each session."""
    order = ["ticker", "session_date"]
    bases = (
        splits.filter(pl.col("split_ratio") > 0)
        .unique(order)
        .sort(order)
        .select(*order, basis=pl.col("split_ratio").cum_prod().over("ticker"))
    )
    if bases.is_empty():
        return rows.with_columns(basis=pl.lit(1.0))
    joined = rows.join_asof(bases, on="session_date", by="ticker", check_sortedness=False)
    return joined.with_columns(pl.col("basis").fill_null(1.0))


def doubtful(moves: pl.DataFrame) -> pl.DataFrame:
    """Return the moves that only a list or a second source can confirm."""
    return moves.filter((pl.col("factor") - 1).abs() > LARGEST_RETURN_RATIO)


def unexplained(moves: pl.DataFrame, evidence: Evidence) -> pl.DataFrame:
    """Return the doubtful moves, without those that are listed or that another provider shows too.

    The close of the day alone is no evidence: after a split that we were not told, theirs is ours. Theirs of the day
    before tells the two apart, for it is divided by the split.
    """
    doubted = doubtful(moves)
    if doubted.is_empty():
        return doubted
    key = ["ticker", "session_date"]
    left = doubted.join(load_confirmed_moves(), on=key, how="anti")
    before = evidence.closes.rename({"session_date": "before_date", "close_usd": "before_usd_second"})
    second = (
        left.join(evidence.closes, on=key, suffix="_second")
        .join(before, on=["ticker", "before_date"])
        .filter(
            *((pl.col(f"{name}_second") / pl.col(name) - 1).abs() < _SAME_CLOSE for name in ("close_usd", "before_usd"))
        )
    )
    return left.join(second.select("position"), on="position", how="anti")


def large_moves(rows: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """Return ticker and session_date of the closes that only a list or a second source can confirm.

    And those of the closes before them: a second source that has the one without the other does not show the move.
    """
    moves = moves_of(rows.select("ticker", "session_date", "close_usd").with_row_index("position"), splits)
    doubted = doubtful(moves)
    # a close that comes back from a bad one moved too, and is no news
    before = doubted.select("ticker", session_date="before_date")
    return pl.concat([doubted.select("ticker", "session_date"), before]).unique(maintain_order=True)
