"""ProShares: thousands, a byte order mark, split re-adjusted history, and the split file."""

from __future__ import annotations

from datetime import date

import pytest

from ingest.batch import Window
from ingest.errors import SourceChanged, SourceUnavailable
from ingest.sources.proshares import proshares
from tests.unit.fakes import FakeHttp, payload_of
from tests.unit.fund_files import days, has_schema_of
from tests.unit.panel_helpers import panel_context

BOM = "\ufeff"
HEADER = ",".join(proshares.HISTORY_HEADER)


def line(on: str, nav: str, thousands: str, assets: str, ticker: str = "TQQQ") -> str:
    return f'{on},UltraPro QQQ,{ticker},{nav},60.00,0.50,0.30,"{thousands}","{assets}"'


NEWEST = line("09/25/2026", "60.30", "706,000.000", "42,571,800,000.00")
OLDER = line("09/24/2026", "60.00", "350000", "21000000000")


def history(*lines: str, header: str = HEADER, body: str | bytes | None = None):
    text = BOM + "\r\n".join([header, *lines]) + "\r\n" if body is None else body
    payload = payload_of("proshares", text, name="TQQQ NAV history", meta={"part": "history", "fund": "TQQQ"})
    return proshares.parse(payload)["proshares.fund_days"]


def test_thousands_become_shares() -> None:
    rows = history(NEWEST, OLDER)
    assert days(rows) == {
        date(2026, 9, 24): (60.0, 350_000_000.0, 21_000_000_000.0),
        date(2026, 9, 25): (60.3, 706_000_000.0, 42_571_800_000.0),
    }
    assert has_schema_of(rows, "proshares.fund_days")


def test_a_count_with_three_decimals_is_whole_shares() -> None:
    assert days(history(line("09/25/2026", "10", "1234.567", "12345670")))[date(2026, 9, 25)][1] == 1_234_567.0


def test_early_counts_that_round_to_zero_are_values_and_break_no_identity() -> None:
    early = [line(f"02/{day:02d}/2010", "812000.5", "0", "8000000") for day in range(11, 20)]
    rows = history(NEWEST, *early)
    assert days(rows)[date(2010, 2, 11)] == (812_000.5, 0.0, 8_000_000.0)


def test_a_split_rewrites_the_history_and_each_payload_is_of_one_basis() -> None:
    """2-for-1: the day before has half the NAV and twice the shares in tomorrow's file; net assets stay."""
    before = days(history(line("11/19/2025", "120.00", "350000", "42000000000")))[date(2025, 11, 19)]
    after = days(
        history(
            line("11/20/2025", "60.30", "706000", "42571800000"), line("11/19/2025", "60.00", "700000", "42000000000")
        )
    )
    assert after[date(2025, 11, 19)] == (before[0] / 2, before[1] * 2, before[2])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"lines": [NEWEST], "header": HEADER.replace(" (000)", "")},
            "expected the columns Date, ProShares Name, Ticker, NAV, Prior NAV, NAV Change (%), NAV Change ($), "
            "Shares Outstanding (000), Assets Under Management, got ",
        ),
        (
            {"lines": [NEWEST, line("09/24/2026", "1", "1", "1", "SQQQ")]},
            "expected rows of TQQQ alone, got one of 'SQQQ'",
        ),
        (
            {"lines": [NEWEST, NEWEST.replace("Ultra", "ultra", 1)]},
            "expected each date once, also 2026-09-25, got it twice: ",
        ),
        ({"lines": [line("2026-09-25", "1", "1", "1")]}, "expected at least one dated row, got '2026-09-25'"),
        (
            {"lines": [NEWEST, line("24.09.2026", "1", "1", "1")]},
            "nothing but disclaimers in a row without a date, got '24.09.2026'",
        ),
        ({"lines": [NEWEST, "Past performance,,,,,,,,"]}, "dates like %m/%d/%Y in column Date, got 'Past performance'"),
        ({"lines": [NEWEST[:-40]]}, "expected 9 cells in each line of CSV starting Date,ProShares Name,Ticker, got "),
        ({"lines": [line("09/25/26", "1", "1", "1")]}, "expected at least one dated row, got '09/25/26'"),
        (
            {"lines": [line("09/25/2026", "60.30", "706,00.000", "1")]},
            "expected a number for Shares Outstanding (000) on 09/25/2026, got '706,00.000'",
        ),
        (
            {"lines": [line("09/25/2026", "60.30", "lots", "1")]},
            "expected a number for Shares Outstanding (000) on 09/25/2026, got 'lots'",
        ),
        (
            {"lines": [line("09/25/2026", "60.30", "706000000", "42571800000")]},
            "expected net assets of NAV x shares outstanding, in USD, got 0.001 times that on 1 of 1 days",
        ),
        ({"lines": []}, "expected at least one row, got a header and no rows"),
        ({"lines": [], "body": "<html>"}, "got an HTML page"),
        ({"lines": [], "body": b""}, "got an empty body"),
    ],
)
def test_refuses(arguments: dict, message: str) -> None:
    lines = arguments.pop("lines")
    with pytest.raises(SourceChanged) as caught:
        history(*lines, **arguments)
    assert str(caught.value).startswith("proshares: TQQQ NAV history: expected ")
    assert message in str(caught.value)


# ---- splits --------------------------------------------------------------------------------------------------------

SPLITS_HEADER = ",".join(proshares.SPLITS_HEADER)


def splits(*lines: str, header: str = SPLITS_HEADER):
    body = BOM + "\n".join([header, *lines]) + "\n"
    payload = payload_of("proshares", body, name="splits", meta={"part": "splits", "funds": "TQQQ,SQQQ"})
    return payload, proshares.parse(payload)


def test_forward_and_reverse_become_new_shares_per_old_share() -> None:
    payload, tables = splits(
        "TQQQ,UltraPro QQQ,74347X831,74347X831,Forward,2,11/20/2025",
        "REW,UltraShort Technology,74350P568,74350P451,Reverse,2,05/28/2026",
        'SQQQ,"UltraPro Short QQQ, new",74347G432,,Reverse,5,11/07/2024',
    )
    rows = tables["proshares.splits"]
    assert has_schema_of(rows, "proshares.splits")
    assert rows.select("ticker", "session_date", "split_ratio").rows() == [
        ("SQQQ", date(2024, 11, 7), 0.2),
        ("TQQQ", date(2025, 11, 20), 2.0),
    ]
    assert proshares.windows(payload, tables) == [
        Window("TQQQ", None, None, table_id="proshares.splits"),
        Window("SQQQ", None, None, table_id="proshares.splits"),
    ]


def test_no_split_of_ours_is_an_answer() -> None:
    _, tables = splits("REW,UltraShort Technology,74350P568,74350P451,Reverse,2,05/28/2026")
    assert tables["proshares.splits"].is_empty()
    assert has_schema_of(tables["proshares.splits"], "proshares.splits")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["TQQQ,x,1,2,Sideways,2,11/20/2025"], "expected Split Type Forward or Reverse for TQQQ, got 'Sideways'"),
        (["TQQQ,x,1,2,Forward,0.5,11/20/2025"], "expected a Ratio above 1 for TQQQ, got '0.5'"),
        (["TQQQ,x,1,2,Forward,2:1,11/20/2025"], "expected a number for Ratio of TQQQ, got '2:1'"),
        (["TQQQ,x,1,2,Forward,2,2025-11-20"], "a date like %m/%d/%Y for Date of Split of TQQQ, got '2025-11-20'"),
        (
            ["TQQQ,x,1,2,Forward,2,11/20/2025", "TQQQ,x,1,2,Forward,3,11/20/2025"],
            "expected each split once, also TQQQ on 2025-11-20, got it twice: 2 and 3",
        ),
    ],
)
def test_refuses_splits(lines: list[str], message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        splits(*lines)
    assert message in str(caught.value)


# ---- asking --------------------------------------------------------------------------------------------------------


def test_asks_for_each_fund_and_then_for_the_splits_of_all() -> None:
    base = "https://accounts.profunds.com/etfdata"
    lost = SourceUnavailable("proshares", "SQQQ NAV history", "no answer")
    http = FakeHttp(
        {
            f"{base}/ByFund/TQQQ-historical_nav.csv": BOM + HEADER + "\n" + NEWEST,
            f"{base}/ByFund/SQQQ-historical_nav.csv": lost,
            f"{base}/etf_splits.csv": SPLITS_HEADER,
        }
    )
    items = list(proshares.fetch(panel_context("proshares", http, funds=["TQQQ", "SQQQ"])))
    assert [getattr(item, "name", item) for item in items] == ["TQQQ NAV history", lost, "splits"]
    assert items[2].meta == {"part": "splits", "funds": "TQQQ,SQQQ"}
    assert proshares.windows(items[0], proshares.parse(items[0])) == [
        Window("TQQQ", None, None, table_id="proshares.fund_days")
    ]


def test_asks_for_nothing_where_no_fund_is_wanted() -> None:
    assert list(proshares.fetch(panel_context("proshares", FakeHttp({})))) == []
