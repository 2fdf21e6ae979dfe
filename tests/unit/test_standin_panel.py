"""The cross-section: identities, prefix stability, nothing before its release, and every publisher's own bytes."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache

import numpy as np
import polars as pl
import pytest

from ingest.catalog.funds import load_funds
from ingest.clock import NEW_YORK, naive_utc
from ingest.dataset import dataset
from ingest.membership import read_membership
from ingest.payload import Payload
from ingest.sources.sp500_membership import sp500_membership
from ingest.sources.yahoo import yahoo_prices
from simulator import Market, StandIn, simulate
from simulator.economy import funds as told
from simulator.economy.grid import FIRST_DAY, Grid
from simulator.economy.roster import (
    HALTED,
    LATE,
    ONE_FOR_TEN,
    RECYCLED,
    RENAMED,
    RESTATED,
    TEN_FOR_ONE,
    TWO_FOR_ONE,
    roster,
)
from simulator.panel import PANEL_SCHEMA, Panel
from tests.unit.standin_helpers import END, ask, market, new_york

NOW = "2026-11-19T09:15"
CHART = "/query2.finance.yahoo.com/v8/finance/chart"
ALL_DAYS = "period1=946702800&period2=1900000000&interval=1d&events=div%2Csplits%2CcapitalGains"
SSGA = "/www.ssga.com/library-content/products/fund-data/etfs/us"
ISHARES = "/www.blackrock.com/varnish-api/blk-one01-product-data/product-data/api/v1/get-fund-document"
FILES = "/raw.githubusercontent.com/fja05680/sp500/master"


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with StandIn(market(), new_york(NOW)) as running:
        yield running


@cache
def panel() -> Panel:
    return market().panel


def of(frame: pl.DataFrame, permid: str) -> pl.DataFrame:
    return frame.filter(pl.col("permid") == permid)


def adjusted_returns() -> pl.DataFrame:
    """Return permid, session_date and ret of every member that ever was, over split-adjusted first prints."""
    members = panel().membership["permid"].unique().to_list()
    first = panel().prices.filter(pl.col("permid").is_in(members)).sort("permid", "session_date", "known_at")
    first = first.unique(["permid", "session_date"], keep="first", maintain_order=True)
    grown = pl.col("split_ratio").fill_null(1.0).cum_prod().over("permid")
    level = first.join(panel().splits, on=["permid", "session_date"], how="left").with_columns(
        (pl.col("close_usd") * grown).alias("level")
    )
    return level.with_columns((pl.col("level") / pl.col("level").shift(1).over("permid") - 1).alias("ret"))


# ---- the market itself ---------------------------------------------------------------------------------------------


def test_the_index_always_has_its_members_and_each_is_listed():
    tickers = panel().tickers
    for day in (date(2012, 1, 3), date(2013, 12, 23), date(2016, 3, 21), date(2021, 3, 22), END):
        members = panel().members(day)
        assert members.height == 110
        assert members["permid"].is_unique().all()
        listed = tickers.filter(
            (pl.col("start_date") <= day) & (pl.col("end_date").is_null() | (pl.col("end_date") > day))
        )
        assert set(members.select("permid", "ticker").rows()) <= set(listed.select("permid", "ticker").rows())


def test_as_many_members_as_asked_for():
    small = simulate(date(2012, 3, 1), members=60).panel
    assert small.members(date(2012, 2, 1)).height == 60
    large = simulate(date(2012, 3, 1), members=500).panel
    assert large.members(date(2012, 2, 1)).height == 500
    with pytest.raises(ValueError, match="at least 20 members"):
        simulate(date(2012, 3, 1), members=10)


def test_bars_are_sound():
    bars = panel().prices.drop_nulls("close_usd")
    inside = bars.filter(
        (pl.col("high_usd") >= pl.max_horizontal("open_usd", "close_usd"))
        & (pl.col("low_usd") <= pl.min_horizontal("open_usd", "close_usd"))
        & (pl.col("low_usd") > 0)
        & (pl.col("volume_shares") >= 0)
    )
    assert inside.height == bars.height
    assert bars.height > 400_000
    assert adjusted_returns()["ret"].abs().max() < 0.4  # more is quarantined


def test_breadth_agrees_with_the_regime():
    returns = adjusted_returns().with_columns(
        (pl.col("level") > pl.col("level").rolling_mean(200).over("permid")).alias("above")
    )
    days = returns.group_by("session_date").agg((pl.col("ret") > 0).mean().alias("up"), pl.col("above").mean())
    by_regime = days.join(market().latent, on="session_date").group_by("regime").agg(pl.col("up", "above").mean())
    up = dict(by_regime.select("regime", "up").iter_rows())
    above = dict(by_regime.select("regime", "above").iter_rows())
    assert up["crisis"] < 0.5 < up["calm"] < up["recovery"]
    assert above["crisis"] < 0.5 < 0.7 < above["calm"]


def test_the_told_splits_move_the_price_and_not_the_value():
    for (permid, day), ratio in ((TWO_FOR_ONE, 2.0), (TEN_FOR_ONE, 10.0), (ONE_FOR_TEN, 0.1)):
        assert of(panel().splits, permid).rows() == [(permid, day, ratio)]
        around = of(panel().prices, permid).filter(pl.col("session_date").is_between(day - timedelta(days=7), day))
        before, after = around["close_usd"][-2], around["close_usd"][-1]
        assert after * ratio == pytest.approx(before, rel=0.12)


def test_halts_have_no_rows_and_empty_bars_have_no_price():
    name, first, last = HALTED
    halted = of(panel().prices, name).filter(pl.col("session_date").is_between(first, last))
    assert halted.is_empty()
    empty = panel().prices.filter(pl.col("close_usd").is_null())
    assert 0 < empty.height < 200
    assert empty["volume_shares"].null_count() == empty.height


@pytest.mark.parametrize("seed", [20, 7])
def test_a_later_end_changes_no_earlier_day(seed: int):
    end, later = date(2016, 3, 16), date(2016, 6, 30)
    short, long = simulate(end, seed).panel, simulate(later, seed).panel
    for name, period in (("prices", "session_date"), ("dividends", "session_date"), ("splits", "session_date"),
                         ("fund_days", "report_date")):  # fmt: skip
        ours: pl.DataFrame = getattr(short, name)
        theirs: pl.DataFrame = getattr(long, name)
        # sessions may repeat in a restatement after the end; rows up to the end are the same
        key = ours.columns
        theirs = theirs.filter(pl.col(period) <= end)
        assert ours.sort(key).equals(theirs.sort(key)), name
    weeks = short.weekly_flows["week_end_date"].max()
    published = pl.col("known_at") <= naive_utc(new_york("2016-03-16T18:00"))
    assert short.weekly_flows.filter(published).equals(long.weekly_flows.filter(published))
    assert weeks == date(2016, 3, 9)
    assert {row[:3] for row in short.membership.rows()} <= {row[:3] for row in long.membership.rows()}


@pytest.mark.parametrize("members", [60, 110, 500])
def test_every_stock_has_a_name_of_its_own_whatever_the_seed(members: int):
    for seed in range(40):
        issues = roster(Grid(date(2012, 3, 1), seed), members)
        tickers = [ticker for issue in issues for ticker, _, _ in issue.tickers]
        assert len({issue.permid for issue in issues}) == len(issues), seed
        assert {ticker for ticker in tickers if tickers.count(ticker) > 1} == {RECYCLED[0]}, seed
        assert not set(tickers) & {fund.ticker for fund in load_funds()}, seed


@pytest.mark.parametrize(
    "end", [FIRST_DAY, FIRST_DAY + timedelta(days=1), date(2026, 11, 21), date(2027, 1, 1)], ids=str
)
def test_the_market_may_end_on_any_day(end: date):
    ended = simulate(end, members=60).panel
    assert ended.prices["session_date"].max() == ended.fund_days["report_date"].max() <= end


def test_members_do_not_depend_on_the_end():
    name, bought_on, _, _ = RECYCLED
    stays = simulate(bought_on - timedelta(days=3)).panel.membership
    later = panel().membership
    assert name in stays.filter(pl.col("end_date").is_null())["permid"].to_list()
    ended = later.filter(pl.col("permid") == name)["end_date"].to_list()
    assert ended == [bought_on]


# ---- what is known when --------------------------------------------------------------------------------------------


def test_only_what_was_released_is_known():
    for text in ("2015-02-10T17:59", "2015-02-10T18:00", "2026-05-13T09:15"):
        now = new_york(text)
        for permid in ("SPY", "GOOGL", RESTATED[0], LATE[0]):
            bars = panel().bars(permid, now)
            released = dataset("yahoo.prices").release.released_at(bars["session_date"])
            assert (released <= naive_utc(now)).all()
            assert bars["session_date"].is_unique().all()
        for fund in panel().funds:
            days = panel().days_of(fund.ticker, now)
            released = dataset(f"{fund.source}.fund_days").release.released_at(days["report_date"])
            assert (released <= naive_utc(now)).all(), fund.ticker
    evening = panel().bars("SPY", new_york("2015-02-10T18:00"))["session_date"].max()
    assert evening == date(2015, 2, 10)
    assert panel().bars("SPY", new_york("2015-02-10T17:59"))["session_date"].max() == date(2015, 2, 9)


def test_a_late_print_and_a_restated_close():
    name, day = LATE
    assert day not in panel().bars(name, new_york("2022-06-10T19:59"))["session_date"].to_list()
    assert day in panel().bars(name, new_york("2022-06-10T20:00"))["session_date"].to_list()
    name, day = RESTATED
    closes = [
        panel().bars(name, new_york(text)).filter(pl.col("session_date") == day)["close_usd"].item()
        for text in ("2022-06-09T18:00", "2022-06-11T17:59", "2022-06-11T18:00")
    ]
    assert closes[0] == closes[1]
    assert closes[2] == pytest.approx(closes[0] * 1.01, abs=0.006)


def test_a_rename_and_a_recycled_ticker():
    old, new, _ = RENAMED
    assert panel().bearer(old, new_york("2022-06-08T09:00")) == old
    assert panel().bearer(new, new_york("2022-06-08T09:00")) is None
    assert panel().bearer(old, new_york("2022-06-09T09:00")) is None
    assert panel().bearer(new, new_york("2022-06-09T09:00")) == old
    name = RECYCLED[0]
    assert panel().bearer(name, new_york("2021-03-19T09:00")) == name
    assert panel().bearer(name, new_york("2021-06-18T09:00")) is None
    assert panel().bearer(name, new_york("2022-01-18T09:00")) == f"{name}-2022"


SOME_FUNDS = ("SPY", "XLK", told.MISSING_ROW[0], "IVV", told.FROZEN[0], *told.HEARTBEATS, "IBIT", "SQQQ", "TQQQ")


def addresses(serving: Panel, year: int) -> Iterator[str]:
    """Yield addresses of all the panel's publishers, and the charts of every stock that something is told of."""
    names = ("sp500_ticker_start_end.csv", "sp500_changes_since_2019.csv", "sp500.csv",
             "S%26P%20500%20Historical%20Components%20%26%20Changes%20(Updated).csv")  # fmt: skip
    yield from (f"{FILES}/{name}" for name in names)
    yield "/en.wikipedia.org/wiki/List_of_S%26P_500_companies"
    yield from (f"/www.nasdaqtrader.com/dynamic/SymDir/{name}.txt" for name in ("nasdaqlisted", "otherlisted"))
    yield from (f"/www.ici.org/etf_flows_data_{one}.xls" for one in (year, year - 1))
    yield "/accounts.profunds.com/etfdata/etf_splits.csv"
    for fund in (fund for fund in serving.funds if fund.ticker in SOME_FUNDS):
        code = fund.provider_code
        if fund.source == "ssga":
            yield from (f"{SSGA}/{kind}-us-en-{code}.xlsx" for kind in ("navhist", "holdings-daily"))
        elif fund.source == "ishares":
            yield f"{ISHARES}?component=fundDownload&portfolioId={code}"
            yield f"/www.ishares.com/us/products/{code}/fund/1467271812596.ajax?fileType=csv"
        elif fund.source == "proshares":
            yield f"/accounts.profunds.com/etfdata/ByFund/{code}-historical_nav.csv"
    special = (HALTED, LATE, RESTATED, RECYCLED, RENAMED, TWO_FOR_ONE, TEN_FOR_ONE, ONE_FOR_TEN, ("META",), ("SQQQ",))
    for symbol in (*(one[0] for one in special), *serving.members(END)["ticker"].head(10)):
        yield f"{CHART}/{symbol}?{ALL_DAYS}"
        yield f"/api.nasdaq.com/api/quote/{symbol}/historical?assetclass=stocks&limit=9999"


@pytest.mark.parametrize("text", ["2021-03-19T09:15", "2022-06-09T18:30", "2025-12-24T21:00"])
def test_no_publisher_shows_what_had_not_happened(stand_in: StandIn, text: str):
    """A market that ends today gives the same bytes as one that goes on for years."""
    now = new_york(text)
    agent = {"User-Agent": "tidegauge (tests)"}
    stand_in.set_now(now)
    with StandIn(simulate(now.date()), now) as ended:
        for path in addresses(panel(), now.year):
            here, there = ask(ended, path, agent), ask(stand_in, path, agent)
            assert (here.status, here.body) == (there.status, there.body), path


# ---- funds ---------------------------------------------------------------------------------------------------------


def test_every_category_has_a_fund_and_flows_are_what_the_shares_say():
    assert len(panel().funds) >= 30
    splits = panel().splits.rename({"permid": "ticker", "session_date": "report_date"})
    days = panel().fund_days.sort("ticker", "report_date").join(splits, on=["ticker", "report_date"], how="left")
    days = days.with_columns(pl.col("split_ratio").fill_null(1.0))
    before = pl.col("shares_outstanding_count").shift(1).over("ticker")
    value = pl.col("nav_usd").shift(1).over("ticker") / pl.col(
        "split_ratio"
    )  # lag of one session: valued the day before
    days = days.with_columns(
        ((pl.col("shares_outstanding_count") - before * pl.col("split_ratio")) * value).alias("computed")
    )
    odd = [told.FROZEN[0], told.MISSING_ROW[0]]
    lagged = [fund.ticker for fund in panel().funds if fund.share_lag_sessions == 1]
    plain = days.filter(pl.col("ticker").is_in(lagged) & ~pl.col("ticker").is_in(odd)).drop_nulls(
        ["flow_usd", "computed"]
    )
    tolerance = pl.max_horizontal(pl.col("net_assets_usd") * 1e-4, pl.lit(1000.0))
    wrong = plain.filter((pl.col("computed") - pl.col("flow_usd")).abs() > tolerance)
    assert plain.height > 100_000
    assert wrong.is_empty(), wrong.head(5)
    assert (plain["flow_usd"] == 0).mean() > 0.1


def test_a_lag_of_nothing_shows_the_orders_of_the_day():
    days = panel().fund_days.filter(pl.col("flow_usd").is_not_null())
    lags = {fund.ticker: fund.share_lag_sessions for fund in panel().funds}
    is_same_day = days.group_by("ticker").agg((pl.col("trade_date") == pl.col("report_date")).all().alias("same"))
    assert dict(is_same_day.iter_rows()) == {ticker: lags[ticker] == 0 for ticker in is_same_day["ticker"].to_list()}


def test_orders_follow_regimes():
    category = {fund.ticker: fund.category for fund in panel().funds}
    flows = panel().fund_days.join(market().latent, left_on="trade_date", right_on="session_date")
    young = [fund.ticker for fund in panel().funds if fund.active_from is not None]
    share = flows.filter((pl.col("net_assets_usd") > 0) & ~pl.col("ticker").is_in(young)).with_columns(
        pl.col("ticker").replace_strict(category).alias("category"),
        (pl.col("flow_usd") / pl.col("net_assets_usd")).alias("share"),
    )
    means = {
        (category, regime): mean
        for category, regime, mean in share.group_by("category", "regime").agg(pl.col("share").mean()).iter_rows()
    }
    assert means["us_equity_broad", "crisis"] < 0 < means["us_equity_broad", "recovery"]
    assert means["gov_bond", "crisis"] > means["gov_bond", "calm"]
    assert means["leveraged_long", "stress"] > 0 > means["leveraged_long", "recovery"]


def test_oddities_of_funds():
    days = panel().fund_days
    name, first, last = told.FROZEN
    frozen = days.filter((pl.col("ticker") == name) & pl.col("report_date").is_between(first, last))
    assert frozen.height == 15
    assert frozen["shares_outstanding_count"].n_unique() == 1
    assert (frozen["flow_usd"] != 0).any()
    missing, day = told.MISSING_ROW
    assert days.filter((pl.col("ticker") == missing) & (pl.col("report_date") == day)).is_empty()
    beats = days.filter((pl.col("ticker") == told.HEARTBEATS[0]) & (pl.col("trade_date") == date(2026, 9, 18)))
    assert beats["flow_usd"].item() > 0.07 * beats["net_assets_usd"].item()


def test_every_fund_begins_and_ends_when_the_catalog_says_so():
    sessions = panel().prices["session_date"].unique().sort()
    for fund in panel().funds:
        first = sessions.filter(sessions >= (fund.active_from or date.min))[0]
        last = sessions.filter(sessions <= (fund.active_to or date.max))[-1]
        bars = of(panel().prices, fund.ticker)["session_date"]
        assert (bars.min(), bars.max()) == (first, last), fund.ticker
        reported = panel().fund_days.filter(pl.col("ticker") == fund.ticker)["report_date"]
        assert (reported.min(), reported.max()) == (first, last), fund.ticker
    assert panel().fund_days.filter(pl.col("ticker") == "IBIT")["report_date"].min() == date(2024, 1, 11)


def test_a_fund_that_closes_is_gone_but_for_its_history():
    last = date(2016, 6, 24)
    funds = tuple(
        fund.model_copy(update={"active_to": last}) if fund.ticker == "QID" else fund for fund in load_funds()
    )
    closing = simulate(date(2016, 6, 30), members=60, funds=funds)
    path = "/accounts.profunds.com/etfdata/ByFund/QID-historical_nav.csv"
    directory = "/www.nasdaqtrader.com/dynamic/SymDir/otherlisted.txt"
    with StandIn(closing, new_york("2016-06-24T21:00")) as stand_in:
        assert ask(stand_in, f"{CHART}/QID?{ALL_DAYS}").status == 200
        listed = ask(stand_in, directory).text
        stand_in.set_now(new_york("2016-06-27T21:00"))
        assert ask(stand_in, f"{CHART}/QID?{ALL_DAYS}").status == 404
        delisted = ask(stand_in, directory).text
        rows = list(csv.DictReader(io.StringIO(ask(stand_in, path).body.decode("utf-8-sig"))))
    assert [("\nQID|" in text, "\nSQQQ|" in text) for text in (listed, delisted)] == [(True, True), (False, True)]
    assert (rows[0]["Date"], rows[0]["Shares Outstanding (000)"]) == ("06/24/2016", "0")
    assert float(rows[1]["Shares Outstanding (000)"]) > 0
    closed = closing.panel.fund_days.filter(pl.col("ticker") == "QID").tail(2)
    assert closed["net_assets_usd"].to_list()[1] == 0
    assert closed["flow_usd"].to_list()[1] < -0.9 * closed["net_assets_usd"].to_list()[0], "everybody is paid out"


def test_the_industry_adds_up_and_goes_with_the_funds():
    weeks = panel().weekly_flows_at(new_york(NOW)).pivot("category", index="week_end_date", values="flow_usd_mn")
    equity = pl.col("domestic_equity") + pl.col("world_equity")
    bond = pl.col("taxable_bond") + pl.col("municipal_bond")
    sums = weeks.select(
        (equity == pl.col("equity")).all().alias("equity"),
        (bond == pl.col("bond")).all().alias("bond"),
        (pl.sum_horizontal("equity", "hybrid", "bond", "commodity") == pl.col("total")).all().alias("total"),
    )
    assert sums.row(0) == (True, True, True)
    spans = weeks["week_end_date"].sort().diff().drop_nulls().dt.total_days().to_list()
    assert set(spans) == {6, 7, 8}  # the week of Thanksgiving ends on the Tuesday
    seen = [fund.ticker for fund in panel().funds if fund.source != "user_file"]
    flows = panel().fund_days.drop_nulls("flow_usd").filter(pl.col("ticker").is_in(seen))
    ends = (
        weeks.select("week_end_date", "total").sort("week_end_date").with_columns(pl.col("week_end_date").alias("end"))
    )
    own = flows.sort("trade_date").join_asof(ends, left_on="trade_date", right_on="end", strategy="forward")
    both = own.group_by("end").agg(pl.col("flow_usd").sum(), pl.col("total").first()).drop_nulls().sort("end")
    agree = both.select((pl.col("flow_usd").sign() == pl.col("total").sign()).cast(pl.Float64).alias("agree"))["agree"]
    assert agree.rolling_mean(52).min() >= 0.8  # in four weeks of five, in any year


# ---- Yahoo ---------------------------------------------------------------------------------------------------------


def chart(stand_in: StandIn, symbol: str, query: str = ALL_DAYS) -> dict:
    document = json.loads(ask(stand_in, f"{CHART}/{symbol}?{query}").body)["chart"]
    assert document["error"] is None
    return document["result"][0]


def shown(result: dict) -> dict[date, tuple[float | None, int | None]]:
    quote = result["indicators"]["quote"][0]
    days = [datetime.fromtimestamp(stamp, NEW_YORK).date() for stamp in result["timestamp"]]
    return dict(zip(days, zip(quote["close"], quote["volume"], strict=True), strict=True))


@pytest.mark.parametrize(("told_split", "ratio"), [(TWO_FOR_ONE, 2), (TEN_FOR_ONE, 10), (ONE_FOR_TEN, 0.1)])
def test_yahoo_divides_history_from_the_evening_of_the_split_on(stand_in: StandIn, told_split, ratio):
    symbol, day = told_split
    friday = date.fromordinal(day.toordinal() - 7)
    traded = panel().prices.filter((pl.col("permid") == symbol) & (pl.col("session_date") == friday))
    raw, volume = traded["close_usd"].item(), traded["volume_shares"].item()
    stand_in.set_now(new_york(f"{day}T17:59"))
    before = chart(stand_in, symbol)
    assert "splits" not in before.get("events", {})
    assert shown(before)[friday] == (pytest.approx(raw, rel=1e-6), volume)
    stand_in.set_now(new_york(f"{day}T18:00"))
    after = chart(stand_in, symbol)
    close, shares = shown(after)[friday]
    assert close == pytest.approx(raw / ratio, rel=1e-6)
    assert shares == pytest.approx(volume * ratio, abs=1)
    (split,) = after["events"]["splits"].values()
    assert split["numerator"] / split["denominator"] == ratio
    assert split["splitRatio"] == f"{split['numerator']}:{split['denominator']}"
    assert after["events"]["splits"].keys() == {str(split["date"])}
    assert datetime.fromtimestamp(split["date"], NEW_YORK).date() == day


def test_yahoo_pays_dividends_on_the_split_basis_and_adjusts_for_them(stand_in: StandIn):
    trading = panel().members(END)["permid"].to_list()
    paying = panel().dividends.join(panel().splits, on="permid", suffix="_split")
    paying = paying.filter((pl.col("session_date") < pl.col("session_date_split")) & pl.col("permid").is_in(trading))
    symbol = paying["permid"][0]
    paid, later = of(panel().dividends, symbol), of(panel().splits, symbol)
    result = chart(stand_in, symbol)
    amounts = {
        datetime.fromtimestamp(row["date"], NEW_YORK).date(): row["amount"]
        for row in result["events"]["dividends"].values()
    }
    for on, cash in paid.select("session_date", "dividend_usd").head(5).iter_rows():
        basis = later.filter(pl.col("session_date") > on)["split_ratio"].product()
        assert amounts[on] == pytest.approx(cash / basis, abs=1e-6)
    close, adjusted = result["indicators"]["quote"][0]["close"], result["indicators"]["adjclose"][0]["adjclose"]
    assert adjusted[-1] == close[-1]
    assert adjusted[0] < close[0]


def test_yahoo_prices_are_singles_and_gaps_are_null(stand_in: StandIn):
    empty = panel().prices.filter(
        pl.col("close_usd").is_null() & pl.col("permid").is_in(panel().members(END)["permid"].implode())
    )
    permid, day = empty.select("permid", "session_date").row(-1)
    result = chart(stand_in, permid)
    assert shown(result)[day] == (None, None)
    name, first, _ = HALTED
    assert first not in shown(chart(stand_in, name))
    closes = [close for close in result["indicators"]["quote"][0]["close"] if close is not None]
    assert all(float(np.float32(close)) == close for close in closes[:200])


def test_yahoo_has_nothing_of_the_delisted_and_one_line_for_a_rename(stand_in: StandIn):
    bought = panel().tickers.filter(pl.col("end_date").is_not_null() & ~pl.col("ticker").is_in(["FB", RECYCLED[0]]))
    assert bought.height >= 2
    assert set(panel().membership.drop_nulls("end_date")["permid"]) >= set(bought["permid"])
    for symbol in ("FB", *bought["ticker"], "NOSUCH"):
        refused = ask(stand_in, f"{CHART}/{symbol}?{ALL_DAYS}")
        assert refused.status == 404
        assert json.loads(refused.body)["chart"]["error"]["description"] == "No data found, symbol may be delisted"
    renamed = shown(chart(stand_in, "META"))
    assert min(renamed) == date(2012, 5, 18)
    recycled = shown(chart(stand_in, RECYCLED[0]))
    assert min(recycled) == RECYCLED[2]
    assert chart(stand_in, "META")["meta"]["instrumentType"] == "EQUITY"
    assert chart(stand_in, "SPY")["meta"]["instrumentType"] == "ETF"


def test_yahoo_limits_in_the_middle_of_many_symbols(stand_in: StandIn):
    stand_in.faults.add(r"chart/[M-Z]", "rate_limited")
    statuses = {
        symbol: ask(stand_in, f"{CHART}/{symbol}?range=1d").status for symbol in ("GOOG", "BRK-B", "META", "SPY")
    }
    assert statuses == {"GOOG": 200, "BRK-B": 200, "META": 429, "SPY": 429}


# ---- issuers -------------------------------------------------------------------------------------------------------


def sheet(body: bytes, index: int = 0) -> list[list]:
    from python_calamine import CalamineWorkbook

    return CalamineWorkbook.from_filelike(io.BytesIO(body)).get_sheet_by_index(index).to_python(skip_empty_area=False)


def test_ssga_history_is_a_workbook_with_a_head_and_disclaimers(stand_in: StandIn):
    answer = ask(stand_in, f"{SSGA}/navhist-us-en-xlk.xlsx")
    rows = sheet(answer.body)
    assert rows[0][:2] == ["Fund Name:", "Technology Select Sector SPDR Fund"]
    assert rows[1][:2] == ["Ticker Symbol:", "XLK®"]
    assert rows[3][:4] == ["Date", "NAV", "Shares Outstanding", "Total Net Assets"]
    assert rows[4][0] == "18-Nov-2026"
    newest = panel().days_of("XLK", new_york(NOW)).tail(1)
    assert rows[4][1:4] == [newest[name].item() for name in ("nav_usd", "shares_outstanding_count", "net_assets_usd")]
    assert "no guarantee" in rows[-2][0]
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}, "no clock of ours in it"
    stand_in.set_now(new_york("2026-11-19T07:59"))  # a day's figures are out the next morning at 08:00
    assert sheet(ask(stand_in, f"{SSGA}/navhist-us-en-xlk.xlsx").body)[4][0] == "17-Nov-2026"


def test_ssga_holdings_add_up(stand_in: StandIn):
    rows = sheet(ask(stand_in, f"{SSGA}/holdings-daily-us-en-spy.xlsx").body)
    assert [row[0] for row in rows[:3]] == ["Fund Name:", "Ticker Symbol:", "Holdings:"]
    header = rows[4]
    assert header[:7] == ["Name", "Ticker", "Identifier", "SEDOL", "Weight", "Sector", "Shares Held"]
    weights = [float(row[4]) for row in rows[5:116]]
    assert sum(weights) == pytest.approx(100.0, abs=1e-4)
    assert weights[:-1] == sorted(weights[:-1], reverse=True)
    assert "BRK.B" in [row[1] for row in rows[5:115]]
    assert rows[115][1] == "-"
    assert ask(stand_in, f"{SSGA}/navhist-us-en-ivv.xlsx").status == 404


@pytest.mark.parametrize(("first", "last"), [(RESTATED[1], RESTATED[1]), (date(2026, 9, 5), date(2026, 9, 30))])
def test_prices_between_two_days_are_those_a_filter_finds_in_their_order(first: date, last: date) -> None:
    found = panel().prices_between(first, last)
    expected = panel().prices.filter(pl.col("session_date").is_between(first, last))
    assert found["session_date"].is_sorted()
    assert found.equals(expected.sort("session_date", maintain_order=True))
    assert panel().prices_between(last, first - timedelta(days=9)).is_empty()


def test_a_halted_stock_stays_among_the_holdings_at_its_last_close(stand_in: StandIn):
    ticker, first, _ = HALTED
    stand_in.set_now(new_york(f"{first + timedelta(days=1)}T08:00"))
    rows = sheet(ask(stand_in, f"{SSGA}/holdings-daily-us-en-spy.xlsx").body)
    assert rows[2][1] == f"As of {first:%d-%b-%Y}"
    (held,) = (row for row in rows[5:] if row[1] == ticker)
    close = of(panel().prices, ticker).filter(pl.col("session_date") < first)["close_usd"][-1]
    capital = dict(panel().capitalisation(first).select("ticker", "cap_usd").iter_rows())
    assert len(capital) == 110
    assert capital[ticker] == close * panel().issue(ticker)["shares_count"]
    assert float(held[4]) == pytest.approx(99.7 * capital[ticker] / sum(capital.values()), abs=1e-6)


def test_ishares_document_has_a_mark_and_bare_ampersands(stand_in: StandIn):
    text = ask(stand_in, f"{ISHARES}?component=fundDownload&portfolioId=239726").body.decode()
    assert text.startswith('\ufeff<?xml version="1.0"?>')
    assert "iShares Core S&P 500 ETF" in text
    assert re.findall(r'ss:Worksheet ss:Name="(\w+)"', text) == [
        "Holdings",
        "Historical",
        "Performance",
        "Distributions",
    ]
    history = text.split('ss:Name="Historical"')[1].split("</ss:Worksheet>")[0]
    rows = [re.findall(r"<ss:Data[^>]*>([^<]*)</ss:Data>", row) for row in history.split("<ss:Row>")[1:]]
    assert rows[0] == ["As Of", "NAV per Share", "Ex-Dividends", "Shares Outstanding"]
    newest = panel().days_of("IVV", new_york(NOW)).tail(1)
    assert rows[1][0] == f"{newest['report_date'].item():%b %d, %Y}"
    assert rows[1][2] == "--"
    assert (float(rows[1][1]), float(rows[1][3])) == (
        newest["nav_usd"].item(), newest["shares_outstanding_count"].item())  # fmt: skip
    assert rows[-1][0] == "Oct 03, 2011"


def test_ishares_holdings_have_the_shares_outstanding_in_the_preamble(stand_in: StandIn):
    path = "/www.ishares.com/us/products/239726/ishares-core-sp-500-etf/1467271812596.ajax"
    body = ask(stand_in, f"{path}?fileType=csv&fileName=IVV_holdings&dataType=fund").body
    assert body.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
    assert rows[0] == ["iShares Core S&P 500 ETF"]
    as_of = datetime.strptime(rows[1][1], "%b %d, %Y").date()
    count = panel().fund_days.filter((pl.col("ticker") == "IVV") & (pl.col("report_date") == as_of))
    assert rows[3] == ["Shares Outstanding", f"{count['shares_outstanding_count'].item():,.2f}"]
    assert rows[9][4:8] == ["Market Value", "Weight (%)", "Notional Value", "Quantity"]
    assert "BRKB" in [row[0] for row in rows[10:] if row]
    assert {row[3] for row in rows[10:122]} == {"Equity", "Money Market", "Futures"}


def test_proshares_restates_its_history_with_every_split(stand_in: StandIn):
    splits = panel().splits.filter(pl.col("permid") == "SQQQ").sort("session_date")
    day, ratio = splits.select("session_date", "split_ratio").row(-1)
    path = "/accounts.profunds.com/etfdata/ByFund/SQQQ-historical_nav.csv"
    earlier = panel().fund_days.filter((pl.col("ticker") == "SQQQ") & (pl.col("report_date") < day)).tail(1)
    label = f"{earlier['report_date'].item():%m/%d/%Y}"

    def row(text: str) -> dict[str, str]:
        stand_in.set_now(new_york(text))
        body = ask(stand_in, path).body
        assert body.startswith(b"\xef\xbb\xbfDate,ProShares Name,Ticker,NAV,")
        return next(row for row in csv.DictReader(io.StringIO(body.decode("utf-8-sig"))) if row["Date"] == label)

    before, after = row(f"{day}T20:59"), row(f"{day}T21:00")
    assert float(before["NAV"]) == earlier["nav_usd"].item()
    assert float(before["Shares Outstanding (000)"]) == earlier["shares_outstanding_count"].item() / 1000
    assert float(after["NAV"]) == pytest.approx(float(before["NAV"]) / ratio, rel=1e-4)
    assert float(after["Shares Outstanding (000)"]) == pytest.approx(
        float(before["Shares Outstanding (000)"]) * ratio, abs=0.5
    )
    assert after["Assets Under Management"] == before["Assets Under Management"]


def test_proshares_splits_stand_in_their_file_from_the_morning_on(stand_in: StandIn):
    splits = panel().splits.filter(pl.col("permid") == "SQQQ").sort("session_date")
    day, ratio = splits.select("session_date", "split_ratio").row(-1)
    path = "/accounts.profunds.com/etfdata/etf_splits.csv"

    def mine(text: str) -> list[dict[str, str]]:
        stand_in.set_now(new_york(text))
        rows = csv.DictReader(io.StringIO(ask(stand_in, path).body.decode("utf-8-sig")))
        return [row for row in rows if row["Symbol"] == "SQQQ"]

    assert len(mine(f"{day}T08:59")) == splits.height - 1
    newest = mine(f"{day}T09:00")[0]
    assert newest["Date of Split"] == f"{day:%m/%d/%Y}"
    assert (newest["Split Type"], float(newest["Ratio"])) == ("Reverse", round(1 / ratio))


def test_ici_workbook_is_biff_and_holds_the_year(stand_in: StandIn):
    body = ask(stand_in, "/www.ici.org/etf_flows_data_2026.xls").body
    assert body.startswith(b"\xd0\xcf\x11\xe0")
    rows = sheet(body)
    assert "Millions" in rows[1][0]
    assert rows[3][1:] == ["Total ETFs", "Equity", "", "", "Hybrid", "Bond", "", "", "Commodity"]
    assert rows[4][1:] == ["", "Total", "Domestic", "World", "", "Total", "Taxable", "Municipal", ""]
    assert rows[5][0] == "11/11/2026"  # of the week to the 18th nothing is said before the 24th
    weeks = panel().weekly_flows_at(new_york(NOW)).filter(pl.col("week_end_date") == date(2026, 11, 11))
    assert rows[5][1] == weeks.filter(pl.col("category") == "total")["flow_usd_mn"].item()
    assert ask(stand_in, "/www.ici.org/etf_flows_data_2011.xls").status == 404


# ---- membership and directories ------------------------------------------------------------------------------------


def test_membership_files_speak_of_the_same_members(stand_in: StandIn):
    stays = read_membership(ask(stand_in, f"{FILES}/sp500_ticker_start_end.csv").body)
    assert stays.filter(pl.col("end_date_exclusive").is_null()).height == 110
    old, new, day = RENAMED
    renamed = stays.filter(pl.col("ticker").is_in([old, new])).sort("start_date")
    assert renamed.select("ticker", "start_date", "end_date_exclusive").rows() == [
        (old, date(2013, 12, 23), day), (new, day, None)]  # fmt: skip
    recycled = stays.filter(pl.col("ticker") == RECYCLED[0])["start_date"].to_list()
    assert recycled == [date(2011, 10, 3), RECYCLED[3]]
    name = "S%26P%20500%20Historical%20Components%20%26%20Changes%20(Updated).csv"
    rows = list(csv.reader(ask(stand_in, f"{FILES}/{name}").lines))
    assert rows[0] == ["date", "tickers"]
    assert {len(row[1].split(",")) for row in rows[1:]} == {110}
    assert "BRK.B" in rows[-1][1].split(",")
    changes = list(csv.reader(ask(stand_in, f"{FILES}/sp500_changes_since_2019.csv").lines))
    assert ["2022-06-09", "META", "FB"] in changes
    assert len(ask(stand_in, f"{FILES}/sp500.csv").lines) == 111
    assert ask(stand_in, f"{FILES}/no.csv").status == 404


def test_wikipedia_has_a_change_on_its_day_and_the_files_later(stand_in: StandIn):
    page = "/en.wikipedia.org/wiki/List_of_S%26P_500_companies"
    agent = {"User-Agent": "tidegauge (tests)"}
    statuses = [ask(stand_in, page, who).status for who in (agent, {"User-Agent": "python-httpx/0.28"}, agent)]
    assert statuses == [200, 403, 200], "whoever asked before"
    stand_in.set_now(new_york("2022-03-20T12:00"))
    assert ">RCYL</a></td>" not in ask(stand_in, page, agent).text
    stand_in.set_now(new_york("2022-03-21T09:00"))
    text = ask(stand_in, page, agent).text
    assert ">RCYL</a></td>" in text
    assert text.count("<tr><td><a rel") == 110
    assert "<td>March 21, 2022</td><td>RCYL</td><td>Recyclable Materials Inc.</td>" in text
    assert "RCYL,2022-03-21," not in ask(stand_in, f"{FILES}/sp500_ticker_start_end.csv").lines
    stand_in.set_now(new_york("2022-04-11T09:00"))
    assert "RCYL,2022-03-21," in ask(stand_in, f"{FILES}/sp500_ticker_start_end.csv").lines


def test_directories_have_a_footer_and_tests_and_a_symbol_na(stand_in: StandIn):
    lines = ask(stand_in, "/www.nasdaqtrader.com/dynamic/SymDir/nasdaqlisted.txt").lines
    assert lines[0] == "Symbol|Security Name|Market Category|Test Issue|Financial Status|Round Lot Size|ETF|NextShares"
    assert lines[-1] == "File Creation Time: 1119202609:15|||||||"
    symbols = {line.split("|")[0]: line.split("|") for line in lines[1:-1]}
    assert symbols["NA"][3] == "N"
    assert symbols["ZXZZT"][3] == "Y"
    assert symbols["QQQ"][6] == "Y"
    lines = ask(stand_in, "/www.nasdaqtrader.com/dynamic/SymDir/otherlisted.txt").lines
    assert lines[0] == "ACT Symbol|Security Name|Exchange|CQS Symbol|ETF|Round Lot Size|Test Issue|NASDAQ Symbol"
    assert {line.count("|") for line in lines} == {7}
    others = [line.split("|")[0] for line in lines[1:-1]]
    assert {"SPY", "BRK.B"} <= set(others)


def test_nasdaq_quotes_are_texts_on_the_split_basis(stand_in: StandIn):
    path = "/api.nasdaq.com/api/quote"
    symbol, day = TEN_FOR_ONE
    span = f"fromdate={day - timedelta(days=7)}&todate={day}&limit=9999"
    data = json.loads(ask(stand_in, f"{path}/{symbol}/historical?assetclass=stocks&{span}").body)["data"]
    rows = data["tradesTable"]["rows"]
    assert data["totalRecords"] == len(rows) == 6
    assert rows[0]["date"] == f"{day:%m/%d/%Y}"
    traded = of(panel().prices, symbol).filter(pl.col("session_date") == day - timedelta(days=7))
    assert rows[-1]["close"] == f"${traded['close_usd'].item() / 10:.2f}"
    assert rows[-1]["volume"] == f"{traded['volume_shares'].item() * 10:,.0f}"
    fund = json.loads(ask(stand_in, f"{path}/SPY/historical?assetclass=etf").body)["data"]
    assert re.fullmatch(r"\d+\.\d\d", fund["tradesTable"]["rows"][0]["close"])
    refused = json.loads(ask(stand_in, f"{path}/SPY/historical?assetclass=stocks").body)
    assert refused["data"] is None
    assert refused["status"]["bCodeMessage"][0]["code"] == 1001


# ---- what connectors make of it ------------------------------------------------------------------------------------


def payload(source: str, name: str, body: bytes, now: datetime, **meta: str) -> Payload:
    return Payload(source, name, "", body, hashlib.sha256(body).hexdigest(), now.astimezone(UTC), meta=meta)


@pytest.mark.parametrize("told_split", [TWO_FOR_ONE, TEN_FOR_ONE, ONE_FOR_TEN])
def test_yahoo_reads_the_same_prices_as_traded_before_and_after_a_split(stand_in: StandIn, told_split):
    symbol, day = told_split
    landed = []
    for text in (f"{day}T09:15", f"{day}T18:30"):
        now = new_york(text)
        stand_in.set_now(now)
        body = ask(stand_in, f"{CHART}/{symbol}?{ALL_DAYS}").body
        landed.append(
            yahoo_prices.parse(payload("yahoo", symbol, body, now, symbol=symbol, start="2000-01-01"))["yahoo.prices"]
        )
    cells = ["session_date", "open_usd", "high_usd", "low_usd", "close_usd"]
    before, after = (frame.select(cells) for frame in landed)
    truth = panel().bars(symbol, new_york(f"{day}T09:15")).select(cells)
    assert before.equals(truth)
    assert after.filter(pl.col("session_date") < day).equals(truth)


def test_membership_reads_the_stocks_that_were_simulated(stand_in: StandIn):
    for text in ("2016-03-25T09:15", "2021-03-25T09:15", "2022-06-15T09:15", NOW):
        now = new_york(text)
        stand_in.set_now(now)
        names = (sp500_membership.STAYS, sp500_membership.CHANGES, sp500_membership.NAMES)
        texts = {name: ask(stand_in, f"{FILES}/{name}").text for name in names}
        page = "/en.wikipedia.org/wiki/List_of_S%26P_500_companies"
        texts[sp500_membership.LIST] = ask(stand_in, page, {"User-Agent": "tidegauge"}).text
        whole = payload("sp500_membership", sp500_membership.TOGETHER, json.dumps(texts).encode(), now,
                        parts=",".join(texts), least_members="50", least_from="")  # fmt: skip
        stays = sp500_membership.parse(whole)["sp500_membership.intervals"]
        ours = stays.filter(pl.col("end_date").is_null()).select("permid", "ticker", "start_date").sort("ticker")
        truth = panel().members(now.date())
        assert ours.equals(truth), text


# ---- faults and frames ---------------------------------------------------------------------------------------------


def test_faults_reach_the_new_publishers(stand_in: StandIn):
    stand_in.faults.add("navhist", "frozen", times=1, as_of=new_york("2020-01-06T12:00"))
    assert sheet(ask(stand_in, f"{SSGA}/navhist-us-en-xlk.xlsx").body)[4][0] == "03-Jan-2020"
    stand_in.faults.add("navhist", "shortened", times=1, since=date(2026, 1, 1))
    assert len(sheet(ask(stand_in, f"{SSGA}/navhist-us-en-xlk.xlsx").body)) < 250
    stand_in.faults.add("etf_flows", "changed_column", times=1)
    assert "renamed" in sheet(ask(stand_in, "/www.ici.org/etf_flows_data_2026.xls").body)[4]
    stand_in.faults.add("SymDir", "html", times=1)
    assert b"<html>" in ask(stand_in, "/www.nasdaqtrader.com/dynamic/SymDir/otherlisted.txt").body
    stand_in.faults.add("ByFund", "changed_unit", times=1, scale=1000.0)
    path = "/accounts.profunds.com/etfdata/ByFund/SH-historical_nav.csv"
    scaled, whole = (csv.DictReader(io.StringIO(ask(stand_in, path).body.decode("utf-8-sig"))) for _ in range(2))
    ratio = float(next(iter(scaled))["Shares Outstanding (000)"]) / float(next(iter(whole))["Shares Outstanding (000)"])
    assert ratio == pytest.approx(1000.0, rel=1e-3)


def test_a_panel_of_other_columns_is_refused():
    with pytest.raises(ValueError, match="panel frame splits"):
        Panel(splits=pl.DataFrame({"permid": ["A"]}))
    assert Market(market().rows.head(0)).panel.prices.columns == list(PANEL_SCHEMA["prices"])
