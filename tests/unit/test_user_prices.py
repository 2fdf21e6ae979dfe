"""Prices that users bring for delisted names."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ingest.batch import Window
from ingest.errors import SourceChanged
from ingest.payload import Payload
from ingest.sources.user_file import user_prices
from tests.unit.fakes import FakeHttp, payload_of
from tests.unit.panel_helpers import panel_context, whole


def parse(body: str) -> pl.DataFrame:
    payload = payload_of("user_file", body, name="prices/LEH.csv", meta={"part": "prices", "ticker": "LEH"})
    return whole(user_prices.parse(payload), "user_file.prices")


def test_a_close_is_enough() -> None:
    rows = parse("date,close\n2008-09-12,3.65\n2008-09-11,4.22\n")
    assert rows.select("ticker", "session_date", "close_usd", "open_usd", "volume_shares").rows() == [
        ("LEH", date(2008, 9, 11), 4.22, None, None),
        ("LEH", date(2008, 9, 12), 3.65, None, None),
    ]
    assert rows["stated_at"].to_list() == [None, None]


def test_whole_bars_with_the_moment_they_were_known() -> None:
    rows = parse(
        "date,open,high,low,close,volume,known_at\n"
        "2008-09-12,3.84,4.02,3.17,3.65,414000000,2008-09-12T16:15\n"
        "2008-09-15,,,,.,0,\n"
    )
    assert rows.row(0)[1:7] == (date(2008, 9, 12), 3.84, 4.02, 3.17, 3.65, 414000000.0)
    assert rows["stated_at"].to_list() == [datetime(2008, 9, 12, 20, 15), None]
    assert rows["close_usd"].to_list() == [3.65, None]
    assert rows["volume_shares"].to_list() == [414000000.0, 0.0]


def test_close_and_volume() -> None:
    assert parse("date,close,volume\n2008-09-12,3.65,7\n")["volume_shares"].to_list() == [7.0]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "expected a header date,close"),
        ("date,price\n2008-09-12,3.65\n", "expected a header date,close[,volume][,known_at], got 'date,price'"),
        ("date,open,close\n2008-09-12,1,2\n", "expected a header date,open,high,low,close,volume[,known_at]"),
        ("date,close\n", "expected at least one line of values, got a header alone"),
        ("date,close\n12.09.2008,3.65\n", "expected a date as YYYY-MM-DD in line 2, got '12.09.2008'"),
        ("date,close\n2008-09-12,x\n", "expected a number, nothing or a dot as close in line 2, got 'x'"),
        ("date,close\n2008-09-12,nan\n", "expected a number, nothing or a dot as close in line 2, got 'nan'"),
        ("date,close\n2008-09-11,1\n2008-09-12,-3\n", "expected above zero, the close in line 3, got '-3'"),
        ("date,close,volume\n2008-09-12,3,-1\n", "expected no negative volume in line 2, got '-1'"),
        (
            "date,close,known_at\n2008-09-12,3,2008-09-11T16:15\n",
            "expected a known_at that is not before the date in line 2, got '2008-09-11T16:15'",
        ),
        ("date,close\n2008-09-12,3,4\n", "expected 2 cells in line 2"),
        ("date,close\n2008-09-12,3\n2008-09-12,4\n", "expected 2008-09-12 once, or each time with its own known_at"),
    ],
)
def test_refuses(body: str, message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        parse(body)
    assert str(caught.value).startswith("user_file: prices/LEH.csv: ")
    assert message in str(caught.value)


def fetch(home: Path, **files: str) -> list[Any]:
    folder = home / "user_files" / "prices"
    folder.mkdir(parents=True)
    for name, body in files.items():
        (folder / name.replace("__", ".")).write_text(body)
    return list(user_prices.fetch(panel_context("user_file", FakeHttp({}), home=home)))


def test_names_say_the_ticker_in_yahoos_spelling(tmp_path: Path) -> None:
    payloads = fetch(tmp_path, BRK__B__csv="date,close\n2008-09-12,3\n", LEH__csv="date,close\n2008-09-12,3\n")
    assert [one.meta["ticker"] for one in payloads] == ["BRK-B", "LEH"]
    assert user_prices.windows(payloads[0], {}) == [Window("BRK-B", None, None, table_id="user_file.prices")]


def test_files_of_no_ticker_and_of_the_same_one_are_named(tmp_path: Path) -> None:
    body = "date,close\n2008-09-12,3\n"
    found = fetch(tmp_path, **{"BRK-B.csv": body, "BRK__B__csv": body, "LEH.txt": body, "lehman.csv": body})
    assert isinstance(found[0], Payload)
    assert [str(error) for error in found[1:]] == [
        "user_file: prices/BRK.B.csv: expected one file for BRK-B, got also prices/BRK-B.csv",
        "user_file: prices/LEH.txt: expected a name like <TICKER>.csv, got no ticker",
        "user_file: prices/lehman.csv: expected a name like <TICKER>.csv, got no ticker",
    ]


def test_without_a_folder_there_is_nothing(tmp_path: Path) -> None:
    assert list(user_prices.fetch(panel_context("user_file", FakeHttp({}), home=tmp_path))) == []
