"""What the simulated economy has of monetary policy: target, futures, Kalshi and the calendar agree with its rates."""

from __future__ import annotations

import json
from datetime import date

import polars as pl

from simulator import Market
from simulator.market import MARKET_SCHEMA
from simulator.render import Request, View, render
from tests.unit.standin_helpers import market, new_york

NOW = "2026-11-18T18:30"


def ask(address: str, query: str = "", now: str = NOW, source: Market | None = None) -> tuple[int, str]:
    host, _, path = address.partition("/")
    answer = render(View(source or market(), new_york(now)), Request(host, f"/{path}", query))
    return answer.status, answer.body.decode()


def chart(symbol: str, now: str = NOW) -> dict:
    status, body = ask(f"query2.finance.yahoo.com/v8/finance/chart/{symbol}", "interval=1d", now)
    assert status in (200, 404)
    return json.loads(body)["chart"]


def test_the_target_moves_with_the_rate_on_reserves_and_the_effective_rate_lies_in_it():
    known = {
        name: market().known(name, "fred", new_york(NOW)).rename({"value": name})
        for name in ("fed_funds_target_lower", "fed_funds_target_upper", "iorb", "effr")
    }
    upper = known["fed_funds_target_upper"]
    assert upper["period_date"].diff().drop_nulls().dt.total_days().max() == 1  # weekends too
    both = upper.join(known["fed_funds_target_lower"], on="period_date")
    assert (both["fed_funds_target_upper"] - both["fed_funds_target_lower"]).unique().to_list() == [0.25]
    rates = both.join(known["iorb"], on="period_date").join(known["effr"], on="period_date")
    assert (rates["fed_funds_target_upper"] == rates["iorb"]).all()
    inside = rates["effr"].is_between(rates["fed_funds_target_lower"] - 0.05, rates["fed_funds_target_upper"] + 0.05)
    assert inside.all()


def test_the_running_month_is_priced_at_the_effective_rate_and_what_expired_is_unknown():
    effective = market().known("effr", "fred", new_york(NOW))["value"][-1]
    (front,) = chart("ZQX26.CBT")["result"]
    assert front["meta"]["instrumentType"] == "FUTURE"
    assert abs(100 - front["indicators"]["quote"][0]["close"][-1] - effective) < 0.01
    assert chart("ZQV26.CBT")["error"]["code"] == "Not Found"
    (far,) = chart("ZQX27.CBT")["result"]
    quote = far["indicators"]["quote"][0]
    assert quote["volume"][-2:] == [0, 0]
    assert quote["close"][-1] == quote["close"][-2]


def test_kalshi_has_five_outcomes_of_each_meeting_over_two_pages():
    address = "api.elections.kalshi.com/trade-api/v2/markets"
    first = json.loads(ask(address, "series_ticker=KXFEDDECISION&limit=200")[1])
    second = json.loads(ask(address, f"series_ticker=KXFEDDECISION&cursor={first['cursor']}")[1])
    assert second["cursor"] == ""
    markets = pl.DataFrame(first["markets"] + second["markets"])
    assert markets["ticker"].is_unique().all()
    assert markets.group_by("event_ticker").len()["len"].unique().to_list() == [5]
    price = (pl.col("yes_bid_dollars").cast(pl.Float64) + pl.col("yes_ask_dollars").cast(pl.Float64)) / 2
    sums = markets.group_by("event_ticker").agg(price.sum())["yes_bid_dollars"]
    assert sums.is_between(0.95, 1.08).all()


def test_the_calendar_has_a_jobs_report_and_prices_of_each_month():
    status, body = ask("www.bls.gov/schedule/news_release/bls.ics")
    assert status == 200
    assert body.startswith("BEGIN:VCALENDAR\r\n")
    assert body.count("SUMMARY:Consumer Price Index") == 36
    assert "DTSTART;TZID=US-Eastern:20261204T083000\r\nSUMMARY:Employment Situation" in body


def test_nothing_is_made_up_beside_recorded_figures_and_what_was_recorded_is_served():
    address = "www.bls.gov/schedule/news_release/bls.ics"
    nothing = pl.DataFrame(schema=dict(MARKET_SCHEMA))
    recorded = Market(nothing, recorded={address: b"as recorded"})
    assert ask(address, source=recorded) == (200, "as recorded")
    for other in (address, "api.elections.kalshi.com/trade-api/v2/markets"):
        assert ask(other, source=Market(nothing))[0] == 404
    assert not Market(nothing).is_simulated
    assert market().latent["session_date"][-1] >= date(2026, 11, 1)
