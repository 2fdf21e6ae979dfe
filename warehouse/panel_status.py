"""How desks and funds stand, for `tidegauge doctor`: who gave no answer, whose data lack, whose prices disagree."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import duckdb

from ingest.catalog.funds import Fund, load_funds
from ingest.connectors import TABLE_CONNECTORS
from warehouse.latest import newest

NAV_TOLERANCE_RATIO: Final = 0.10
"""A fund's NAV is within a few percent of its close, or it is another fund's."""

_DAYS_COMPARED: Final = 5


@dataclass(frozen=True, slots=True)
class StrangeNav:
    """A fund whose issuer's NAV lies far from its close on the market: median over the last days that both have."""

    fund: Fund
    newest_date: date
    ratio: float


@dataclass(frozen=True, slots=True)
class PanelStatus:
    """`failed`: desk and reason where the last run had no answer. `without_data`: funds that trade and have no day."""

    failed: tuple[tuple[str, str], ...]
    without_data: tuple[Fund, ...]
    strange: tuple[StrangeNav, ...]


def panel_status(con: duckdb.DuckDBPyConnection, now: datetime) -> PanelStatus:
    """Read the build file; `now` (aware) says which funds trade."""
    today = now.date()
    trading = [
        fund
        for fund in load_funds()
        if (fund.active_from is None or fund.active_from < today)
        and (fund.active_to is None or fund.active_to >= today)
    ]
    held = {
        (source, ticker)
        for source in ("ssga", "ishares", "proshares", "user_file")
        for (ticker,) in con.execute(f"select distinct ticker from {source}.fund_days").fetchall()
    }
    without = tuple(fund for fund in trading if not held & {(fund.source, fund.ticker), ("user_file", fund.ticker)})
    return PanelStatus(_failed(con), without, _strange(con, trading))


def _failed(con: duckdb.DuckDBPyConnection) -> tuple[tuple[str, str], ...]:
    last = {
        source: (state, error)
        for source, state, error in con.execute(
            """
            select source, arg_max(state, recorded_at), arg_max(struct_pack(error), recorded_at).error
            from ops.source_runs group by source
            """
        ).fetchall()
    }
    return tuple(
        (desk.name, last[desk.name][1] or last[desk.name][0])
        for desk in TABLE_CONNECTORS
        if desk.name in last and last[desk.name][0] in ("failed", "held")
    )


def _strange(con: duckdb.DuckDBPyConnection, funds: list[Fund]) -> tuple[StrangeNav, ...]:
    """Return the funds whose address may be wrong: iShares' documents do not name the fund they are of."""
    found = []
    wanted = "(from yahoo.prices where ticker in (select ticker from navs))"
    for source in sorted({fund.source for fund in funds}):
        rows = con.execute(
            f"""
            with navs as (
                -- not the view: doctor reads homes of before it
                select * from ({newest(f"{source}.fund_days", ("ticker", "report_date"))}) where nav_usd is not null
            ),
            closes as (
                select * from ({newest(wanted, ("ticker", "session_date"))}) where close_usd is not null
            ),
            latest as (
                select n.ticker, n.report_date, n.nav_usd / c.close_usd - 1 as ratio
                from navs n join closes c on c.ticker = n.ticker and c.session_date = n.report_date
                qualify row_number() over (partition by n.ticker order by n.report_date desc) <= $days
            )
            select ticker, max(report_date), median(ratio) from latest
            group by ticker having abs(median(ratio)) > $tolerance
            """,
            {"days": _DAYS_COMPARED, "tolerance": NAV_TOLERANCE_RATIO},
        ).fetchall()
        by_ticker = {fund.ticker: fund for fund in funds if fund.source == source}
        found += [StrangeNav(by_ticker[ticker], on, ratio) for ticker, on, ratio in rows if ticker in by_ticker]
    return tuple(sorted(found, key=lambda one: one.fund.ticker))
