"""What is derived from the regime rows of a build: episodes, what followed, validity, and how the truth was met.

The one door from the build file to the pure functions beside this module. It reads and never writes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import duckdb
import polars as pl

from analytics.regimes.episodes import EPISODES, regime_episodes
from analytics.regimes.falsification import FALSIFICATION, Evidence, own_only, regime_falsification
from analytics.regimes.forward_returns import FORWARD_RETURNS, forward_returns
from analytics.regimes.known_episodes import KNOWN_EPISODES, regime_known_episodes, with_published_breadth
from analytics.regimes.outcomes import OUTCOMES, regime_outcomes
from analytics.regimes.thresholds import number
from analytics.regimes.truth import CONFUSION, DETECTION, TRUTH, TRUTH_TABLES, confusion, detection, regime_truth
from analytics.regimes.validity import VALIDITY, References, regime_validity
from ingest.second_process import READ, done
from warehouse.derived_table import DerivedTable
from warehouse.latest import NEWEST_FIRST

if TYPE_CHECKING:
    from ingest.second_process import SecondProcess

FOLLOWED_TABLES: Final = (
    EPISODES,
    FORWARD_RETURNS,
    OUTCOMES,
    VALIDITY,
    KNOWN_EPISODES,
    FALSIFICATION,
    *TRUTH_TABLES,
)
"""All that `derive` may return; those of the truth only for a simulated market."""

REFERENCE_SERIES: Final = ("nfci", "stlfsi", "ofr_fsi", "vix_close", "sp500_above_200dma_published")
_MEASURES: Final = (
    "vix_index",
    "vvix_index",
    "vvix_above_110_streak_count",
    "move_index",
    "hy_oas_bp",
    "hy_oas_change_21d_bp",
    "carry_2y_change_21d_bp",
    "sp500_close_index",
)


def derive(con: duckdb.DuckDBPyConnection, *, truth: Path | None = None) -> dict[DerivedTable, pl.DataFrame]:
    """Return every table derived from marts.regime_daily, the frames in the columns and types of their tables.

    Reads marts.regime_daily, marts.observations, marts.market_daily, marts.breadth_daily, marts.prices_daily,
    marts.etf_flows_weekly and calendar.sessions. `truth` is the simulator's own account of its regimes (LATENT_SCHEMA,
    Parquet), which the session of a rehearsal carries; without it, and for every market that is not simulated, there
    are no tables of the truth.
    """
    return Deriving(con, truth=truth).finish()


class Deriving:
    """The tables of `derive`, all but OUTCOMES there at once: what followed each state is worked out by `second`."""

    def __init__(
        self, con: duckdb.DuckDBPyConnection, *, truth: Path | None = None, second: SecondProcess | None = None
    ) -> None:
        rows = con.execute("select * from marts.regime_daily order by session_date").pl()
        sessions = con.execute("select session_date, open_at, session_seq from calendar.sessions").pl()
        is_simulated = _is_simulated(con)
        returns = forward_returns(rows, sessions, _prices(con))
        self._outcomes = (
            done(regime_outcomes(rows, returns))
            if second is None
            else second.begin(READ, lambda: regime_outcomes(rows, returns), regime_outcomes, rows, returns)
        )
        references = _references(con)
        validity = regime_validity(rows, references)
        measures = _measures(con)
        episodes = regime_known_episodes(with_published_breadth(_beside(rows, measures)), is_simulated=is_simulated)
        own = own_only(rows)
        evidence_of_own = Evidence(
            own,
            regime_validity(own, references),
            regime_known_episodes(_beside(own, measures), is_simulated=is_simulated),
        )
        self._found = {
            EPISODES: regime_episodes(rows),
            FORWARD_RETURNS: returns,
            VALIDITY: validity,
            KNOWN_EPISODES: episodes,
            FALSIFICATION: regime_falsification(Evidence(rows, validity, episodes), evidence_of_own),
        }
        if truth is not None and is_simulated:
            met = regime_truth(rows, pl.read_parquet(truth))
            self._found |= {TRUTH: met, CONFUSION: confusion(met), DETECTION: detection(met)}

    def finish(self) -> dict[DerivedTable, pl.DataFrame]:
        """Wait for OUTCOMES and return all tables, in the order of FOLLOWED_TABLES."""
        found = self._found | {OUTCOMES: self._outcomes.result()}
        return {table: found[table] for table in FOLLOWED_TABLES if table in found}


def _is_simulated(con: duckdb.DuckDBPyConnection) -> bool:
    found = con.execute("select data_origin from marts.market_daily limit 1").fetchone()
    return found is not None and found[0] == "SIMULATED"


def _prices(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Return session_date, open, low, close of the S&P 500, and total, dividend of SPY, which pays its dividends."""
    return con.execute(
        """
        select
            session_date, m.sp500_open_index as open, m.sp500_low_index as low, m.sp500_close_index as close,
            p.close_dividend_adjusted_usd as total, p.dividend_usd as dividend
        from marts.market_daily as m
        full join (select * from marts.prices_daily where ticker = 'SPY') as p using (session_date)
        """
    ).pl()


def _references(con: duckdb.DuckDBPyConnection) -> References:
    observations = con.execute(
        f"""
        select series_id, provider, provider_rank, period_date, value from marts.observations
        where series_id in ({", ".join(f"'{name}'" for name in REFERENCE_SERIES)})
        qualify row_number() over (
            partition by series_id, provider, period_date order by {NEWEST_FIRST}
        ) = 1
        """
    ).pl()
    weekly = con.execute("select category, week_end_date, is_same_sign from marts.etf_flows_weekly").pl()
    breadth = con.execute(
        "select session_date, above_200dma_pct, coverage_ratio from marts.breadth_daily where universe = 'SPX'"
    ).pl()
    return References(observations, weekly, breadth)


def _measures(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Return what happened on each session: breadth is our own count where it covers the index, else the published
    series."""
    return con.execute(
        f"""
        with published as (
            select period_date as session_date, value from marts.observations
            where series_id = 'sp500_above_200dma_published'
            qualify row_number() over (partition by period_date order by {NEWEST_FIRST}) = 1
        )
        select
            m.session_date, {", ".join(f"m.{name}" for name in _MEASURES)},
            p.value as published_above_200dma_pct,
            coalesce(case when 100 * b.coverage_ratio >= $enough then b.above_200dma_pct end, p.value)
                as above_200dma_pct
        from marts.market_daily as m
        left join marts.breadth_daily as b on m.session_date = b.session_date and b.universe = 'SPX'
        left join published as p on m.session_date = p.session_date
        """,
        {"enough": number("breadth", "coverage", "coverage")},
    ).pl()


def _beside(rows: pl.DataFrame, measures: pl.DataFrame) -> pl.DataFrame:
    return rows.join(measures, on="session_date", how="left", maintain_order="left")
