"""Index membership: stays of stocks rather than of tickers."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from ingest.errors import SourceChanged
from ingest.membership import read_membership, with_permid

FILE = b"""ticker,start_date,end_date
AAL,1996-01-02,1997-01-15
AAL,2015-03-23,2024-09-23
AMD,1996-01-02,2013-09-23
AMD,2017-03-20,
BRK.B,2010-02-16,
"""


def test_a_recycled_ticker_is_two_stocks_and_a_company_that_came_back_is_one():
    stays = read_membership(FILE)
    aal, amd = (stays.filter(ticker=ticker)["permid"] for ticker in ("AAL", "AMD"))
    assert aal.n_unique() == 2
    assert amd.n_unique() == 1
    assert stays["permid"].n_unique() == 4
    assert (stays["permid"] > 0).all()


def test_permids_do_not_depend_on_the_rest_of_the_file():
    longer = FILE + b"A,2000-06-05,\nAAL,2025-01-02,\n"
    before, after = read_membership(FILE), read_membership(longer)
    assert before.join(after, on=["permid", "ticker", "start_date"]).height == before.height


def test_a_stay_declared_continued_without_one_before_it_is_a_stock_of_its_own():
    declared = read_membership(FILE, continued=frozenset({("BRK-B", date(2010, 2, 16))}))
    assert declared.filter(ticker="BRK-B").equals(read_membership(FILE).filter(ticker="BRK-B"))


def test_prices_go_to_the_bearer_of_the_ticker_on_that_day():
    stays = read_membership(FILE)
    old, new = stays.filter(ticker="AAL")["permid"]
    days = [date(1996, 5, 1), date(1997, 1, 14), date(1997, 1, 15), date(2014, 1, 2), date(2016, 1, 4)]
    prices = pl.DataFrame({"ticker": ["AAL"] * 5 + ["NONE"], "session_date": [*days, days[0]], "close": 1.0})
    owned = with_permid(prices, stays)
    assert owned["permid"].to_list() == [old, old, new, new, new]
    assert owned.columns == ["ticker", "session_date", "close", "permid"]


def test_yahoo_writes_share_classes_with_a_hyphen():
    assert "BRK-B" in read_membership(FILE)["ticker"]


@pytest.mark.parametrize(
    "body",
    [
        b"symbol,start_date,end_date\nA,2000-06-05,\n",
        b"ticker,start_date,end_date\nA,2000-06-05,2000-06-05\n",
        b"ticker,start_date,end_date\nA,2000-06-05,\nA,2001-01-02,\n",
        b"ticker,start_date,end_date\nA,2000-06-05,2002-01-02\nA,2001-01-02,\n",
    ],
)
def test_another_shape_is_refused(body):
    with pytest.raises(SourceChanged):
        read_membership(body)


def test_a_ticker_of_two_bearers_stays_with_the_second_where_it_is_in_two_universes():
    stays = pl.DataFrame(
        {
            "permid": ["RCYL", "RCYL-2022", "RCYL-2022"],
            "ticker": ["RCYL"] * 3,
            "start_date": [date(2011, 10, 3), date(2022, 3, 21), date(2026, 11, 2)],
            "end_date_exclusive": [date(2021, 3, 22), None, None],
        }
    )
    days = [date(2021, 3, 19), date(2021, 12, 6), date(2026, 11, 27)]
    prices = pl.DataFrame({"ticker": ["RCYL"] * 3, "session_date": days})
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        found = with_permid(prices, stays[order]).sort("session_date")
        assert found["permid"].to_list() == ["RCYL", "RCYL-2022", "RCYL-2022"]
