"""Invesco's holdings: the fund and the day stand in each row, in two generations of column names."""

from __future__ import annotations

from datetime import date

import pytest

from ingest.errors import SourceChanged
from ingest.readers.holdings import invesco_holdings
from tests.unit.fakes import payload_of
from tests.unit.fund_files import has_schema_of

OLD = "FundTicker,SecurityNum,HoldingsTicker,Shares,MarketValue,Weight,Name,Sector,Date\n"
NEW = (
    "Fund Ticker,Security Identifier,Holding Ticker,Shares/Par Value,MarketValue,Weight,Name,Class of Shares,"
    "Sector,Date\n"
)
AMAZON = 'QQQ,023135106,AMZN ,"3,947,738","6,322,460,316.52",60.5,Amazon.com Inc,Consumer,05/14/2018\n'
COMCAST = 'QQQ,20030N101,CMCSA ,"37,798,783","1,214,852,885.62",39.5,Comcast Corp,Consumer,05/14/2018'


def read(text: str):
    return invesco_holdings(payload_of("invesco", text, name="QQQ holdings"))


def test_reads_the_old_columns() -> None:
    found = read(OLD + AMAZON + COMCAST)
    assert (found.fund_ticker, found.as_of_date, found.shares_outstanding_count) == ("QQQ", date(2018, 5, 14), None)
    assert has_schema_of(found.rows, "ishares.holdings")
    names = ("line_number", "holding_ticker", "asset_class", "weight_pct", "shares", "market_value_usd")
    assert found.rows.select(names).row(0) == (1, "AMZN", None, 60.5, 3_947_738.0, 6_322_460_316.52)


def test_reads_the_new_columns_with_the_class_of_shares() -> None:
    found = read(
        NEW + AMAZON.replace("Consumer", "Common Stock,Consumer") + COMCAST.replace("Consumer", "Cash,Consumer")
    )
    assert found.rows["asset_class"].to_list() == ["Common Stock", "Cash"]
    assert found.rows["holding_ticker"].to_list() == ["AMZN", "CMCSA"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "Ticker,Weight\nAMZN,1\n",
            "expected CSV with a header Fund Ticker, Holding Ticker, Weight, got 'Ticker,Weight'",
        ),
        (OLD.replace("Shares", "Units") + AMAZON, "expected a column Shares/Par Value or Shares, got "),
        (OLD + AMAZON + COMCAST.replace("QQQ", "RSP"), "expected one fund in all rows, got 'QQQ, RSP'"),
        (
            OLD + AMAZON + COMCAST.replace("05/14", "05/15"),
            "expected one date in all rows, got '05/14/2018, 05/15/2018'",
        ),
        (OLD + AMAZON, "expected weights in percent that add up to 100, got 60.5"),
        (OLD, "expected at least one position, got a header and no rows"),
        (
            OLD + AMAZON + '"cut in the mid',
            "expected CSV with a header Fund Ticker, Holding Ticker, Weight, got a CSV that",
        ),
    ],
)
def test_refuses(text: str, message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        read(text)
    assert message in str(caught.value)
