"""The issuers' desks against the simulated market, over HTTP: what is read is what the market holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.archive import Archive
from ingest.batch import Batch
from ingest.clock import clock_at
from ingest.collect import collect
from ingest.connectors import connector
from ingest.http import Upstream
from ingest.settings import Settings
from simulator import StandIn
from tests.unit.panel_helpers import panel_context
from tests.unit.standin_helpers import market, new_york

NOW = new_york("2026-11-20T12:00")


@pytest.fixture
def asked(tmp_path: Path) -> Iterator:
    """Return a function that asks one desk for some funds."""
    with StandIn(market(), NOW) as stand_in:
        settings = Settings(_env_file=None, upstream=stand_in.url, home=tmp_path)
        with Upstream(settings, clock_at(NOW), Archive(tmp_path / "archive")) as http:

            def ask(desk: str, *tickers: str) -> Batch:
                context = panel_context(desk, http, funds=tickers, now=NOW, upstream=stand_in.url, home=tmp_path)
                return collect(connector(desk), context)

            yield ask


@pytest.mark.parametrize(("desk", "ticker"), [("ssga", "XLK"), ("ssga", "SPY"), ("ishares", "EFA"), ("ishares", "IVV")])
def test_histories_are_those_of_the_market(asked, desk: str, ticker: str) -> None:
    batch = asked(desk, ticker)
    assert batch.problems == ()
    ours = batch.tables[f"{desk}.fund_days"].sort("report_date")
    theirs = market().panel.days_of(ticker, NOW).sort("report_date")
    assert ours.height > 1000
    for column in ("report_date", "nav_usd", "shares_outstanding_count"):
        assert ours[column].to_list() == theirs[column].to_list(), column


def test_proshares_net_assets_are_those_of_the_market_on_whatever_split_basis(asked) -> None:
    batch = asked("proshares", "TQQQ", "SQQQ")
    assert batch.problems == ()
    days = batch.tables["proshares.fund_days"]
    for ticker in ("TQQQ", "SQQQ"):
        ours = days.filter(days["ticker"] == ticker).sort("report_date")
        theirs = market().panel.days_of(ticker, NOW).sort("report_date")
        assert ours["net_assets_usd"].to_list() == pytest.approx(theirs["net_assets_usd"].to_list(), abs=0.01)
    assert set(batch.tables["proshares.splits"]["ticker"]) == {"TQQQ", "SQQQ"}


@pytest.mark.parametrize(("desk", "ticker"), [("ssga", "SPY"), ("ishares", "IVV")])
def test_holdings_are_of_one_day_and_name_the_members(asked, desk: str, ticker: str) -> None:
    holdings = asked(desk, ticker).tables[f"{desk}.holdings"]
    assert holdings["fund_ticker"].unique().to_list() == [ticker]
    assert holdings["as_of_date"].n_unique() == 1
    assert holdings.height > 100


def test_ici_weeks_are_those_of_the_market(asked) -> None:
    batch = asked("ici")
    assert batch.problems == ()
    ours = batch.tables["ici.weekly_flows"]
    theirs = market().panel.weekly_flows_at(NOW)
    keys = ["week_end_date", "category"]
    both = ours.join(theirs, on=keys, suffix="_market")
    assert both.height == ours.height > 1000
    assert both["flow_usd_mn"].to_list() == both["flow_usd_mn_market"].to_list()
