"""Symbol directories of Nasdaq Trader."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest

from ingest.errors import SourceChanged, SourceUnavailable
from ingest.sources.nasdaq_trader import nasdaq_trader
from tests.unit.fakes import FakeHttp, payload_of
from tests.unit.panel_helpers import panel_context, whole

LISTED = """Symbol|Security Name|Market Category|Test Issue|Financial Status|Round Lot Size|ETF|NextShares
AAPL|Apple Inc. - Common Stock|Q|N|N|100|N|N
NA|Nano Labs Ltd - Class A|G|N|D|100|N|N
NaN|Not a Number Inc. - Common Stock|S|N|N|100||N
QQQ|Invesco QQQ Trust|G|N|N|100|Y|N
ZVZZT|NASDAQ TEST STOCK|G|Y|N|100|N|N
File Creation Time: 1117202621:31|||||||
"""
OTHER = """ACT Symbol|Security Name|Exchange|CQS Symbol|ETF|Round Lot Size|Test Issue|NASDAQ Symbol
BRK.B|Berkshire Hathaway Inc. Class B|N|BRK.B|N|1|N|BRK.B
SPY|SPDR S&P 500|P|SPY|Y|100|N|SPY
BAC$L|Bank of America Preferred|N|BACpL|N|100|N|BAC-L
ATEST|NYSE test|N|ATEST|N|100|Y|ATEST
File Creation Time: 1117202621:31||||||
"""


def parse(body: str, name: str = "nasdaqlisted.txt", least: str = "1") -> pl.DataFrame:
    payload = payload_of("nasdaq_trader", body, name=name, meta={"least_symbols": least})
    return whole(nasdaq_trader.parse(payload), "nasdaq_trader.symbols")


def test_reads_nasdaqs_own_directory() -> None:
    rows = parse(LISTED)
    assert rows["symbol"].to_list() == ["AAPL", "NA", "NaN", "QQQ"]
    assert set(rows["snapshot_date"]) == {date(2026, 11, 17)}
    assert set(rows["listing_exchange"]) == {"Q"}
    assert rows["is_etf"].to_list() == [False, False, None, True]


@pytest.mark.parametrize(
    ("fetched_at", "known_at"),
    [
        (datetime(2026, 11, 18, 14, tzinfo=UTC), datetime(2026, 11, 18, 2, 31)),  # 21:31 in New York, by the footer
        (datetime(2026, 11, 18, 2, tzinfo=UTC), datetime(2026, 11, 18, 2)),  # their clock is ahead of ours
    ],
)
def test_a_directory_is_not_known_before_it_was_made(fetched_at: datetime, known_at: datetime) -> None:
    payload = payload_of(
        "nasdaq_trader", LISTED, name="nasdaqlisted.txt", meta={"least_symbols": "1"}, fetched_at=fetched_at
    )
    rows = nasdaq_trader.parse(payload)["nasdaq_trader.symbols"]
    assert rows["snapshot_date"].unique().to_list() == [date(2026, 11, 17)]
    assert rows["stated_at"].unique().to_list() == [known_at]


def test_the_ticker_na_is_a_text() -> None:
    assert parse(LISTED).filter(symbol="NA")["security_name"].to_list() == ["Nano Labs Ltd - Class A"]


def test_test_issues_and_the_footer_are_left_out() -> None:
    symbols = [*parse(LISTED)["symbol"], *parse(OTHER, "otherlisted.txt")["symbol"]]
    assert not {"ZVZZT", "ATEST"} & set(symbols)
    assert not [symbol for symbol in symbols if symbol.startswith("File")]


def test_reads_the_other_exchanges() -> None:
    rows = parse(OTHER, "otherlisted.txt")
    assert rows.select("symbol", "listing_exchange", "is_etf").rows() == [
        ("BAC$L", "N", False),
        ("BRK.B", "N", False),
        ("SPY", "P", True),
    ]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "expected a symbol directory, got an empty body"),
        ("<!DOCTYPE html><html>", "expected a symbol directory, got an HTML page"),
        (OTHER, "expected the header Symbol|Security Name|"),
        (LISTED.rpartition("File")[0], "expected a last line File Creation Time: mmddyyyyhh:mm, got 'ZVZZT|NASDAQ"),
        (LISTED.replace("1117202621:31", "soon"), "expected a date like %m%d%Y%H:%M for the file creation time"),
        (LISTED.replace("|Q|N|N|100|N|N", "|Q|N|N|100|N"), "expected 8 cells in each line, got 'AAPL|Apple Inc."),
        (LISTED.replace("100|Y|N", "100|X|N"), "expected Y, N or nothing in column ETF, got 'X'"),
        (LISTED.replace("|G|Y|N|", "|G|?|N|"), "expected Y, N or nothing in column Test Issue, got '?'"),
        (LISTED.replace("QQQ|", "AAPL|"), "expected AAPL once, got 'AAPL|Apple Inc."),
        (LISTED.replace("QQQ|", " |"), "expected a symbol in each line, got ''"),
        ("\n".join([LISTED.splitlines()[0], LISTED.splitlines()[-1], ""]), "expected at least 1 symbols, got 0"),
    ],
)
def test_refuses(body: str, message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        parse(body)
    assert str(caught.value).startswith("nasdaq_trader: nasdaqlisted.txt: ")
    assert message in str(caught.value)


def test_refuses_an_exchange_nobody_knows() -> None:
    with pytest.raises(SourceChanged, match=r"otherlisted\.txt: expected an exchange of A, N, P, Z, V, got 'M'"):
        parse(OTHER.replace("|N|BRK.B", "|M|BRK.B", 1), "otherlisted.txt")


def test_a_short_directory_is_refused_and_a_simulated_one_may_be_short() -> None:
    http = FakeHttp({nasdaq_trader.BASE: LISTED})
    (real, _) = nasdaq_trader.fetch(panel_context("nasdaq_trader", http))
    with pytest.raises(SourceChanged, match="expected at least 1000 symbols, got 4"):
        nasdaq_trader.parse(real)
    (simulated, _) = nasdaq_trader.fetch(panel_context("nasdaq_trader", http, origin="SIMULATED"))
    assert len(nasdaq_trader.parse(simulated)["nasdaq_trader.symbols"]) == 4


def test_one_directory_failing_leaves_the_other() -> None:
    error = SourceUnavailable("nasdaq_trader", "nasdaqlisted.txt", "no answer")
    http = FakeHttp({f"{nasdaq_trader.BASE}/nasdaqlisted.txt": error, f"{nasdaq_trader.BASE}/otherlisted.txt": OTHER})
    found = list(nasdaq_trader.fetch(panel_context("nasdaq_trader", http)))
    assert found[0] is error
    assert found[1].name == "otherlisted.txt"
    assert nasdaq_trader.windows(found[1], {}) == []
