"""Whose prices are asked for: members always, those that left until we have them, those nobody knows once a week."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from ingest.batch import Batch, GateResult, Window
from ingest.catalog import load_catalog
from ingest.catalog.funds import load_funds
from ingest.catalog.watched import load_watched
from ingest.errors import SourceUnavailable, SymbolUnknown
from tests.unit.databases import empty_build
from tests.unit.test_panel_landing import price, rows_of
from warehouse import landing
from warehouse.panel_wanted import former_tickers, lacking_tickers, wanted_tickers
from warehouse.reference import replace_reference

TODAY = date(2026, 6, 11)
FUNDS = {fund.ticker for fund in load_funds()} | {one.ticker for one in load_watched()}


def evening(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 23, tzinfo=UTC)


@pytest.fixture
def con():
    """IN is a member, LEFT left ten days ago, OLD in 2010."""
    with empty_build() as connection:
        moment = evening(TODAY)
        stays = rows_of(
            "sp500_membership.intervals",
            moment,
            ("IN", date(2000, 1, 3), "IN", None, None, None),
            ("LEFT", date(2000, 1, 3), "LEFT", None, None, TODAY - timedelta(days=10)),
            ("OLD", date(2000, 1, 3), "OLD", None, None, date(2010, 6, 1)),
        )
        window = Window("", None, table_id="sp500_membership.intervals")
        land(connection, "sp500_membership", stays, window, TODAY)
        yield connection


def land(con, desk, frame, window, day, *, problems=(), lacks=()) -> None:
    source = "yahoo" if desk == "yahoo_prices" else desk
    batch = Batch(source, {window.table_id: frame}, (window,), (), problems, evening(day), desk, lacks)
    gated = GateResult({window.table_id: frame}, {window.table_id: frame.clear()}, (), None)
    landing.land(con, batch, gated, load_catalog(), "run", evening(day))


def asked(con, day: date, *, problems=(), lacks=()) -> None:
    """Record a run of that day that brought IN only."""
    frame = rows_of("yahoo.prices", evening(day), price("IN", day, 10.0))
    land(con, "yahoo_prices", frame, Window("IN", day, table_id="yahoo.prices"), day, problems=problems, lacks=lacks)


def unknown(*tickers: str) -> tuple[SymbolUnknown, ...]:
    return tuple(SymbolUnknown("yahoo", ticker, expected="a chart", seen="Not Found") for ticker in tickers)


def stocks(con, day: date) -> set[str]:
    return set(wanted_tickers(con, day)) - FUNDS


def test_who_left_is_asked_for_until_it_is_held(con):
    assert stocks(con, TODAY) == {"IN", "LEFT", "OLD"}
    assert former_tickers(con, TODAY) == {"LEFT", "OLD"}
    frame = rows_of("yahoo.prices", evening(TODAY), price("OLD", date(2010, 5, 28), 10.0))
    land(con, "yahoo_prices", frame, Window("OLD", date(2000, 1, 1), table_id="yahoo.prices"), TODAY)
    assert stocks(con, TODAY) == {"IN", "LEFT"}


def test_who_is_not_known_is_asked_for_once_a_week(con):
    asked(con, TODAY, lacks=unknown("LEFT", "OLD"))
    assert stocks(con, TODAY) == {"IN"}
    assert stocks(con, TODAY + timedelta(days=6)) == {"IN"}
    assert stocks(con, TODAY + timedelta(days=8)) == {"IN", "LEFT", "OLD"}


def test_a_present_member_is_asked_for_whatever_the_provider_says(con):
    asked(con, TODAY, problems=unknown("IN"))
    assert "IN" in stocks(con, TODAY)
    assert "IN" not in former_tickers(con, TODAY)


def test_an_outage_makes_nobody_silent(con):
    asked(con, TODAY, problems=[SourceUnavailable("yahoo", "OLD", "HTTP 503")])
    assert stocks(con, TODAY) == {"IN", "LEFT", "OLD"}


def test_who_comes_back_is_a_member_again(con):
    moment = evening(TODAY)
    back = rows_of("sp500_membership.intervals", moment, ("OLD", TODAY, "OLD", None, None, None))
    land(con, "sp500_membership", back, Window("", TODAY, table_id="sp500_membership.intervals"), TODAY)
    asked(con, TODAY, lacks=unknown("OLD"))
    assert "OLD" in stocks(con, TODAY)
    assert "OLD" not in former_tickers(con, TODAY)


def test_lacking_are_those_without_the_newest_session(con):
    night = evening(TODAY) + timedelta(hours=1)
    replace_reference(con, load_catalog(), night)
    assert lacking_tickers(con, ["IN", "LEFT", "SPY"], night) == ["IN", "SPY"], "LEFT has left"
    asked(con, TODAY)
    assert lacking_tickers(con, ["IN", "SPY"], night) == ["SPY"]
    assert lacking_tickers(con, ["IN"], night + timedelta(days=1)) == ["IN"]


def test_a_member_whose_end_we_saw_is_lacking_no_more(con):
    night = evening(TODAY) + timedelta(hours=1)
    replace_reference(con, load_catalog(), night)
    end = TODAY - timedelta(days=3)
    left = rows_of("sp500_membership.intervals", evening(TODAY), ("IN", date(2000, 1, 3), "IN", None, None, end))
    land(con, "sp500_membership", left, Window("", TODAY, table_id="sp500_membership.intervals"), TODAY)
    assert lacking_tickers(con, ["IN"], night) == []
