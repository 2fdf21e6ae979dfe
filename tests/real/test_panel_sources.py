"""The parsers of the panel, held against bytes that publishers really sent."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from ingest.errors import SourceChanged
from ingest.payload import Payload
from ingest.sources.sp500_membership import sp500_membership
from ingest.sources.yahoo import yahoo_prices
from tests.unit.fakes import payload_of


def chart_of(real_data: Path, name: str, symbol: str, start: str, fetched_at: datetime) -> Payload:
    recorded = json.loads((real_data / "yahoo" / name).read_text())
    body = json.dumps(recorded["response"]["bodyJson"])
    return payload_of("yahoo", body, name=symbol, meta={"symbol": symbol, "start": start}, fetched_at=fetched_at)


def test_a_split_on_the_first_day_asked_for_changes_no_later_price(real_data: Path) -> None:
    recorded = chart_of(
        real_data, "chart-AAPL-2020-08-31-to-2020-11-07.json", "AAPL", "2020-08-31", datetime(2020, 11, 7, tzinfo=UTC)
    )
    tables = yahoo_prices.parse(recorded)
    prices = tables["yahoo.prices"]
    assert prices.height == 49
    assert prices.row(0, named=True)["close_usd"] == 129.04
    assert prices.row(0, named=True)["volume_shares"] == 225_702_700
    assert tables["yahoo.splits"].select("session_date", "split_ratio").rows() == [(date(2020, 8, 31), 4.0)]
    assert tables["yahoo.dividends"].select("session_date", "dividend_usd").rows() == [(date(2020, 11, 6), 0.205)]


def test_prices_before_a_split_are_multiplied_and_volumes_divided(real_data: Path) -> None:
    name = "historical-via-chart-NVDA-split-2021-02-01-to-2022-01-31.csv.json"
    recorded = chart_of(real_data, name, "NVDA", "2021-02-01", datetime(2022, 1, 31, tzinfo=UTC))
    tables = yahoo_prices.parse(recorded)
    prices = {row["session_date"]: row for row in tables["yahoo.prices"].iter_rows(named=True)}
    assert len(prices) == 252
    assert tables["yahoo.splits"].select("session_date", "split_ratio").rows() == [(date(2021, 7, 20), 4.0)]
    # recorded in 2025, asked to 2022: the split of June 2024 is in the prices and not in the list. With it
    # the close of 2021-02-01 is 529.48, as traded. This is why the connector always asks up to the present
    assert prices[date(2021, 2, 1)]["close_usd"] * 10 == pytest.approx(529.48, abs=0.001)
    assert prices[date(2021, 2, 1)]["volume_shares"] * 4 == 217_204_000
    before, after = prices[date(2021, 7, 19)]["close_usd"], prices[date(2021, 7, 20)]["close_usd"]
    assert before / after == pytest.approx(4.0, rel=0.03)  # as traded, the split is a fall by three quarters


def test_a_chart_cut_off_is_a_short_answer(real_data: Path) -> None:
    recorded = chart_of(
        real_data, "chart-AAPL-2020-08-31-to-2020-11-07.json", "AAPL", "2020-06-01", datetime(2020, 11, 7, tzinfo=UTC)
    )
    with pytest.raises(SourceChanged, match=r"AAPL: expected a close for each of the 113 sessions .* a short answer"):
        yahoo_prices.parse(recorded)


@pytest.fixture(scope="module")
def intervals(real_data: Path) -> pl.DataFrame:
    folder = real_data / "membership"
    parts = {name: (folder / name).read_text() for name in (sp500_membership.STAYS, sp500_membership.CHANGES)}
    parts[sp500_membership.NAMES] = "Symbol,Security,GICS Sector\nBRK.B,Berkshire,Financials\n"  # not in the folder
    meta = {"parts": ",".join(parts), "least_members": "400", "least_from": "2001-01-01"}
    payload = payload_of("sp500_membership", json.dumps(parts), name=sp500_membership.TOGETHER, meta=meta)
    return sp500_membership.parse(payload)["sp500_membership.intervals"]


def stays_of(intervals: pl.DataFrame, permid: str) -> list[tuple[str, date, date | None]]:
    return intervals.filter(permid=permid).select("ticker", "start_date", "end_date").rows()


def test_the_index_has_about_five_hundred_members_on_any_day(intervals: pl.DataFrame) -> None:
    for day in (date(2001, 1, 2), date(2008, 9, 15), date(2020, 3, 23), date(2025, 11, 14)):
        is_member = (pl.col("start_date") <= day) & (pl.col("end_date").is_null() | (pl.col("end_date") > day))
        assert 490 <= intervals.filter(is_member)["permid"].n_unique() <= 510


def test_no_stock_is_a_member_twice_on_one_day(intervals: pl.DataFrame) -> None:
    before = pl.col("end_date").shift(1).over("permid", order_by="start_date")
    assert intervals.filter(before > pl.col("start_date")).is_empty()
    assert not intervals.select("permid", "start_date").is_duplicated().any()


def test_recycled_tickers_and_renames(intervals: pl.DataFrame) -> None:
    assert stays_of(intervals, "AAL") == [("AAL", date(1996, 1, 2), date(1997, 1, 15))]
    assert stays_of(intervals, "AAL-2015") == [("AAL", date(2015, 3, 23), date(2024, 9, 23))]
    assert stays_of(intervals, "FB") == [
        ("FB", date(2013, 12, 23), date(2022, 6, 9)),
        ("META", date(2022, 6, 9), None),
    ]
    assert stays_of(intervals, "Q") == [("Q", date(2000, 7, 6), date(2011, 4, 1))]
    assert stays_of(intervals, "Q-2025") == [("Q", date(2025, 11, 3), None)]  # from the file of changes alone
    assert stays_of(intervals, "FISV")[-1] == ("FISV", date(2025, 11, 11), None)
