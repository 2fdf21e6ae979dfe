"""What the issuers' renderers share: the days of a fund as shown now, and the positions of funds of members."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import cast

import polars as pl

from ingest.catalog.calendars import working_days
from ingest.catalog.funds import Fund
from ingest.clock import NEW_YORK, naive_utc
from ingest.dataset import dataset
from simulator.render.view import Made, View

_SECTOR_TITLES = {"software": "Information Technology", "technology": "Information Technology"}
_FULL_PERCENT = 99.7
"""What is not in cash and futures."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """Positions (columns of Panel.capitalisation, weight_pct, shares) of a fund at the close of `as_of`.

    `cash_usd` is not in them, `shares_count` are the fund's own shares outstanding.
    """

    as_of: date
    positions: pl.DataFrame
    cash_usd: float
    shares_count: float


def fund_of(view: View, source: str, code: str) -> Fund | None:
    """Return the issuer's fund of that code."""
    return next((fund for fund in view.market.panel.funds if (fund.source, fund.provider_code) == (source, code)), None)


def days_of(view: View, fund: Fund) -> pl.DataFrame:
    """Return report_date, nav_usd, shares_outstanding_count, net_assets_usd, newest first; a fault rescales shares."""
    days = view.market.panel.days_of(fund.ticker, view.now)
    if view.since is not None:
        days = days.filter(pl.col("report_date") >= view.since)
    shares = pl.col("shares_outstanding_count") * view.scale
    return days.with_columns(shares).reverse()


def remembered(view: View, name: str, fund: Fund, days: pl.DataFrame, make: Callable[[], Made]) -> Made:
    """Return what `make` gives, made once for as long as the fund has no new day."""
    key = (name, fund.ticker, days["report_date"][0], days.height, view.since, view.scale)
    return cast(Made, view.market.remember(key, make))


def recorded(view: View, fund: Fund) -> bytes | None:
    """Return the holdings file of the fund as it was recorded; None where there is none, or not yet."""
    document = view.market.panel.documents.get(fund.ticker)
    return document.body if document is not None and document.known_at <= naive_utc(view.now) else None


def holdings_of(view: View, fund: Fund) -> Holdings | None:
    """Return the positions of the newest day whose file is out; None for a fund that holds no members."""
    members = _members(view, fund)
    if members is None:
        return None
    as_of, positions = members
    days = view.market.panel.days_of(fund.ticker, view.now).filter(pl.col("report_date") == as_of)
    if days.is_empty() or positions.is_empty():
        return None
    assets = float(days["net_assets_usd"][0])
    weight = pl.col("cap_usd") / pl.col("cap_usd").sum() * _FULL_PERCENT
    held = positions.with_columns(weight.alias("weight_pct"))
    held = held.with_columns((pl.col("weight_pct") / 100 * assets / pl.col("close_usd")).round().alias("shares"))
    return Holdings(as_of, held, assets * (1 - _FULL_PERCENT / 100), float(days["shares_outstanding_count"][0]))


def _members(view: View, fund: Fund) -> tuple[date, pl.DataFrame] | None:
    """Return day and members with their capitalisation: of the index, or of the fund's sector."""
    as_of = _as_of(view.now)
    is_of_members = fund.category in ("us_equity_broad", "us_equity_sector") and view.market.panel.has_names
    if not is_of_members or as_of is None:
        return None
    key = ("capitalisation", as_of)
    members = cast(pl.DataFrame, view.market.remember(key, lambda: view.market.panel.capitalisation(as_of)))
    if fund.category == "us_equity_broad":
        return as_of, members
    title = _SECTOR_TITLES.get(fund.subcategory, fund.subcategory.replace("_", " ").title())
    return as_of, members.filter(pl.col("sector") == title)


def _as_of(now: datetime) -> date | None:
    today = now.astimezone(NEW_YORK).date()
    sessions = working_days("nyse", today - timedelta(days=14), today)
    released = dataset("ssga.holdings").own_release.released_at(pl.Series(sessions, dtype=pl.Date))
    out = [day for day, moment in zip(sessions, released.to_list(), strict=True) if moment <= naive_utc(now)]
    return out[-1] if out else None
