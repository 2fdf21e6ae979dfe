"""The folder market: real figures through the publishers' own formats, and no more than the folder holds."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from xml.etree import ElementTree

import polars as pl
import pytest

from ingest.catalog import load_catalog
from ingest.clock import NEW_YORK, naive_utc
from simulator import Market, StandIn, folder_market, user_files
from tests.unit.standin_helpers import KEY, ask, new_york

NOW = "2026-07-22T09:15"


@pytest.fixture(scope="module")
def real(real_data: Path) -> Market:
    return folder_market(real_data)


@pytest.fixture
def stand_in(real: Market) -> Iterator[StandIn]:
    with StandIn(real, new_york(NOW)) as running:
        yield running


def known(real: Market, series_id: str, source, now: str = NOW) -> dict[date, float]:
    return dict(real.known(series_id, source, new_york(now)).iter_rows())


def fredgraph(path: Path) -> dict[str, str]:
    rows = list(csv.reader(path.read_text().splitlines()))[1:]
    return {day: text for day, text in rows if text not in ("", ".")}


def test_worked_weeks_of_net_liquidity(real: Market):
    """in millions."""
    assets = known(real, "fed_total_assets", "fred")
    tga, repos = known(real, "tga_wednesday", "fred"), known(real, "on_rrp", "fred")
    for day, expected in (
        (date(2021, 12, 22), 6_893_702),
        (date(2023, 3, 15), 6_305_834),
        (date(2025, 4, 16), 6_033_558),
        (date(2026, 2, 4), 5_695_758),
    ):
        assert round((assets[day] - tga[day] - repos[day]) * 1000) == expected


def test_consumer_prices_with_what_later_copies_changed(real: Market):
    found = known(real, "consumer_prices", "fred")
    assert (found[date(2022, 6, 1)], found[date(2021, 6, 1)]) == (294.957, 270.654)
    assert date(2025, 10, 1) not in found, "the shutdown: no index of that month"
    before = known(real, "consumer_prices", "fred", "2026-02-10T09:15")
    assert (before[date(2025, 9, 1)], found[date(2025, 9, 1)]) == (324.368, 324.245)


def test_the_rule_of_consumer_prices_is_never_ahead_of_the_schedule(real_data: Path):
    """Dates of the Bureau's own calendar: 24 releases, each not after what the catalog takes for it."""
    text = (real_data / "packs/p5_trend/bls_schedule_2023_2024.ics").read_text()
    rule = load_catalog().by_id("consumer_prices").provider("fred").release
    days = [
        datetime.strptime(event.partition("DTSTART")[2].split(":")[1][:8], "%Y%m%d").date()
        for event in text.split("BEGIN:VEVENT")[1:]
        if "Consumer Price Index" in event
    ]
    assert len(days) == 24
    for day in days:
        month = date(day.year - (day.month == 1), (day.month - 2) % 12 + 1, 1)
        assert day <= rule.released_at_one(month).date(), day


def test_repos_of_two_folders_agree(real: Market, real_data: Path):
    ours = known(real, "on_rrp", "fred")
    theirs = fredgraph(real_data / "fredgraph_csv/RRPONTSYD.csv")
    compared = [day for day in ours if day.isoformat() in theirs]
    assert len(compared) > 3200
    assert [day for day in compared if float(theirs[day.isoformat()]) != ours[day]] == []


@pytest.mark.parametrize("code", ["WALCL", "DGS10", "BAA10Y", "DTWEXBGS", "T10Y2Y"])
def test_fredgraph_gives_back_the_recorded_file(stand_in: StandIn, real_data: Path, code: str):
    recorded = fredgraph(real_data / f"fredgraph_csv/{code}.csv")
    rows = [line.split(",") for line in ask(stand_in, f"/fred.stlouisfed.org/graph/fredgraph.csv?id={code}").lines[1:]]
    shown = {day: text for day, text in rows if text}
    assert len(shown) > 1000
    assert {day: float(text) for day, text in shown.items()} == {day: float(recorded[day]) for day in shown}
    assert max(shown) < "2026-07-22"


@pytest.mark.parametrize("name", ["VVIX_History_2026-04-24", "VIX3M_History_2026-07-22", "SKEW_History_2026-07-22"])
def test_cboe_closes_are_the_recorded_ones_to_the_byte(stand_in: StandIn, real_data: Path, name: str):
    symbol = name.split("_")[0]
    recorded = (real_data / f"cboe/{name}.csv").read_text().splitlines()
    shown = ask(stand_in, f"/cdn-api.cboe.com/api/global/us_indices/daily_prices/{symbol}_History.csv").lines
    last = shown[-1].split(",")[0]
    expected = [line.split(",") for line in recorded]
    expected = expected[: [row[0] for row in expected].index(last) + 1]
    assert [(row[0], row[-1]) for row in expected[1:]] == [
        (line.split(",")[0], line.split(",")[-1]) for line in shown[1:]
    ]
    assert shown[0] == recorded[0]


def test_vix_bars_are_the_recorded_ones_to_the_byte(stand_in: StandIn, real_data: Path):
    recorded = (real_data / "cboe/VIX_History_2025-05-21.csv").read_text().splitlines()
    shown = ask(stand_in, "/cdn-api.cboe.com/api/global/us_indices/daily_prices/VIX_History.csv").lines
    assert shown[: len(recorded)] == recorded
    assert shown[-1].startswith("06/05/2026,")


def test_copies_of_the_vix_are_held_apart(real: Market):
    cboe, fred = known(real, "vix_close", "cboe"), known(real, "vix_close", "fred")
    assert date(1999, 12, 31) in fred
    assert date(1999, 12, 31) not in cboe


def test_japanese_history_ends_with_april(stand_in: StandIn, real_data: Path):
    recorded = (real_data / "mof/jgbcme_all_2026-04-30.csv").read_text().splitlines()
    shown = ask(stand_in, "/www.mof.go.jp/english/policy/jgbs/reference/interest_rate/historical/jgbcme_all.csv").lines
    assert shown[:2] == recorded[:2]
    columns = [recorded[1].split(",").index(tenor) for tenor in ("2Y", "10Y", "30Y")]

    def cells(lines: list[str]) -> dict[str, list[str]]:
        rows = [line.split(",") for line in lines[2:]]
        return {row[0]: [row[at] for at in columns] for row in rows if any(row[at] != "-" for at in columns)}

    assert cells(shown) == cells(recorded)
    assert shown[-1].startswith("2026/4/30,")


def test_statement_has_the_real_week_and_the_wednesdays(stand_in: StandIn, real_data: Path):
    recorded = json.loads((real_data / "treasury/dts_operating_cash_balance_2025-07-07_11.json").read_text())
    path = "/api.fiscaldata.treasury.gov/services/api/fiscal_service/v1/accounting/dts/operating_cash_balance"
    asked = ask(stand_in, f"{path}?filter=record_date:gte:2025-07-07,record_date:lte:2025-07-11&page[size]=100")
    body = json.loads(asked.body)

    def closing(document: dict) -> dict[str, str]:
        return {
            row["record_date"]: row["open_today_bal"]
            for row in document["data"]
            if row["account_type"] == "Treasury General Account (TGA) Closing Balance"
        }

    assert closing(body) == closing(recorded)
    assert len(closing(body)) == 5
    assert body["data"][0].keys() == recorded["data"][0].keys()
    assert body["meta"]["labels"] == recorded["meta"]["labels"]
    assert body["meta"]["dataTypes"] == recorded["meta"]["dataTypes"]
    assert body["meta"]["dataFormats"] == recorded["meta"]["dataFormats"]
    first = {name: text for name, text in body["data"][4].items() if "_bal" not in name}
    assert first == {name: text for name, text in recorded["data"][4].items() if "_bal" not in name}


def test_sofr_rows_have_the_recorded_keys(stand_in: StandIn, real_data: Path):
    recorded = json.loads((real_data / "nyfed/sofr_search_2024-06-01_06.json").read_text())["refRates"]
    path = "/markets.newyorkfed.org/api/rates/secured/sofr/search.json?startDate=2024-06-01&endDate=2024-06-06"
    shown = json.loads(ask(stand_in, path).body)["refRates"]
    assert [list(row) for row in shown] == [list(row) for row in recorded]
    assert [(row["effectiveDate"], row["percentRate"]) for row in shown] == [
        (row["effectiveDate"], row["percentRate"]) for row in recorded
    ]
    assert {row["percentPercentile99"] for row in shown} == {"NA"}  # the folder has the rate only


def test_chart_has_the_recorded_keys(stand_in: StandIn, real_data: Path):
    recorded = json.loads((real_data / "yahoo/chart-EURUSD=X-2020-01-01-to-2020-01-03.json").read_text())
    theirs = recorded["response"]["bodyJson"]["chart"]["result"][0]
    path = "/query2.finance.yahoo.com/v8/finance/chart/JPY=X?period1=1577836800&period2=1578009601&interval=1d"
    ours = json.loads(ask(stand_in, path).body)["chart"]["result"][0]
    assert ours.keys() == theirs.keys()
    assert ours["indicators"]["quote"][0].keys() == theirs["indicators"]["quote"][0].keys()
    assert ours["meta"].keys() >= {"currency", "symbol", "gmtoffset", "exchangeTimezoneName", "dataGranularity"}
    assert ours["meta"]["exchangeTimezoneName"] == theirs["meta"]["exchangeTimezoneName"]
    assert set(ours["timestamp"]) <= set(theirs["timestamp"])


def test_put_call_keeps_its_corrupt_cells_and_its_frozen_archives(stand_in: StandIn, real_data: Path):
    base = "/cdn.cboe.com/data/us/options/market_statistics/daily"
    page = json.loads(ask(stand_in, f"{base}/2020-06-15_daily_options").body)
    ratios = {row["name"]: row["value"] for row in page["ratios"]}
    assert ratios["INDEX PUT/CALL RATIO"] == "4.22"  # MANIFEST trap 8: the real page says 1.22
    assert ratios["TOTAL PUT/CALL RATIO"] == "0.88"
    assert page["SUM OF ALL PRODUCTS"] == []  # the scraped file has ratios only
    archives = "/cdn.cboe.com/resources/options/volume_and_call_put_ratios"
    recorded = (real_data / "putcall/indexpc.csv").read_text().splitlines()
    shown = ask(stand_in, f"{archives}/indexpc.csv").lines
    assert shown[2] == recorded[2]

    def cells(line: str) -> list[str]:
        return [cell.strip() for cell in line.split(",")]

    assert cells(shown[-1]) == cells(recorded[-1])
    assert len(shown) == len(recorded)
    assert ask(stand_in, f"{archives}/equitypc.csv").status == 403


def test_ice_is_cut_to_three_years_and_the_user_file_has_the_rest(stand_in: StandIn, real_data: Path):
    lines = ask(stand_in, "/fred.stlouisfed.org/graph/fredgraph.csv?id=BAMLH0A0HYM2").lines
    assert lines[1].startswith("2023-07-24,")  # 22 July 2023 was a Saturday
    files = user_files(real_data, new_york(NOW))
    of_series = {"challenger_cuts", "hy_oas", "ig_oas", "sp500_above_200dma_published"}
    assert set(files) == of_series | {"earnings", "fund_flows/bitcoin_usd_mn", "option_chains/spx_2022-06-10"}
    for series_id in of_series:
        frame = pl.read_csv(io.StringIO(files[series_id]), try_parse_dates=True)
        plausible = load_catalog().by_id(series_id).plausible
        assert frame.columns == ["date", "value"]
        assert frame["date"].is_sorted()
        assert frame["value"].is_between(plausible.min, plausible.max).all(), series_id
    history = pl.read_csv(io.StringIO(files["hy_oas"]), try_parse_dates=True)
    assert history.row(0) == (date(1996, 12, 31), 313.0)
    assert history["value"].max() == 2182.0  # 2008-12-15
    recent = {line.split(",")[0]: line.split(",")[1] for line in lines[1:]}
    for day, value in history.filter(pl.col("date") >= date(2023, 7, 24)).iter_rows():
        assert round(float(recent[day.isoformat()]) * 100) == value


def test_nfci_is_revised_as_the_log_says(real: Market):
    first_period = date(1971, 1, 8)
    assert known(real, "nfci", "fred", "2026-03-20T12:00")[first_period] == 0.59137
    assert known(real, "nfci", "fred", "2026-03-25T08:29")[first_period] == 0.59181
    assert known(real, "nfci", "fred", "2026-03-25T08:30")[first_period] == 0.59212


def test_board_zip_holds_what_the_folder_has(stand_in: StandIn):
    body = ask(stand_in, "/www.federalreserve.gov/releases/h41/data/FRB_h41_xml.zip").body
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        root = ElementTree.fromstring(archive.read("H41_data.xml"))
    counts = {
        element.attrib["SERIES_NAME"]: sum(child.tag.endswith("}Obs") for child in element)
        for element in root.iter()
        if element.tag.endswith("}Series")
    }
    assert counts["RESPPMA_N.WW"] > 1200
    assert "RESH4R_N.WW" not in counts  # the folder lacks it, and nothing is made up


@pytest.mark.parametrize("code", ["BAMLH0A3HYC", "TEDRATE", "SOFRVOL", "WRBWFRBL", "WLCFLPCL"])
def test_what_the_folder_lacks_is_not_served(stand_in: StandIn, code: str):
    assert ask(stand_in, f"/fred.stlouisfed.org/graph/fredgraph.csv?id={code}").status == 404
    refused = ask(stand_in, f"/api.stlouisfed.org/fred/series?series_id={code}&api_key={KEY}&file_type=json")
    assert json.loads(refused.body)["error_message"] == "Bad Request.  The series does not exist."


def test_treasury_curve_ends_with_2023_and_has_the_recorded_values(stand_in: StandIn, real_data: Path):
    base = "/home.treasury.gov/resource-center/data-chart-center/interest-rates/daily-treasury-rates.csv"
    query = "type=daily_treasury_yield_curve"
    recorded = list(csv.DictReader((real_data / "treasury/daily-treasury-rates_2000.csv").read_text().splitlines()))
    shown = list(csv.DictReader(ask(stand_in, f"{base}/2000/all?{query}").lines))
    assert list(shown[0]) == list(recorded[0])
    for tenor in ("3 Mo", "2 Yr", "10 Yr", "30 Yr"):
        ours = {row["Date"]: row[tenor] for row in shown}
        theirs = {row["Date"]: row[tenor] for row in recorded}
        assert ours.keys() <= theirs.keys()
        assert {day: text for day, text in ours.items() if text} == {day: theirs[day] for day in ours if ours[day]}
    assert len(ask(stand_in, f"{base}/2024/all?{query}").lines) == 1


def _chart(stand_in: StandIn, symbol: str) -> dict:
    path = f"/query2.finance.yahoo.com/v8/finance/chart/{symbol}?period1=0&period2=1900000000&interval=1d&events=splits"
    return json.loads(ask(stand_in, path).body)["chart"]["result"][0]


def test_charts_of_stocks_have_the_recorded_bars(stand_in: StandIn, real_data: Path):
    panel = pl.read_parquet(real_data / "prices/sp500_ohlcv_adj_2018_2025.parquet")
    for symbol in ("MSFT", "BRK-B", "META"):
        recorded = panel.filter(pl.col("ticker") == symbol).sort("date")
        result = _chart(stand_in, symbol)
        quote = result["indicators"]["quote"][0]
        assert quote["close"] == recorded["close"].cast(pl.Float64).to_list()
        assert quote["volume"] == recorded["volume"].to_list()
        assert "events" not in result  # the recorded prices are adjusted already, and nothing is made up
        days = [datetime.fromtimestamp(stamp, NEW_YORK).date() for stamp in result["timestamp"]]
        assert days == recorded["date"].to_list()


def test_the_longer_files_go_before_the_panel(stand_in: StandIn, real_data: Path):
    lines = (real_data / "prices/sp500_native/NVDA.csv").read_text().splitlines()
    first = next(csv.reader([lines[3]]))
    result = _chart(stand_in, "NVDA")
    assert datetime.fromtimestamp(result["timestamp"][0], NEW_YORK).date().isoformat() == first[0]
    assert result["indicators"]["quote"][0]["close"][0] == pytest.approx(float(first[1]), rel=1e-6)
    assert len(set(result["timestamp"])) == len(result["timestamp"]) > 6000


def test_charts_of_funds_end_with_what_was_printed_by_then(stand_in: StandIn, real_data: Path):
    recorded = {row["Date"]: row["Close"] for row in csv.DictReader((real_data / "prices/etf/SPY.csv").open())}
    stand_in.set_now(new_york("2026-03-10T17:59"))
    result = _chart(stand_in, "SPY")
    assert datetime.fromtimestamp(result["timestamp"][-1], NEW_YORK).date() == date(2026, 3, 9)
    assert result["indicators"]["quote"][0]["close"][-1] == pytest.approx(float(recorded["2026-03-09"]), rel=1e-6)
    assert result["meta"]["instrumentType"] == "ETF"
    assert ask(stand_in, "/query2.finance.yahoo.com/v8/finance/chart/NOSUCH").status == 404


@pytest.mark.parametrize("name", ["sp500_ticker_start_end.csv", "sp500_changes_since_2019.csv"])
def test_membership_files_are_the_recorded_ones(stand_in: StandIn, real_data: Path, name: str):
    recorded = (real_data / f"membership/{name}").read_text().splitlines()
    shown = ask(stand_in, f"/raw.githubusercontent.com/fja05680/sp500/master/{name}").lines
    assert shown[0] == recorded[0]
    ours, theirs = (sorted(next(csv.reader([line])) for line in lines[1:]) for lines in (shown, recorded))
    assert ours == theirs


def test_holdings_are_the_recorded_bytes_from_the_next_morning_on(stand_in: StandIn, real_data: Path):
    ishares = "/www.ishares.com/us/products/239726/fund/1467271812596.ajax?fileType=csv&fileName=IVV_holdings"
    ssga = "/www.ssga.com/library-content/products/fund-data/etfs/us/holdings-daily-us-en-spy.xlsx"
    folder = real_data / "etf_holdings"
    assert ask(stand_in, ishares).body == (folder / "IVV_holdings_2024-12-06.csv").read_bytes()
    assert ask(stand_in, ssga).body == (folder / "ssga_holdings-daily-us-en-spy_2024-05-10.xlsx").read_bytes()
    stand_in.set_now(new_york("2024-12-09T07:59"))
    assert ask(stand_in, ishares).status == 404
    stand_in.set_now(new_york("2024-12-09T08:00"))
    assert ask(stand_in, ishares).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/www.ssga.com/library-content/products/fund-data/etfs/us/navhist-us-en-spy.xlsx",
        "/accounts.profunds.com/etfdata/ByFund/TQQQ-historical_nav.csv",
        "/accounts.profunds.com/etfdata/etf_splits.csv",
        "/www.ici.org/etf_flows_data_2025.xls",
        "/www.nasdaqtrader.com/dynamic/SymDir/nasdaqlisted.txt",
        "/raw.githubusercontent.com/fja05680/sp500/master/sp500.csv",
    ],
)
def test_panel_files_that_the_folder_lacks_are_not_served(stand_in: StandIn, path: str):
    assert ask(stand_in, path).status == 404


def test_nothing_is_known_before_its_release(real: Market):
    for series in load_catalog().series:
        for provider in series.providers:
            if provider.source != "user_file" and real.has(series.id, provider.source):
                at = new_york("2020-03-18T12:00")
                frame = real.known(series.id, provider.source, at)
                released = provider.release.released_at(frame["period_date"])
                assert (released <= naive_utc(at)).all(), (series.id, provider.source)
