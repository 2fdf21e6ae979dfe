"""Tables of fund flows as users paste them from a page."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ingest.batch import Batch, Window
from ingest.catalog import load_catalog
from ingest.errors import SourceChanged
from ingest.gate import gate
from ingest.payload import Payload
from ingest.rules.evidence import Evidence
from ingest.sources.user_file import user_fund_flows
from tests.unit.fakes import FakeHttp, payload_of
from tests.unit.panel_helpers import panel_context, whole
from tests.unit.test_panel_landing import rows_of

TABLE = "user_file.bitcoin_fund_flows"
NOW = datetime(2024, 1, 18, 14, tzinfo=UTC)


def payload(body: str, unit: str = "usd_mn") -> Payload:
    name = f"fund_flows/bitcoin_{unit}.csv"
    return payload_of("user_file", body, name=name, meta={"part": "fund_flows", "unit": unit})


def parse(body: str, unit: str = "usd_mn") -> pl.DataFrame:
    return whole(user_fund_flows.parse(payload(body, unit)), TABLE)


def cells(rows: pl.DataFrame) -> dict[tuple[str, date], float | None]:
    return {(fund, day): value for fund, day, value in rows.select("fund", "flow_date", "flow_usd_mn").iter_rows()}


PASTED = """Date,IBIT,GBTC,Total
11 Jan 2024,"1,111.7",(95.1),"1,016.6"
12 Jan 2024,-,(484.1),(484.1)
15 Jan 2024,0,0,0
16 Jan 2024,212.7,,212.7
17 Jan 2024,-,-,0
Total,"1,324.4",(579.2),745.2
Average,331.1,(144.8),186.3
Maximum,"1,111.7",0,"1,016.6"
Minimum,0,(484.1),(484.1)
"""


def test_reads_a_pasted_table() -> None:
    found = cells(parse(PASTED))
    assert found[("IBIT", date(2024, 1, 11))] == 1111.7
    assert found[("GBTC", date(2024, 1, 11))] == -95.1
    assert found[("TOTAL", date(2024, 1, 12))] == -484.1
    assert found[("IBIT", date(2024, 1, 12))] is None
    assert found[("TOTAL", date(2024, 1, 15))] == 0.0  # a holiday between days with figures
    assert found[("GBTC", date(2024, 1, 16))] is None


def test_a_last_day_of_nothing_but_zeros_is_still_to_come() -> None:
    assert max(day for _, day in cells(parse(PASTED))) == date(2024, 1, 16)


def test_tabs_totals_alone_and_billions() -> None:
    rows = parse("Date\tTotal\n19 Apr 2024\t0.06\n22 Apr 2024\t-0.062\n", "usd_bn")
    assert cells(rows) == {("TOTAL", date(2024, 4, 19)): 60.0, ("TOTAL", date(2024, 4, 22)): -62.0}
    assert user_fund_flows.windows(payload(""), {TABLE: rows}) == [Window("TOTAL", None, table_id=TABLE)]


def test_a_flow_on_a_day_without_a_session_is_told_with_its_amount() -> None:
    """Of the days of 2024-01: the 15th is a holiday, on which a table may print zeros but no flow."""
    flows = {date(2024, 1, 12): -484.1, date(2024, 1, 15): 12.5, date(2024, 1, 16): 200.2}
    told = rows_of(TABLE, NOW, *(("TOTAL", day, flow) for day, flow in flows.items()), ("IBIT", date(2024, 1, 15), 0.0))
    judged = gate(Batch("user_file", {TABLE: told}, (), (), (), NOW), load_catalog(), Evidence(), NOW)
    check = next(check for check in judged.checks if check.name == "flow_is_of_a_session")
    assert (check.severity, check.passed, check.failed_count) == ("warn", False, 1)
    expected = "1 flows on a day without an NYSE session, which no mart counts: TOTAL 2024-01-15 12.5"
    assert json.loads(check.detail)["summary"] == expected
    assert judged.accepted[TABLE].height == 4


def many(value: str) -> str:
    days = [f"{day:02} Jul 2024,{value}" for day in range(1, 32) if date(2024, 7, day).weekday() < 5]
    return "\n".join(["Date,Total", *days]) + "\n"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "expected a header Date[,fund …],Total, got an empty body"),
        ("\n\n", "got an empty body"),
        ("<html><body>Just a moment</body></html>", "got an HTML page"),
        ("Date,IBIT\n11 Jan 2024,1\n", "expected a header Date[,fund …],Total, got 'Date,IBIT'"),
        ("Day,Total\n11 Jan 2024,1\n", "got 'Day,Total'"),
        ("Date\n", "got 'Date'"),
        ("Date,Blackrock Fund,Total\n", "tickers of funds between Date and Total, got 'Blackrock Fund'"),
        ("Date,IBIT,IBIT,Total\n", "expected each column once, got 'IBIT' twice"),
        ("Date,Total\n", "expected at least one day, got a header alone"),
        ("Date,Total\n2024-01-11,1\n", "expected a date like %d %b %Y for line 2, got '2024-01-11'"),
        ("Date,Total\nJan 11 2024,1\n", "got 'Jan 11 2024'"),
        ("Date,Total\n13 Jan 2024,1\n", "expected a weekday in line 2, got '13 Jan 2024'"),
        ("Date,Total\n11 Jan 2024,1\n11 Jan 2024,2\n", "expected a day after 2024-01-11 in line 3, got 2024-01-11"),
        ("Date,Total\n12 Jan 2024,1\n11 Jan 2024,2\n", "expected a day after 2024-01-12 in line 3"),
        ("Date,Total\n11 Jan 2024,n/a\n", "a number like 1,373.8 or (52.7) in line 2, got 'n/a'"),
        ('Date,Total\n11 Jan 2024,"1,37"\n', "in line 2, got '1,37'"),
        ("Date,Total\n11 Jan 2024,(-5)\n", "got '(-5)'"),
        ("Date,Total\n11 Jan 2024,(5\n", "got '(5'"),
        ("Date,Total\n11 Jan 2024,1e3\n", "got '1e3'"),
        ("Date,Total\n11 Jan 2024,1,045.0\n", "expected 2 cells in line 2, got '11 Jan 2024,1,045.0'"),
        ('Date,Total\n11 Jan 2024,"1,0', "cells in quotes that end, in line 2"),
        (
            "Date,IBIT,GBTC,Total\n11 Jan 2024,10,-4,7\n",
            "expected funds that add up to the Total 7.0 in line 2, got 6.0 (USD mn)",
        ),
        ("Date,IBIT,Total\n11 Jan 2024,10,-\n", "expected a Total beside the funds in line 2, got none"),
        ("Date,Total\n11 Jan 2024,10\nTotal,25\n", "days whose Total is 25.0 (USD mn), got 10.0: lines missing"),
        ("Date,Total\n11 Jan 2024,10\nMaximum,12\n", "days whose Maximum is 12.0 (USD mn), got 10.0"),
        ("Date,Total\n11 Jan 2024,10\nMinimum,-12\n", "days whose Minimum is -12.0 (USD mn), got 10.0"),
        ("Date,Total\n11 Jan 2024,10\nTotal,10\n12 Jan 2024,5\n", "no days below the totals, in line 4"),
        (many("0.061"), "expected flows in USD mn, as the name says, got 0.061 USD mn on the largest day"),
        (many("1373800000"), "got 1.3738e+09 USD mn on the largest day"),
    ],
)
def test_refuses(body: str, message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        parse(body)
    assert str(caught.value).startswith("user_file: fund_flows/bitcoin_usd_mn.csv: ")
    assert message in str(caught.value)


def test_millions_under_the_name_of_billions_are_refused() -> None:
    with pytest.raises(SourceChanged, match=r"flows in USD bn, as the name says, got 61000 USD mn on the largest day"):
        parse(many("61"), "usd_bn")


def fetch(home: Path, **files: str) -> list[Any]:
    folder = home / "user_files" / "fund_flows"
    folder.mkdir(parents=True)
    for name, body in files.items():
        (folder / f"{name}.csv").write_text(body)
    return list(user_fund_flows.fetch(panel_context("user_file", FakeHttp({}), home=home)))


def test_names_files_that_are_of_no_use(tmp_path: Path) -> None:
    stranger, kept, second = fetch(tmp_path, bitcoin_usd_mn=PASTED, bitcoin_usd_bn=PASTED, Bitcoin=PASTED)
    assert "fund_flows/Bitcoin.csv: expected a name of bitcoin_usd_mn.csv, bitcoin_usd_bn.csv" in str(stranger)
    assert kept.meta == {"part": "fund_flows", "unit": "usd_bn"}
    assert "bitcoin_usd_mn.csv: expected one table of the same funds, got also fund_flows/bitcoin_usd_bn.csv" in str(
        second
    )
