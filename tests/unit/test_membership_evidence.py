"""One company stays one whatever upstream corrects; dates of joining that two sources tell differently are told."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import polars as pl
import pytest

from ingest.batch import Batch
from ingest.connector import HasSecondOpinion
from ingest.dataset import dataset
from ingest.membership import CONTINUED, REUSED, Stay, name_stocks, read_membership
from ingest.membership_evidence import folded
from ingest.panel_gate import Evidence, panel_gate, rule_names
from ingest.sources.sp500_membership import sp500_membership as source
from tests.unit.test_sp500_membership import change, page, parse, payload, stays_of

NO_CHANGES = "date,add,remove\n"
NO_NAMES = "Symbol,Security,GICS Sector\n"


def stay(ticker: str, start: str, end: str = "") -> Stay:
    return Stay(ticker, date.fromisoformat(start), date.fromisoformat(end) if end else None)


def permids(*stays: Stay, **told: object) -> list[str]:
    named = name_stocks(stays, [], **told)
    return [named[one] for one in stays]


# ---- a correction upstream


@pytest.mark.parametrize("came_back", ["2023-10-18", "2023-12-18", "2023-09-01", "2024-01-02"])
@pytest.mark.parametrize("left", ["2014-11-05", "2014-12-22"])
def test_a_company_that_came_back_is_one_whatever_day_upstream_has_for_it(came_back: str, left: str):
    assert permids(stay("JBL", "2001-01-30", left), stay("JBL", came_back)) == ["JBL", "JBL"]


@pytest.mark.parametrize(("ticker", "day"), sorted(CONTINUED))
@pytest.mark.parametrize("days", [-200, -61, -1, 0, 1, 61, 200])
def test_every_declared_return_stands_a_corrected_date(ticker: str, day: date, days: int):
    from datetime import timedelta

    first = Stay(ticker, date(1996, 1, 2), date(1999, 3, 1))
    assert permids(first, Stay(ticker, day + timedelta(days=days), None)) == [ticker, ticker]


def test_another_company_with_the_ticker_of_one_that_came_back_is_another():
    stays = (
        stay("JBL", "2001-01-30", "2014-11-05"),
        stay("JBL", "2023-12-18", "2031-02-03"),
        stay("JBL", "2035-06-01"),
    )
    assert permids(*stays) == ["JBL", "JBL", "JBL-2035"]
    # the return itself is gone from the file: what comes much later is none
    assert permids(stays[0], stays[2]) == ["JBL", "JBL-2035"]
    # nor is a first stay, whatever its date
    assert permids(stay("JBL", "2023-11-01")) == ["JBL"]


@pytest.mark.parametrize("came", ["2015-03-23", "2014-12-30", "2016-01-04"])
def test_a_reused_ticker_keeps_its_permid_when_a_correction_crosses_the_year(came: str):
    assert permids(stay("AAL", "1996-01-02", "1997-01-15"), stay("AAL", came, "2024-09-23")) == ["AAL", "AAL-2015"]


def test_two_companies_of_one_year_have_two_permids():
    stays = (
        stay("ZZZ", "1996-01-02", "2001-01-15"),
        stay("ZZZ", "2011-02-01", "2011-05-02"),
        stay("ZZZ", "2011-09-01"),
    )
    assert permids(*stays) == ["ZZZ", "ZZZ-2011", "ZZZ-2011-09-01"]


def test_lists_of_returns_and_of_reused_tickers_do_not_contradict_each_other():
    assert not {(ticker, day.year) for ticker, day in CONTINUED} & {
        (ticker, year) for ticker, years in REUSED.items() for year in years
    }


def test_numbers_of_the_file_alone_stand_corrections_too():
    text = "ticker,start_date,end_date\nAAL,1996-01-02,1997-01-15\nAAL,2015-03-23,2024-09-23\nJBL,{},\n"
    before = read_membership(text.format("2001-01-30").encode())
    after = read_membership(text.format("2001-06-01").encode())
    assert before["permid"].to_list() == after["permid"].to_list()
    assert before["permid"].n_unique() == 3


# ---- names


def test_names_are_compared_without_case_space_and_points():
    assert folded("  Jabil   INC. ") == folded("jabil inc")
    assert folded("Chubb Corp.") != folded("Chubb Limited")


@pytest.mark.parametrize(
    ("left_as", "listed_as", "is_one"),
    [
        ("Acme Holdings", "ACME  Holdings", True),
        ("Acme, Inc.", "acme inc", True),
        ("Acme Chemical", "Acme", False),
        ("Apex Corp.", "Acme Holdings", False),
        ("", "", False),
    ],
)
def test_one_name_for_both_stays_of_a_ticker_makes_one_company(left_as: str, listed_as: str, is_one: bool):
    stays = "ticker,start_date,end_date\nACM,1998-02-02,2010-05-03\nACM,2020-03-02,\nBBB,1996-01-02,\n"
    text = page({"ACM": "2020-03-02", "BBB": "1996-01-02"}, change("May 3, 2010", "BBB", "ACM"))
    text = text.replace("<td>ACM</td><td>y</td>", f"<td>ACM</td><td>{left_as}</td>")
    text = text.replace("ACM &amp; Co.<sup>[1]</sup>", listed_as)
    rows = parse(stays=stays, changes=NO_CHANGES, names=NO_NAMES, list=text)
    assert rows.filter(ticker="ACM")["permid"].to_list() == (["ACM", "ACM"] if is_one else ["ACM", "ACM-2020"])


def test_a_declared_company_is_told_apart_whatever_its_name():
    two = (stay("DG", "1998-07-16", "2007-07-09"), stay("DG", "2012-12-03"))
    same = dict.fromkeys(two, frozenset({"dollar general"}))
    assert permids(*two, names=same) == ["DG", "DG-2012"]  # with the page and without it
    assert permids(*two) == ["DG", "DG-2012"]


# ---- dates of joining


FILE = """ticker,start_date,end_date
FB,2013-12-23,2022-06-09
META,2022-06-09,
JBL,2001-01-30,2014-11-05
JBL,2023-10-18,
OLD,1996-01-02,
NEAR,2020-06-22,
LATE,2025-04-24,
GONE,1996-01-02,2025-04-24
"""
ON_LIST = {
    "META": "2013-12-23",  # the company's, under its former ticker
    "JBL": "2023-12-18",
    "OLD": "1957-03-04",  # before the file begins
    "NEAR": "2020-06-25",
    "LATE": "2025-03-24",
}


def joined(**told: str) -> dict[str, date]:
    rows = parse(stays=FILE, changes=NO_CHANGES, **({"names": NO_NAMES, "list": page(ON_LIST)} | told))
    return dict(rows.filter(pl.col("end_date").is_null()).select("ticker", "start_date").rows())


def test_the_later_date_of_joining_stands_until_both_agree():
    assert joined() == {
        "META": date(2022, 6, 9),
        "JBL": date(2023, 12, 18),
        "OLD": date(1996, 1, 2),
        "NEAR": date(2020, 6, 22),
        "LATE": date(2025, 4, 24),
    }
    assert stays_of(parse(stays=FILE, changes=NO_CHANGES, names=NO_NAMES, list=page(ON_LIST)), "JBL") == [
        ("JBL", date(2001, 1, 30), date(2014, 11, 5)),
        ("JBL", date(2023, 12, 18), None),
    ]


def test_a_list_that_is_away_leaves_the_dates_of_the_names():
    names = "Symbol,Security,GICS Sector,Date added\nJBL,Jabil,Industrials,2023-12-18\nOLD,Old,Energy,\n"
    parts = {source.STAYS: FILE, source.CHANGES: NO_CHANGES, source.NAMES: names}
    rows = source.parse(payload(parts))["sp500_membership.intervals"]
    assert rows.filter(ticker="JBL")["start_date"].to_list() == [date(2001, 1, 30), date(2023, 12, 18)]


def test_a_date_to_come_moves_nobody():
    assert joined(list=page(ON_LIST | {"OLD": "2031-01-02"}))["OLD"] == date(1996, 1, 2)


def test_dates_that_differ_are_a_warning_with_both():
    texts = payload(stays=FILE, changes=NO_CHANGES, names=NO_NAMES, list=page(ON_LIST))
    assert isinstance(source, HasSecondOpinion)
    table_id = "sp500_membership.intervals"
    compared = source.second_opinion(texts)[table_id]
    assert dict(compared.select("ticker", "days_apart").rows()) == {
        "META": 0,
        "JBL": 61,
        "OLD": 0,
        "NEAR": 3,
        "LATE": 31,
    }
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    rows = source.parse(texts)[table_id].with_columns(fetched_at=pl.lit(now.replace(tzinfo=None)))
    batch = Batch("sp500_membership", {table_id: rows}, (), (), (), now, compared={table_id: compared})
    result = panel_gate(batch, Evidence.none(), now)
    assert {check.name for check in result.checks} == set(rule_names(dataset(table_id)))
    told = next(check for check in result.checks if check.name == "dates_of_joining_agree")
    assert (told.severity, told.passed, told.failed_count) == ("warn", False, 2)
    assert json.loads(told.detail)["summary"] == (
        "2 members whose date of joining differs by more than 5 days on the list (the later one stands): "
        "JBL (file 2023-10-18, list 2023-12-18), LATE (file 2025-04-24, list 2025-03-24)"
    )
    assert result.held_back is None
    assert result.accepted[table_id].height == rows.height
