"""Each publisher's bytes, against expectations written by hand from sources.md: no parser of ours is asked."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import pairwise
from urllib.parse import quote
from xml.etree import ElementTree

import httpx
import polars as pl
import pytest

from ingest.registry import publishers
from simulator import MARKET_SCHEMA, Market, StandIn
from simulator.render import Request, View, fallback
from tests.unit.standin_helpers import KEY, Answer, ask, market, new_york

NOW = "2026-11-18T09:15"  # a Wednesday


@pytest.fixture(scope="module")
def stand_in() -> Iterator[StandIn]:
    with StandIn(market(), new_york(NOW)) as running:
        yield running


@pytest.fixture(autouse=True)
def _at_now(stand_in: StandIn):
    yield
    stand_in.set_now(new_york(NOW))
    stand_in.faults.clear()


def value(series_id: str, source, day: date, now: str = NOW) -> float:
    return market().known(series_id, source, new_york(now)).filter(pl.col("period_date") == day)["value"].item()


# ---- fred.stlouisfed.org ---------------------------------------------------------------------------------------


def test_fredgraph_daily_series_has_blanks_on_holidays(stand_in: StandIn):
    answer = ask(stand_in, "/fred.stlouisfed.org/graph/fredgraph.csv?id=DGS10")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/csv"
    assert answer.lines[0] == "observation_date,DGS10"
    assert answer.lines[1] == f"2012-01-03,{value('us_10y_yield', 'fred', date(2012, 1, 3)):.2f}"
    assert "2026-11-11," in answer.lines  # Veterans Day: the weekday is there, its value is not
    assert answer.lines[-1].startswith("2026-11-16,")  # Tuesday's H.15 comes today at 16:15
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d,(-?\d+\.\d\d)?", line) for line in answer.lines[1:])


def test_fredgraph_prints_millions_whole_and_billions_with_three_decimals(stand_in: StandIn):
    assets = ask(stand_in, "/fred.stlouisfed.org/graph/fredgraph.csv?id=WALCL").lines
    assert assets[-1] == f"2026-11-11,{value('fed_total_assets', 'fred', date(2026, 11, 11)) * 1000:.0f}"
    repos = ask(stand_in, "/fred.stlouisfed.org/graph/fredgraph.csv?id=RRPONTSYD&cosd=2026-11-17&coed=2026-11-17").lines
    assert repos == ["observation_date,RRPONTSYD", f"2026-11-17,{value('on_rrp', 'fred', date(2026, 11, 17)):.3f}"]


def test_fredgraph_ignores_vintages(stand_in: StandIn):
    path = "/fred.stlouisfed.org/graph/fredgraph.csv?id=NFCI"
    assert ask(stand_in, f"{path}&vintage_date=2020-01-01").body == ask(stand_in, path).body


@pytest.mark.parametrize("code", ["NOPE", "WILL5000IND", ""])
def test_fredgraph_unknown_id_is_a_page(stand_in: StandIn, code: str):
    answer = ask(stand_in, f"/fred.stlouisfed.org/graph/fredgraph.csv?id={code}")
    assert answer.status == 404
    assert answer.text.startswith("<!DOCTYPE html>")


def test_ice_series_roll_three_years_from_april_2026(stand_in: StandIn):
    path = "/fred.stlouisfed.org/graph/fredgraph.csv?id=BAMLH0A0HYM2"
    stand_in.set_now(new_york("2026-03-31T18:00"))
    assert ask(stand_in, path).lines[1].startswith("2012-01-03,")
    stand_in.set_now(new_york("2026-04-01T12:00"))
    assert ask(stand_in, path).lines[1].startswith("2023-04-03,")  # 1 April 2023 was a Saturday
    stand_in.set_now(new_york("2026-04-05T12:00"))
    assert ask(stand_in, path).lines[1].startswith("2023-04-05,")
    assert "2026-02-28," in ask(stand_in, path).text  # a Saturday: ICE prints the last day of the month


def test_sp500_is_ten_years_on_fred(stand_in: StandIn):
    assert ask(stand_in, "/fred.stlouisfed.org/graph/fredgraph.csv?id=SP500").lines[1].startswith("2016-11-18,")


# ---- api.stlouisfed.org ----------------------------------------------------------------------------------------


def api(stand_in: StandIn, endpoint: str, key: str | None = KEY, **params: str) -> Answer:
    if key is not None:
        params["api_key"] = key
    query = "&".join(f"{name}={text}" for name, text in params.items())
    return ask(stand_in, f"/api.stlouisfed.org/fred/{endpoint}?{query}")


def observed(stand_in: StandIn, series_id: str, **params: str) -> dict:
    """Return FRED's page of observations."""
    return json.loads(api(stand_in, "series/observations", series_id=series_id, file_type="json", **params).body)


def test_series_metadata_states_unit_and_last_update(stand_in: StandIn):
    body = json.loads(api(stand_in, "series", series_id="WTREGEN", file_type="json").body)
    (row,) = body["seriess"]
    assert row["id"] == "WTREGEN"
    assert row["units"] == "Millions of U.S. Dollars"
    assert row["last_updated"] == "2026-11-12 15:30:00-06"  # Thursday's H.4.1, Central time
    assert (row["observation_start"], row["observation_end"]) == ("2012-01-04", "2026-11-11")


def test_xml_is_the_default(stand_in: StandIn):
    answer = api(stand_in, "series", series_id="RRPONTSYD")
    assert answer.headers["Content-Type"].startswith("text/xml")
    root = ElementTree.fromstring(answer.body)
    assert root.tag == "seriess"
    assert root[0].attrib["units"] == "Billions of US Dollars"


def test_observations_are_strings_with_a_dot_for_none(stand_in: StandIn):
    body = observed(stand_in, "DGS10", observation_start="2026-11-10")
    assert body["count"] == 5
    assert body["observations"][1] == {
        "realtime_start": "2026-11-18",
        "realtime_end": "2026-11-18",
        "date": "2026-11-11",
        "value": ".",
    }
    expected = f"{value('us_10y_yield', 'fred', date(2026, 11, 10)):.2f}"
    assert body["observations"][0]["value"] == expected
    assert {k: body[k] for k in ("units", "output_type", "order_by", "sort_order", "offset", "limit")} == {
        "units": "lin",
        "output_type": 1,
        "order_by": "observation_date",
        "sort_order": "asc",
        "offset": 0,
        "limit": 100000,
    }


def test_observations_page(stand_in: StandIn):
    pages = [observed(stand_in, "WALCL", limit="300", offset=str(offset)) for offset in (0, 300, 600, 900)]
    whole = observed(stand_in, "WALCL")
    assert [row for page in pages for row in page["observations"]] == whole["observations"]
    assert {page["count"] for page in pages} == {len(whole["observations"])}


def test_vintages_chain_and_the_last_is_open(stand_in: StandIn):
    body = observed(stand_in, "NFCI", realtime_start="1776-07-04", realtime_end="9999-12-31")
    by_period: dict[str, list[dict[str, str]]] = {}
    for row in body["observations"]:
        by_period.setdefault(row["date"], []).append(row)
    assert max(len(rows) for rows in by_period.values()) >= 4
    for rows in by_period.values():
        assert rows[-1]["realtime_end"] == "9999-12-31"
        for before, after in pairwise(rows):
            ends = date.fromisoformat(before["realtime_end"]) + timedelta(days=1)
            assert ends == date.fromisoformat(after["realtime_start"])


def test_windows_clip_the_real_time_period(stand_in: StandIn):
    body = observed(stand_in, "NFCI", realtime_start="2026-06-01", realtime_end="2026-07-01")
    assert min(row["realtime_start"] for row in body["observations"]) == "2026-06-01"
    assert max(row["realtime_end"] for row in body["observations"]) == "2026-07-01"
    assert sum(row["realtime_start"] == "2026-06-01" for row in body["observations"]) > 700  # everything in force


def test_more_than_two_thousand_vintages_are_refused(stand_in: StandIn):
    answer = api(
        stand_in,
        "series/observations",
        series_id="DGS10",
        file_type="json",
        realtime_start="1776-07-04",
        realtime_end="9999-12-31",
    )
    assert answer.status == 400
    count = json.loads(api(stand_in, "series/vintagedates", series_id="DGS10", file_type="json").body)["count"]
    assert count > 2000
    assert json.loads(answer.body) == {
        "error_code": 400,
        "error_message": f"Bad Request.  There are {count} vintage dates in the specified real-time period: "
        "1776-07-04 to 9999-12-31. This exceeds the maximum number of vintage dates allowed for this file type (2000).",
    }


def test_vintage_dates_are_release_days_and_page(stand_in: StandIn):
    body = json.loads(
        api(stand_in, "series/vintagedates", series_id="WALCL", file_type="json", limit="2", offset="1").body
    )
    assert body["vintage_dates"] == ["2012-01-12", "2012-01-19"]  # Thursdays
    assert body["limit"] == 2


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"series_id": "NOPE"}, "Bad Request.  The series does not exist."),
        (
            {"series_id": "SP500", "realtime_start": "1776-07-04", "realtime_end": "9999-12-31"},
            "Bad Request.  The series does not exist in ALFRED but may exist in FRED.",
        ),
        (
            {"series_id": "DGS10", "realtime_start": "2001-01-01", "realtime_end": "2005-01-01"},
            "Bad Request.  The series does not exist in ALFRED but may exist in FRED.",
        ),
        ({"series_id": "DGS10", "realtime_end": "2026-11-19"}, "realtime_end can not be after today's date"),
        ({"series_id": "DGS10", "key": None}, "api_key is not set"),
        ({"series_id": "DGS10", "key": "short"}, "is not a 32 character alpha-numeric lower-case string"),
    ],
)
def test_refusals_are_400_in_both_formats(stand_in: StandIn, params: dict[str, str], message: str):
    as_json = api(stand_in, "series/observations", file_type="json", **params)
    assert as_json.status == 400
    assert message in json.loads(as_json.body)["error_message"]
    as_xml = api(stand_in, "series/observations", **params)
    assert as_xml.status == 400
    root = ElementTree.fromstring(as_xml.body)
    assert (root.tag, root.attrib["code"]) == ("error", "400")
    assert message in root.attrib["message"]


def test_freds_today_is_central(stand_in: StandIn):
    stand_in.set_now(new_york("2026-11-18T00:30"))  # still the 17th in St. Louis
    body = json.loads(api(stand_in, "series", series_id="WALCL", file_type="json").body)
    assert body["realtime_start"] == "2026-11-17"


# ---- www.federalreserve.gov ------------------------------------------------------------------------------------


def board(answer: Answer, name: str) -> dict[str, ElementTree.Element]:
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        assert archive.namelist() == [f"{name}_{name}.xsd", f"{name}_data.xml", f"{name}_struct.xml", "frb_common.xsd"]
        root = ElementTree.fromstring(archive.read(f"{name}_data.xml"))
    return {
        element.attrib["SERIES_NAME"]: element for element in root.iter() if element.tag.rsplit("}", 1)[1] == "Series"
    }


def observations(series: ElementTree.Element) -> dict[str, tuple[str, str]]:
    return {
        element.attrib["TIME_PERIOD"]: (element.attrib["OBS_VALUE"], element.attrib["OBS_STATUS"])
        for element in series
        if element.tag.rsplit("}", 1)[1] == "Obs"
    }


def test_h41_zip(stand_in: StandIn):
    series = board(ask(stand_in, "/www.federalreserve.gov/releases/h41/data/FRB_h41_xml.zip"), "H41")
    assert {"RESPPMA_N.WW", "RESPPLLDT_N.WW", "RESPPLLDT_XAW_N.WW", "RESH4R_N.WW", "RESPPLLDT_F02_N.WW"} == set(series)
    assets = series["RESPPMA_N.WW"]
    assert (assets.attrib["UNIT"], assets.attrib["UNIT_MULT"], assets.attrib["CURRENCY"]) == (
        "Currency",
        "1000000",
        "USD",
    )
    assert assets.attrib["FREQ"] == "19"
    level = value("fed_total_assets", "federal_reserve", date(2026, 11, 11))
    assert observations(assets)["2026-11-11"] == (f"{level * 1000:.0f}", "A")
    assert observations(series["RESPPLLDT_F02_N.WW"]) == {"2012-01-04": ("-999999", "NA")}


def test_h15_zip_says_nd_on_holidays(stand_in: StandIn):
    series = board(ask(stand_in, "/www.federalreserve.gov/releases/h15/data/FRB_h15_xml.zip"), "H15")
    two = series["RIFLGFCY02_N.B"]
    assert (two.attrib["UNIT"], two.attrib["UNIT_MULT"], two.attrib["CURRENCY"]) == ("Percent:_Per_Year", "1", "NA")
    assert observations(two)["2026-11-11"] == ("-9999", "ND")
    assert list(observations(two))[-1] == "2026-11-16"


def test_policy_rates_have_every_day_and_the_next(stand_in: StandIn):
    path = "/www.federalreserve.gov/releases/prates/data/FRB_PRATES_xml.zip"
    stand_in.set_now(new_york("2026-11-13T14:00"))
    days = list(observations(board(ask(stand_in, path), "PRATES")["RESBM_N.D"]))
    assert days[-1] == "2026-11-14"  # a Saturday, announced on Friday at two
    assert days[0] == "2021-07-29"


def test_zip_is_conditional_and_changes_with_a_release_only(stand_in: StandIn):
    path = "/www.federalreserve.gov/releases/h41/data/FRB_h41_xml.zip"
    first = ask(stand_in, path)
    assert first.headers["Last-Modified"] == "Thu, 12 Nov 2026 21:30:00 GMT"
    tag = first.headers["ETag"]
    again = ask(stand_in, path, {"If-None-Match": tag})
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
    stand_in.set_now(new_york("2026-11-19T16:29"))
    assert ask(stand_in, path, {"If-None-Match": tag}).status == 304
    stand_in.set_now(new_york("2026-11-19T16:30"))
    newer = ask(stand_in, path, {"If-None-Match": tag})
    assert newer.status == 200
    assert newer.headers["ETag"] != tag


def test_board_refuses_zip_only_clients(stand_in: StandIn):
    path = "/www.federalreserve.gov/releases/h15/data/FRB_h15_xml.zip"
    assert ask(stand_in, path, {"Accept": "application/zip"}).status == 406
    assert ask(stand_in, path, {"Accept": "*/*"}).status == 200


# ---- api.fiscaldata.treasury.gov -------------------------------------------------------------------------------

DTS = "/api.fiscaldata.treasury.gov/services/api/fiscal_service/v1/accounting/dts/operating_cash_balance"


def statement(stand_in: StandIn, **params: str) -> dict:
    query = "&".join(f"{quote(name)}={quote(text)}" for name, text in params.items())
    answer = ask(stand_in, f"{DTS}?{query}")
    assert answer.status == 200, answer.text
    return json.loads(answer.body)


def test_statement_has_three_eras(stand_in: StandIn):
    body = statement(stand_in, filter="record_date:gte:2021-09-30,record_date:lte:2021-10-01", sort="record_date")
    old, middle = body["data"]
    assert old["account_type"] == "Federal Reserve Account"
    assert old["close_today_bal"] == f"{value('tga_daily', 'treasury', date(2021, 9, 30)) * 1000:.0f}"
    assert middle["account_type"] == "Treasury General Account (TGA)"
    assert middle["open_today_bal"] == old["close_today_bal"]
    body = statement(stand_in, filter="record_date:gte:2022-04-14,record_date:lte:2022-04-18", sort="record_date")
    assert [row["account_type"] for row in body["data"]] == [
        "Treasury General Account (TGA)",
        "Treasury General Account (TGA)",
        "Treasury General Account (TGA) Opening Balance",
        "Total TGA Deposits (Table II)",
        "Total TGA Withdrawals (Table II) (-)",
        "Treasury General Account (TGA) Closing Balance",
    ]


def test_statement_identities(stand_in: StandIn):
    body = statement(stand_in, **{"filter": "record_date:gte:2025-01-02", "page[size]": "10000", "sort": "record_date"})
    rows = body["data"]
    closing = None
    for start in range(0, len(rows), 4):
        opened, deposits, withdrawals, closed = (int(row["open_today_bal"]) for row in rows[start : start + 4])
        assert opened + deposits - withdrawals == closed
        assert deposits > 0
        assert withdrawals > 0
        assert closing in (None, opened)
        closing = closed
    assert {row["close_today_bal"] for row in rows} == {"null"}
    assert all(isinstance(text, str) for row in rows for text in row.values())


def test_statement_month_and_fiscal_year(stand_in: StandIn):
    body = statement(stand_in, filter="record_date:gte:2025-10-01,record_date:lte:2025-10-02", sort="record_date")
    first, second = body["data"][0], body["data"][4]
    assert first["record_fiscal_year"] == "2026"
    assert (first["record_fiscal_quarter"], first["record_calendar_quarter"]) == ("1", "4")
    assert first["open_today_bal"] == first["open_month_bal"] == first["open_fiscal_year_bal"]
    assert second["open_month_bal"] == first["open_month_bal"]
    deposits = [body["data"][at] for at in (1, 5)]
    assert int(deposits[1]["open_month_bal"]) == sum(int(row["open_today_bal"]) for row in deposits)


def test_statement_pages_filters_and_meta(stand_in: StandIn):
    account = "Treasury General Account (TGA) Closing Balance"
    body = statement(
        stand_in,
        **{
            "filter": f"record_date:gte:2026-10-01,account_type:eq:{account}",
            "fields": "record_date,open_today_bal",
            "sort": "-record_date",
            "page[number]": "2",
            "page[size]": "10",
        },
    )
    assert body["data"][0].keys() == {"record_date", "open_today_bal"}
    assert len(body["data"]) == body["meta"]["count"] == 10
    assert body["meta"]["total-count"] == 31
    assert body["meta"]["total-pages"] == 4
    assert body["meta"]["dataFormats"] == {"record_date": "YYYY-MM-DD", "open_today_bal": "$1,000,000"}
    assert body["links"]["next"] == "&page%5Bnumber%5D=3&page%5Bsize%5D=10"
    days = [row["record_date"] for row in body["data"]]
    assert days == sorted(days, reverse=True)
    both = statement(
        stand_in, filter=f"record_date:eq:2026-10-01,account_type:in:({account},Total TGA Deposits (Table II))"
    )
    assert len(both["data"]) == 2


def test_statement_comes_the_next_working_day_at_four(stand_in: StandIn):
    stand_in.set_now(new_york("2026-11-18T15:59"))
    assert statement(stand_in, sort="-record_date")["data"][0]["record_date"] == "2026-11-16"
    stand_in.set_now(new_york("2026-11-18T16:00"))
    assert statement(stand_in, sort="-record_date")["data"][0]["record_date"] == "2026-11-17"


def test_statement_refuses_what_it_does_not_know(stand_in: StandIn):
    assert ask(stand_in, f"{DTS}?filter=nope:eq:1").status == 400
    assert ask(stand_in, f"{DTS}?page[size]=20000").status == 400


# ---- home.treasury.gov -----------------------------------------------------------------------------------------


def curve(stand_in: StandIn, year: int) -> list[str]:
    return ask(
        stand_in,
        "/home.treasury.gov/resource-center/data-chart-center/interest-rates/daily-treasury-rates.csv/"
        f"{year}/all?type=daily_treasury_yield_curve&field_tdr_date_value={year}&page&_format=csv",
    ).lines


def test_par_yields_by_year(stand_in: StandIn):
    assert curve(stand_in, 2016)[0] == (
        'Date,"1 Mo","3 Mo","6 Mo","1 Yr","2 Yr","3 Yr","5 Yr","7 Yr","10 Yr","20 Yr","30 Yr"'
    )
    lines = curve(stand_in, 2026)
    assert lines[0] == (
        'Date,"1 Mo","1.5 Month","2 Mo","3 Mo","4 Mo","6 Mo","1 Yr","2 Yr","3 Yr","5 Yr","7 Yr","10 Yr","20 Yr","30 Yr"'
    )
    cells = lines[1].split(",")
    assert cells[0] == "11/17/2026"  # newest first
    assert cells[12] == f"{value('us_10y_yield', 'treasury', date(2026, 11, 17)):.2f}"
    assert cells[6] == ""  # a tenor the market does not hold
    assert lines[-1].startswith("01/02/2026,")
    assert len(curve(stand_in, 2027)) == 1


# ---- markets.newyorkfed.org ------------------------------------------------------------------------------------


def test_sofr_is_newest_first_with_revisions_and_na(stand_in: StandIn):
    base = "/markets.newyorkfed.org/api/rates/secured/sofr"
    rows = json.loads(ask(stand_in, f"{base}/search.json?startDate=2018-04-01&endDate=2026-12-31").body)["refRates"]
    assert rows[0]["effectiveDate"] == "2026-11-17"
    assert rows[-1]["effectiveDate"] == "2018-04-02"
    assert list(rows[0]) == [
        "effectiveDate",
        "type",
        "percentRate",
        "percentPercentile1",
        "percentPercentile25",
        "percentPercentile75",
        "percentPercentile99",
        "volumeInBillions",
        "revisionIndicator",
    ]
    by_day = {row["effectiveDate"]: row for row in rows}
    assert by_day["2019-05-31"]["percentPercentile99"] == "NA"
    assert isinstance(by_day["2026-11-17"]["percentRate"], float)
    assert isinstance(by_day["2026-11-17"]["volumeInBillions"], int)
    assert "2026-11-11" not in by_day
    revised = [row for row in rows if row["revisionIndicator"] == "r"]
    assert 3 <= len(revised) <= 40
    last = json.loads(ask(stand_in, f"{base}/last/2.json").body)["refRates"]
    assert last == rows[:2]


def test_effr_has_its_target_and_its_old_columns(stand_in: StandIn):
    base = "/markets.newyorkfed.org/api/rates/unsecured/effr/search.json"
    new = json.loads(ask(stand_in, f"{base}?startDate=2026-11-16&endDate=2026-11-16").body)["refRates"][0]
    assert new["targetRateFrom"] <= new["percentRate"] <= new["targetRateTo"]
    old = json.loads(ask(stand_in, f"{base}?startDate=2014-11-17&endDate=2014-11-17").body)["refRates"][0]
    assert {"intraDayLow", "intraDayHigh", "stdDeviation"} <= old.keys()
    assert "percentPercentile99" not in old


def test_reverse_repo_results(stand_in: StandIn):
    path = (
        "/markets.newyorkfed.org/api/rp/results/search.json?operationTypes=reverserepo&securityType=tsy&term=Overnight"
    )
    body = json.loads(ask(stand_in, f"{path}&startDate=2013-09-20&endDate=2026-12-31").body)
    rows = body["repo"]["operations"]
    assert rows[0]["operationDate"] == "2026-11-17"  # today's closes at 13:15
    assert {row["auctionStatus"] for row in rows} == {"Results"}
    assert {row["term"] for row in rows} == {"Overnight"}
    assert rows[0]["closeTime"] == "13:15"
    assert rows[0]["termCalenderDays"] == 1
    amount = value("on_rrp", "new_york_fed", date(2026, 11, 17))
    assert rows[0]["totalAmtAccepted"] == round(amount * 1e9)
    texts = [row for row in rows if isinstance(row["totalAmtAccepted"], str)]
    assert texts
    assert all(row["operationDate"] < "2016" for row in texts)
    small = [row for row in rows if row["note"] == "Small value exercise"]
    assert len(small) > 20
    stand_in.set_now(new_york("2026-11-18T13:20"))
    last = json.loads(ask(stand_in, "/markets.newyorkfed.org/api/rp/reverserepo/all/results/last/1.json").body)
    assert last["repo"]["operations"][0]["operationDate"] == "2026-11-18"


@pytest.mark.parametrize(
    ("search", "whole", "day"),
    [
        ("rates/secured/sofr/search.json?", "rates/secured/sofr/last/9999.json", "effectiveDate"),
        ("rates/unsecured/effr/search.json?", "rates/unsecured/effr/last/9999.json", "effectiveDate"),
        ("rp/results/search.json?", "rp/reverserepo/all/results/last/9999.json", "operationDate"),
    ],
)
# from the first day of a month of small value exercises on; from its second; none
@pytest.mark.parametrize(
    "span", [("2026-03-02", "2026-09-30"), ("2026-03-03", "2026-08-31"), ("2027-01-01", "2027-02-01")]
)
def test_a_search_finds_what_the_whole_history_has_of_its_days(
    stand_in: StandIn, search: str, whole: str, day: str, span: tuple[str, str]
) -> None:
    def rows(path: str) -> list[dict[str, object]]:
        (answer,) = json.loads(ask(stand_in, f"/markets.newyorkfed.org/api/{path}").body).values()
        found: list[dict[str, object]] = answer["operations"] if search.startswith("rp/") else answer
        return found

    asked = rows(f"{search}startDate={span[0]}&endDate={span[1]}")
    assert asked == [row for row in rows(whole) if span[0] <= str(row[day]) <= span[1]]


# ---- www.mof.go.jp ---------------------------------------------------------------------------------------------

MOF = "/www.mof.go.jp/english/policy/jgbs/reference/interest_rate"


def test_japanese_yields_are_split_at_the_month(stand_in: StandIn):
    history = ask(stand_in, f"{MOF}/historical/jgbcme_all.csv").body.decode("ascii").split("\r\n")
    assert history[0] == "Interest Rate,,,,,,,,,,,,,,,(Unit : %)"
    assert history[1] == "Date,1Y,2Y,3Y,4Y,5Y,6Y,7Y,8Y,9Y,10Y,15Y,20Y,25Y,30Y,40Y"
    assert history[2].startswith("2012/1/4,-,")  # no padding, Tokyo's first day of the year, - is missing
    assert history[-2].startswith("2026/10/30,")
    current = ask(stand_in, f"{MOF}/jgbcme.csv").body
    lines = current.split(b"\r\n")
    assert lines[2].startswith(b"2026/11/2,")
    assert any(line.startswith(b"2026/11/17,") for line in lines)  # out at 19:30 New York of the same day
    with pytest.raises(UnicodeDecodeError):
        current.decode("utf-8")
    assert "※" in current.decode("shift_jis")


def test_japanese_month_begins_in_tokyo(stand_in: StandIn):
    stand_in.set_now(new_york("2026-10-31T20:30"))  # 1 November in Tokyo
    lines = ask(stand_in, f"{MOF}/jgbcme.csv").body.split(b"\r\n")
    assert lines[2] == b""
    assert b"2026/10/29," in ask(stand_in, f"{MOF}/historical/jgbcme_all.csv").body


# ---- Cboe ------------------------------------------------------------------------------------------------------

PRICES = "api/global/us_indices/daily_prices"
DAILY = "/cdn.cboe.com/data/us/options/market_statistics/daily"


def test_cboe_histories(stand_in: StandIn):
    lines = ask(stand_in, f"/cdn-api.cboe.com/{PRICES}/VIX_History.csv").lines
    assert lines[0] == "DATE,OPEN,HIGH,LOW,CLOSE"
    assert re.fullmatch(r"01/03/2012(,\d+\.\d{6}){4}", lines[1])
    assert lines[-1].startswith("11/17/2026,")
    assert lines[-1].endswith(f",{value('vix_close', 'cboe', date(2026, 11, 17)):.6f}")
    single = ask(stand_in, f"/cdn-api.cboe.com/{PRICES}/VVIX_History.csv").lines
    assert single[0] == "DATE,VVIX"
    assert re.fullmatch(r"11/17/2026,\d+\.\d{6}", single[-1])
    denied = ask(stand_in, f"/cdn-api.cboe.com/{PRICES}/SPXT_History.csv")
    assert denied.status == 403
    assert b"AccessDenied" in denied.body


def test_cboes_old_host_sends_on(stand_in: StandIn):
    answer = ask(stand_in, f"/cdn.cboe.com/{PRICES}/VIX_History.csv")
    assert answer.status == 307
    assert answer.headers["Location"] == f"https://cdn-api.cboe.com/{PRICES}/VIX_History.csv"


@pytest.mark.parametrize(
    ("name", "header"), [("total", "DATE,CALLS,PUTS,TOTAL,P/C Ratio"), ("equity", "DATE,CALL,PUT,TOTAL,P/C Ratio")]
)
def test_put_call_archives_are_frozen(stand_in: StandIn, name: str, header: str):
    path = f"/cdn.cboe.com/resources/options/volume_and_call_put_ratios/{name}pc.csv"
    lines = ask(stand_in, path).lines
    assert lines[2] == header
    assert re.fullmatch(r"1/3/2012,\d+,\d+,\d+,\d\.\d\d", lines[3])
    assert re.fullmatch(r"10/04/2019, \d+, \d+, \d+, \d\.\d\d", lines[-1])


def test_daily_statistics_in_both_shapes(stand_in: StandIn):
    array = json.loads(ask(stand_in, f"{DAILY}/2026-11-16_daily_options").body)
    assert [row["name"] for row in array["ratios"]] == [
        "TOTAL PUT/CALL RATIO",
        "INDEX PUT/CALL RATIO",
        "EXCHANGE TRADED PRODUCTS PUT/CALL RATIO",
        "EQUITY PUT/CALL RATIO",
        "CBOE VOLATILITY INDEX (VIX) PUT/CALL RATIO",
        "SPX + SPXW PUT/CALL RATIO",
    ]
    assert all(re.fullmatch(r"\d+\.\d\d", row["value"]) for row in array["ratios"])
    volume, interest = array["SUM OF ALL PRODUCTS"]
    assert (volume["name"], interest["name"]) == ("VOLUME", "OPEN INTEREST")
    assert volume["total"] == volume["call"] + volume["put"]
    assert array["ratios"][0]["value"] == f"{volume['put'] / volume['call']:.2f}"
    single = json.loads(ask(stand_in, f"{DAILY}/2020-06-15_daily_options").body)
    assert single["EQUITY OPTIONS"].keys() == {"name", "call", "put", "total"}


@pytest.mark.parametrize("day", ["2026-11-17", "2026-11-15", "2026-07-03", "2019-10-04", "2027-01-04"])
def test_daily_statistics_are_403_where_there_are_none(stand_in: StandIn, day: str):
    stand_in.set_now(new_york("2026-11-18T08:59"))  # Tuesday's come at nine
    assert ask(stand_in, f"{DAILY}/{day}_daily_options").status == 403


# ---- Yahoo -----------------------------------------------------------------------------------------------------


def test_yahoo_chart(stand_in: StandIn):
    path = f"/query2.finance.yahoo.com/v8/finance/chart/{quote('^GSPC')}"
    answer = ask(stand_in, f"{path}?period1=1793577600&period2=1793750400&interval=1d")  # 2 and 3 November 2026
    (result,) = json.loads(answer.body)["chart"]["result"]
    assert result["timestamp"] == [
        int(new_york("2026-11-02T09:30").timestamp()),
        int(new_york("2026-11-03T09:30").timestamp()),
    ]
    assert result["meta"]["exchangeTimezoneName"] == "America/New_York"
    assert result["meta"]["gmtoffset"] == -18000
    assert result["meta"]["currency"] == "USD"
    quoted = result["indicators"]["quote"][0]
    assert quoted["close"] == [value("sp500_close", "yahoo", date(2026, 11, day)) for day in (2, 3)]
    assert quoted.keys() == {"open", "high", "low", "close", "volume"}
    assert result["indicators"]["adjclose"] == [{"adjclose": quoted["close"]}]


def test_yahoo_currencies_are_stamped_at_londons_midnight(stand_in: StandIn):
    answer = ask(stand_in, "/query1.finance.yahoo.com/v8/finance/chart/JPY=X?range=5d&interval=1d")
    (result,) = json.loads(answer.body)["chart"]["result"]
    last = datetime.fromisoformat("2026-11-17T00:00+00:00")
    assert result["timestamp"][-1] == int(last.timestamp())
    assert result["meta"]["currency"] == "JPY"
    assert len(result["timestamp"]) == 5


def test_yahoo_empty_window_unknown_symbol_cookie_and_crumb(stand_in: StandIn):
    path = "/query2.finance.yahoo.com/v8/finance/chart"
    (result,) = json.loads(ask(stand_in, f"{path}/{quote('^MOVE')}?period1=0&period2=86400&interval=1d").body)["chart"][
        "result"
    ]
    assert "timestamp" not in result
    unknown = ask(stand_in, f"{path}/NOPE?range=1d")
    assert unknown.status == 404
    assert json.loads(unknown.body)["chart"]["error"]["code"] == "Not Found"
    assert "Set-Cookie" in ask(stand_in, "/fc.yahoo.com/").headers
    assert ask(stand_in, "/query1.finance.yahoo.com/v1/test/getcrumb").text == "standin.crumb"


def test_yfinance_itself_reads_it(stand_in: StandIn, tmp_path):
    """The client in a process of its own: its session is global."""
    import subprocess
    import sys

    script = f"""
import requests, yfinance
from urllib.parse import urlsplit
yfinance.set_tz_cache_location({str(tmp_path)!r})
class Local(requests.Session):
    def request(self, method, url, **options):
        parts = urlsplit(url)
        options.pop("impersonate", None)
        query = "?" + parts.query if parts.query else ""
        return super().request(method, {stand_in.url!r} + "/" + parts.netloc + parts.path + query, **options)
for symbol in ("^GSPC", "JPY=X", "^MOVE"):
    frame = yfinance.Ticker(symbol, session=Local()).history(start="2026-11-02", end="2026-11-06", auto_adjust=False)
    print(symbol, len(frame), frame.index[0].isoformat(), float(frame["Close"].iloc[-1]))
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    index, yen, move = ran.stdout.splitlines()
    assert index == f"^GSPC 4 2026-11-02T00:00:00-05:00 {value('sp500_close', 'yahoo', date(2026, 11, 5))}"
    assert yen == f"JPY=X 4 2026-11-02T00:00:00+00:00 {value('usdjpy', 'yahoo', date(2026, 11, 5))}"
    assert move.startswith("^MOVE 4 2026-11-02T00:00:00-05:00")


def test_fredapi_itself_reads_it(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch):
    from fredapi import Fred

    monkeypatch.setattr(Fred, "root_url", f"{stand_in.url}/api.stlouisfed.org/fred")
    fred = Fred(api_key=KEY)
    series = fred.get_series("DGS10", observation_start="2026-11-10")
    assert series.index[0].date() == date(2026, 11, 10)
    assert series.isna().tolist() == [False, True, False, False, False]
    assert fred.get_series_info("WALCL")["units"] == "Millions of U.S. Dollars"
    with pytest.raises(ValueError, match=r"Bad Request.  The series does not exist."):
        fred.get_series("NOPE")


# ---- www.financialresearch.gov ---------------------------------------------------------------------------------


def test_ofr_stress_index(stand_in: StandIn):
    lines = ask(stand_in, "/www.financialresearch.gov/financial-stress-index/data/fsi.csv").lines
    assert lines[0] == (
        "Date,OFR FSI,Credit,Equity valuation,Safe assets,Funding,Volatility,"
        "United States,Other advanced economies,Emerging markets"
    )
    day, total, *parts = lines[-1].split(",")
    assert day == "2026-11-13"  # two working days
    assert sum(map(float, parts[:5])) == pytest.approx(float(total), abs=0.01)


# ---- www.finra.org ---------------------------------------------------------------------------------------------

MARGIN = "/www.finra.org/sites/default/files/2021-03/margin-statistics.xlsx"


def margin_rows(body: bytes) -> list[tuple]:
    from openpyxl import load_workbook

    book = load_workbook(io.BytesIO(body))
    assert book.sheetnames == ["Customer Margin Balances"]
    return list(book.worksheets[0].iter_rows(values_only=True))


def test_margin_statistics_are_months_newest_first_in_whole_millions(stand_in: StandIn):
    answer = ask(stand_in, MARGIN)
    assert answer.headers["Content-Type"] == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    header, newest, *rest = margin_rows(answer.body)
    assert header == (
        "Year-Month",
        "Debit Balances in Customers' Securities Margin Accounts",
        "Free Credit Balances in Customers' Cash Accounts",
        "Free Credit Balances in Customers' Securities Margin Accounts",
    )
    assert newest[0] == "2026-09"  # October's come on the 24th at five
    assert newest[1] == round(value("margin_debt", "finra", date(2026, 9, 1)) * 1000)
    assert all(isinstance(cell, int) for row in (newest, *rest) for cell in row[1:])
    assert [row[0] for row in rest] == sorted((row[0] for row in rest), reverse=True)
    assert rest[-1][0] == "2012-01"


def test_margin_statistics_change_in_place_on_the_24th(stand_in: StandIn):
    stand_in.set_now(new_york("2026-10-24T16:59"))
    before = ask(stand_in, MARGIN).body
    stand_in.set_now(new_york("2026-10-24T17:00"))
    after = ask(stand_in, MARGIN).body
    assert margin_rows(after)[2:] == margin_rows(before)[1:]
    stand_in.set_now(new_york("2026-11-02T12:00"))
    assert ask(stand_in, MARGIN).body == after, "the same bytes for the same months"


def test_the_page_links_to_the_workbook(stand_in: StandIn):
    page = ask(stand_in, "/www.finra.org/rules-guidance/key-topics/margin-accounts/margin-statistics").text
    assert MARGIN.removeprefix("/www.finra.org") in page
    assert ask(stand_in, "/www.finra.org/sites/default/files/margin-statistics.xlsx").status == 404


# ---- labour on FRED --------------------------------------------------------------------------------------------


def test_unemployment_has_one_decimal_and_a_blank_for_the_month_of_the_shutdown(stand_in: StandIn):
    lines = ask(stand_in, "/fred.stlouisfed.org/graph/fredgraph.csv?id=UNRATE").lines
    assert lines[1].startswith("2012-01-01,")
    assert lines[-1].startswith("2026-10-01,")
    assert "2025-10-01," in lines
    assert [line for line in lines[1:] if not re.fullmatch(r"\d{4}-\d\d-01,\d+\.\d", line)] == ["2025-10-01,"]
    assert len(lines) == 1 + 14 * 12 + 10


def test_the_blank_month_came_with_the_next_one(stand_in: StandIn):
    path = "/fred.stlouisfed.org/graph/fredgraph.csv?id=UNRATE"
    for moment, last in (
        ("2025-11-20T08:29", "2025-08-01"),
        ("2025-11-20T08:30", "2025-09-01"),
        ("2025-12-16T08:29", "2025-09-01"),
        ("2025-12-16T08:30", "2025-11-01"),
    ):
        stand_in.set_now(new_york(moment))
        assert ask(stand_in, path).lines[-1].startswith(last), moment


def test_the_blank_month_has_a_vintage(stand_in: StandIn):
    page = observed(
        stand_in, "UNRATE", realtime_start="2025-09-05", realtime_end="2026-01-08", observation_start="2025-08-01"
    )
    found = [(row["realtime_start"], row["date"], row["value"] == ".") for row in page["observations"]]
    assert found == [
        ("2025-09-05", "2025-08-01", False),
        ("2025-11-20", "2025-09-01", False),
        ("2025-12-16", "2025-10-01", True),
        ("2025-12-16", "2025-11-01", False),
    ]


@pytest.mark.parametrize(
    ("code", "units", "frequency"),
    [
        ("UNRATE", "Percent", "Monthly"),
        ("SAHMREALTIME", "Percentage Points", "Monthly"),
        ("ICSA", "Number", "Weekly, Ending Saturday"),
    ],
)
def test_labour_series_state_their_units(stand_in: StandIn, code: str, units: str, frequency: str):
    body = json.loads(api(stand_in, "series", series_id=code, file_type="json").body)["seriess"][0]
    assert (body["units"], body["frequency"]) == (units, frequency)


def test_claims_are_whole_numbers_of_saturdays(stand_in: StandIn):
    lines = ask(stand_in, "/fred.stlouisfed.org/graph/fredgraph.csv?id=ICSA").lines
    assert lines[-1].startswith("2026-11-07,")  # the week ended 14 November comes tomorrow
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d,\d+000", line) for line in lines[1:])


# ---- every publisher -------------------------------------------------------------------------------------------

ROUTES = [
    "/fred.stlouisfed.org/graph/fredgraph.csv?id=SOFR",
    f"/api.stlouisfed.org/fred/series/observations?series_id=WALCL&api_key={KEY}",
    "/www.federalreserve.gov/releases/h15/data/FRB_h15_xml.zip",
    f"{DTS}?sort=-record_date",
    "/markets.newyorkfed.org/api/rates/secured/sofr/last/5.json",
    f"/cdn-api.cboe.com/{PRICES}/SKEW_History.csv",
    "/query2.finance.yahoo.com/v8/finance/chart/JPY=X?range=max&interval=1d",
]


@pytest.mark.parametrize("path", ROUTES)
def test_the_same_moment_gives_the_same_bytes_and_a_later_one_others(stand_in: StandIn, path: str):
    first = ask(stand_in, path)
    stand_in.set_now(new_york("2026-11-20T18:00"))
    later = ask(stand_in, path)
    stand_in.set_now(new_york(NOW))
    assert ask(stand_in, path).body == first.body
    assert later.body != first.body


@pytest.mark.parametrize("path", ["/", "/nowhere.example.org/x", "/www.mof.go.jp/x", "/query2.finance.yahoo.com/v1/x"])
def test_unknown_addresses_are_404(stand_in: StandIn, path: str):
    assert ask(stand_in, path).status == 404


# ---- publishers without a renderer -----------------------------------------------------------------------------


def test_a_made_up_sample_is_served_in_a_simulated_market_only():
    answer, asked = fallback.renderer(publishers()["warn_feed"]), Request("github.com", "/notices.csv")
    assert answer(View(market(), new_york(NOW)), asked).body.startswith(b"id,state,company")
    recorded = Market(pl.DataFrame(schema=dict(MARKET_SCHEMA)))
    assert answer(View(recorded, new_york(NOW)), asked).status == 404


# ---- www.cftc.gov, cdn.finra.org, api.finra.org ----------------------------------------------------------------------


def test_positions_of_the_newest_week_have_87_columns_no_header_and_sides_that_add_up(stand_in: StandIn):
    lines = ask(stand_in, "/www.cftc.gov/dea/newcot/FinFutWk.txt").lines
    cells = {cells[3]: cells for cells in csv.reader(lines)}
    assert {len(row) for row in cells.values()} == {87}
    assert cells["13874A"][1:3] == ["261110", "2026-11-10"]  # out on Monday, the 16th, after Veterans Day
    for row in cells.values():
        interest, spreads = int(row[7]), sum(int(row[at]) for at in (10, 13, 16, 19))
        assert sum(int(row[at]) for at in (8, 11, 14, 17, 22)) + spreads == interest
        assert sum(int(row[at]) for at in (9, 12, 15, 18, 23)) + spreads == interest
    stand_in.set_now(new_york("2026-11-16T15:29"))
    assert ",2026-11-03," in ask(stand_in, "/www.cftc.gov/dea/newcot/FinFutWk.txt").lines[0]


def test_positions_of_a_year_have_a_header_and_the_json_uneven_keys(stand_in: StandIn):
    body = ask(stand_in, "/www.cftc.gov/files/dea/history/fut_fin_txt_2026.zip").body
    with zipfile.ZipFile(io.BytesIO(body)) as packed:
        header = packed.read("FinFutYY.txt").decode().splitlines()[0].replace('"', "").split(",")
    assert (len(header), header[7], header[-1]) == (87, "Open_Interest_All", "FutOnly_or_Combined")
    where = quote("report_date_as_yyyy_mm_dd between '2026-11-10T00:00:00' and '2026-11-10T00:00:00'")
    rows = json.loads(ask(stand_in, f"/publicreporting.cftc.gov/resource/gpe5-46if.json?$where={where}").body)
    assert {"dealer_positions_long_all", "lev_money_positions_long", "nonrept_positions_short_all"} <= rows[0].keys()
    assert all(isinstance(value, str) for row in rows for value in row.values())


def test_short_volume_counts_its_rows_and_a_day_that_is_not_out_is_refused(stand_in: StandIn):
    lines = ask(stand_in, "/cdn.finra.org/equity/regsho/daily/CNMSshvol20261117.txt").lines
    assert lines[0] == "Date|Symbol|ShortVolume|ShortExemptVolume|TotalVolume|Market"
    assert int(lines[-1]) == len(lines) - 2 > 100
    assert re.fullmatch(r"20261117\|[A-Z/]+\|\d+\.\d{6}\|\d+\|\d+\.\d{6}\|B,Q,N", lines[1])
    assert ask(stand_in, "/cdn.finra.org/equity/regsho/daily/CNMSshvol20261118.txt").status == 403
    interest = ask(stand_in, "/cdn.finra.org/equity/otcmarket/biweekly/shrt20261030.csv").lines
    assert {line.count("|") for line in interest} == {13}
    assert ask(stand_in, "/cdn.finra.org/equity/otcmarket/biweekly/shrt20261029.csv").status == 403


def test_weekly_volumes_answer_a_posted_question(stand_in: StandIn):
    wanted = {"weekStartDate": "2026-10-19", "summaryTypeCode": "ATS_W_SMBL", "tierIdentifier": "T1"}
    filters = [{"compareType": "EQUAL", "fieldName": name, "fieldValue": value} for name, value in wanted.items()]
    question = json.dumps({"limit": 2, "offset": 1, "compareFilters": filters}).encode()
    path = f"{stand_in.url}/api.finra.org/data/group/otcMarket/name/weeklySummary"
    rows = httpx.post(path, content=question).json()
    assert len(rows) == 2
    assert {name: rows[0][name] for name in wanted} == wanted
    assert rows[0]["initialPublishedDate"] == "2026-11-09"
