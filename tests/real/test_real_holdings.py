"""Holdings files as issuers really served them: SSGA, iShares and Invesco, old and new column names alike."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from ingest.dataset import dataset
from ingest.errors import SourceChanged
from ingest.payload import Payload
from ingest.readers.holdings import HoldingsFile, invesco_holdings, ishares_holdings, ssga_holdings
from tests.unit.fakes import payload_of

IVV = "IVV_holdings_2024-12-06.csv"
SPY = "ssga_holdings-daily-us-en-spy_2024-05-10.xlsx"
QQQ = "invesco_QQQ_2018-05-14.csv"


@pytest.fixture
def payload(real_data: Path) -> Callable[..., Payload]:
    """Return a function that reads a real file as a payload, after replacements of our own if wanted."""

    def read(name: str, **replaced: str) -> Payload:
        body = (real_data / "etf_holdings" / name).read_bytes()
        for old, new in replaced.items():
            assert old.encode() in body
            body = body.replace(old.encode(), new.encode(), 1)
        return payload_of("issuer", body, name=name)

    return read


def largest(found: HoldingsFile, count: int) -> list[str]:
    return found.rows.top_k(count, by="weight_pct")["holding_ticker"].to_list()


def test_ivv_states_its_shares_outstanding_exactly(payload: Callable[..., Payload]) -> None:
    found = ishares_holdings(payload(IVV), "IVV")
    assert found.shares_outstanding_count == 957_950_000
    assert found.as_of_date == date(2024, 12, 6)


def test_ivv_positions(payload: Callable[..., Payload], real_data: Path) -> None:
    rows = ishares_holdings(payload(IVV), "IVV").rows
    assert list(rows.schema.items()) == list(dataset("ishares.holdings").rows_schema.items())
    assert rows.filter(rows["asset_class"] == "Equity").height == 503
    assert rows["weight_pct"].sum() == pytest.approx(99.98)
    with (real_data / "etf_holdings" / IVV).open(encoding="utf-8-sig", newline="") as file:
        lines = [line for line in csv.reader(file) if len(line) == 15][1:]
    assert rows.height == len(lines)
    assert sorted(rows.select("holding_ticker", "shares", "market_value_usd").rows()) == sorted(
        (line[0], float(line[7].replace(",", "")), float(line[4].replace(",", ""))) for line in lines
    )
    weights = rows["weight_pct"].to_list()
    assert weights == sorted(weights, reverse=True)
    assert rows["line_number"].to_list() == list(range(1, len(lines) + 1))


def test_ivv_with_the_column_name_of_2023_reads_alike(payload: Callable[..., Payload]) -> None:
    new = ishares_holdings(payload(IVV), "IVV")
    old = ishares_holdings(payload(IVV, Quantity="Shares"), "IVV")
    assert old.rows.drop("payload_sha256").equals(new.rows.drop("payload_sha256"))
    assert old.shares_outstanding_count == 957_950_000


def test_spy_positions_end_where_the_disclaimers_begin(payload: Callable[..., Payload]) -> None:
    found = ssga_holdings(payload(SPY), "SPY")
    assert found.as_of_date == date(2024, 5, 10)
    assert found.rows.height == 504
    assert found.rows["weight_pct"].sum() == pytest.approx(99.94, abs=0.005)
    assert largest(found, 3) == ["MSFT", "AAPL", "NVDA"]
    assert found.rows.filter(found.rows["holding_ticker"] == "MSFT")["shares"].item() == 87_116_767
    assert found.rows["holding_ticker"].null_count() == 1  # cash


def test_spys_file_is_not_taken_for_another_funds(payload: Callable[..., Payload]) -> None:
    with pytest.raises(SourceChanged, match="expected Ticker Symbol: XLK, got 'SPY'"):
        ssga_holdings(payload(SPY), "XLK")


def test_qqq_with_the_columns_of_2018(payload: Callable[..., Payload]) -> None:
    found = invesco_holdings(payload(QQQ))
    assert (found.fund_ticker, found.as_of_date, found.rows.height) == ("QQQ", date(2018, 5, 14), 103)
    assert found.rows["weight_pct"].sum() == pytest.approx(100.0, abs=0.01)
    (amazon,) = found.rows.filter(found.rows["holding_ticker"] == "AMZN").rows(named=True)
    assert (amazon["shares"], amazon["weight_pct"]) == (3_947_738.0, 9.762)


def test_qqq_with_the_columns_of_today_reads_alike(payload: Callable[..., Payload]) -> None:
    """Today's names are those that public readers of the file expect; no file of today's layout is in the folder."""
    today = "Fund Ticker,Security Identifier,Holding Ticker,Shares/Par Value,MarketValue,Weight,Name,Sector,Date"
    old = "FundTicker,SecurityNum,HoldingsTicker,Shares,MarketValue,Weight,Name,Sector,Date"
    ours, theirs = invesco_holdings(payload(QQQ)).rows, invesco_holdings(payload(QQQ, **{old: today})).rows
    assert theirs.drop("payload_sha256").equals(ours.drop("payload_sha256"))
