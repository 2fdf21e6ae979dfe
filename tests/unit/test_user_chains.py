"""Tables of quotes from Cboe's website: both forms of the date, and what each file that is none says."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest

from ingest.archive import sha256_of
from ingest.catalog.underlyings import underlying_of, underlying_of_root
from ingest.errors import SourceChanged
from ingest.payload import Payload
from ingest.sources.user_file import user_chains

SIDE = "Last Sale,Net,Bid,Ask,Volume,IV,Delta,Gamma,Open Interest"
HEADER = f"Expiration Date,Calls,{SIDE},Strike,Puts,{SIDE}"
NAME = "Standard & Poors 500 Index,Last: 3900.86,Change:  -116.9599"
MOMENT = '"Date: June 11, 2022, 8:47 PM EDT",Bid: 3878.48,Ask: 3927.93,Size: 1*1,Volume: 0'
LINE = (
    "Fri Jun 17 2022,SPXW220617C03900000,60.1,1.0,59.9,60.5,120,0.27,0.51,0.0031,2100,"
    "3900.00,SPXW220617P03900000,58.2,-1.0,58.0,58.6,300,0.28,-0.49,0.0030,5100"
)
BARE = "Fri Jun 17 2022,SPX220617C04000000,,0,0,0,0,0,0,,,4000.00,SPX220617P04000000,0,0,0,0,0,0,0,0,7"
TOP = (NAME, MOMENT, HEADER)


def parse(*lines: str, body: bytes | None = None) -> pl.DataFrame:
    raw = "\r\n".join(["", *(lines or (NAME, MOMENT, HEADER, LINE, BARE))]).encode() if body is None else body
    now = datetime(2026, 11, 18, 22, tzinfo=UTC)
    payload = Payload("user_file", "option_chains/spx.csv", "file:x", raw, sha256_of(raw), now)
    return user_chains.parse(payload)[user_chains.TABLE]


def test_a_table_of_quotes_is_a_row_a_contract_known_when_it_was_downloaded() -> None:
    found = parse()
    assert found.height == 4
    assert found.select(
        "session_date",
        "underlying",
        "snapshot_at",
        "stated_at",
        "option_symbol",
        "option_type",
        "strike_usd",
        "spot_usd",
    ).row(0) == (
        date(2022, 6, 10),
        "SPX",
        datetime(2022, 6, 12, 0, 47),
        datetime(2022, 6, 12, 0, 47),
        "SPXW220617C03900000",
        "C",
        3900.0,
        3900.86,
    )
    assert found.select("iv_ratio", "gamma_ratio", "open_interest_contracts", "vega_usd").rows() == [
        (0.27, 0.0031, 2100.0, None),
        (0.0, None, None, None),
        (0.28, 0.003, 5100.0, None),
        (0.0, 0.0, 7.0, None),
    ]


def test_the_other_form_of_the_date_and_the_other_name() -> None:
    moment = '"Date: September 14, 2023 at 4:31 PM EDT",Bid: 1,Ask: 2,Size: 1*1,Volume: 0'
    line = LINE.replace("Jun 17 2022", "Dec 15 2023").replace("220617", "231215")
    found = parse("S&P 500 INDEX,Last: 4505.10,Change: 37.66", moment, HEADER, line)
    assert found["snapshot_at"][0] == datetime(2023, 9, 14, 20, 31)
    assert found["session_date"][0] == date(2023, 9, 14)


def test_a_date_without_quotes_a_price_with_a_comma_and_a_byte_order_mark() -> None:
    moment = "Date: September 14, 2023 at 4:31 PM EDT,Bid: 1,Ask: 2,Size: 1*1,Volume: 0"
    line = LINE.replace("Jun 17 2022", "Dec 15 2023").replace("220617", "231215")
    lines = ('S&P 500 INDEX,"Last: 4,505.10",Change: 37.66', moment, HEADER, line)
    found = parse(body=b"\xef\xbb\xbf" + "\n".join(lines).encode())
    assert (found["snapshot_at"][0], found["spot_usd"][0]) == (datetime(2023, 9, 14, 20, 31), 4505.1)


def test_a_chain_may_be_of_any_stock_or_fund() -> None:
    line = LINE.replace("SPXW", "KO1").replace("03900000", "00039000").replace("3900.00", "39.00")
    line = line.replace("0.0031", "0.11").replace("0.0030", "0.11")
    found = parse("COCA-COLA CO,Last: 39.10,Change: 0.4", MOMENT, HEADER, line)
    assert found.select("underlying", "root").unique().rows() == [("KO", "KO1")]
    of = underlying_of("KO")
    assert of is not None
    assert (of.kind, of.am_roots, underlying_of("ko"), underlying_of_root("SPXW")) == (
        "stock",
        (),
        None,
        underlying_of("SPX"),
    )


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        ((NAME, MOMENT, HEADER), "name, date, header and contracts, got 3 lines"),
        (("S&P 500", MOMENT, HEADER, LINE), "expected a first line of a name and Last: 3900.86, got 'S&P 500'"),
        (
            (NAME, '"Date: 06/11/2022 20:47"', HEADER, LINE),
            "expected a second line like Date: June 11",
        ),
        ((NAME, '"Date: Juin 11, 2022, 8:47 PM EDT"', HEADER, LINE), "expected a second line like Date: June 11"),
        ((NAME, MOMENT.replace("EDT", "EST"), HEADER, LINE), "expected EDT as New York's zone of that day, got EST"),
        ((NAME, MOMENT, HEADER.replace("Gamma", "Vega"), LINE), "expected a header Expiration Date,Calls,Last Sale"),
        ((*TOP, LINE[:-30]), "expected 22 cells in line 4 of the table"),
        (
            (*TOP, LINE, LINE.replace("0.0031", "n/a")),
            "a number as Gamma in line 5 of the table, got 'n/a'",
        ),
        (
            (*TOP, LINE.replace("Fri Jun 17 2022", "17/06/2022")),
            "a date like Fri Jun 10 2022 in line 4",
        ),
        (
            (*TOP, LINE.replace("Fri Jun 17", "Fri Jun 24")),
            "symbols of their line's expiry, strike and side",
        ),
        ((*TOP, LINE.replace(",3900.00,", ",3950.00,")), "beside 2022-06-17, 3950.0 and side C"),
        ((*TOP, LINE.replace("P03900000", "C03900000")), "and side P"),
        ((*TOP, LINE.replace("SPXW", "SPXWEEK")), "expected option symbols of a ticker, like SPX261218C04000000"),
        ((*TOP, LINE, BARE.replace("SPX", "NDX")), "expected option symbols of SPX like"),
        ((*TOP, LINE, LINE.replace("2100", "2200")), "expected SPXW220617C03900000 once, got it twice"),
        (
            (*TOP, LINE.replace("0.27", "27.1").replace("0.28", "28.4")),
            "expected volatilities as ratios",
        ),
    ],
)
def test_another_file_says_what_is_wrong(lines: tuple[str, ...], error: str) -> None:
    with pytest.raises(SourceChanged) as found:
        parse(*lines)
    assert error in str(found.value)
    assert "option_chains/spx.csv" in str(found.value)


@pytest.mark.parametrize(
    ("body", "error"), [(b"", "an empty body"), (b"<html>", "an HTML page"), (b"\xff\xfe", "in UTF-8")]
)
def test_what_is_no_table_is_named(body: bytes, error: str) -> None:
    with pytest.raises(SourceChanged, match=error):
        parse(body=body)
