"""ICI: legacy Excel, headers of several rows found by text, weeks of eight days."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest

from ingest.batch import Batch, GateResult, Window
from ingest.catalog import load_catalog
from ingest.clock import naive_utc
from ingest.errors import SourceChanged
from ingest.sources.ici import ici
from tests.unit.databases import empty_build
from tests.unit.fakes import FakeHttp, payload_of
from tests.unit.fund_files import has_schema_of, xls
from tests.unit.panel_helpers import panel_context
from warehouse.landing import land

GROUPS = ["Date", "Total ETFs", "Equity", None, None, "Hybrid", "Bond", None, None, "Commodity1"]
LABELS = [None, None, "Total", "Domestic", "World", None, "Total", "Taxable", "Municipal", None]
TITLE = [
    ["Weekly Estimated ETF Net Issuance"],
    ["Millions of dollars"],
    [None],
]
FOOTNOTES = [[None], ["* Week is an eight-day period."], ["Source: Investment Company Institute"]]

# total, equity, domestic, world, hybrid, bond, taxable, municipal, commodity
NOV_15 = ["11/15/2023", 29726, 20456, 19339, 1117, 271, 8646, 7913, 733, 353]
NOV_21 = ["11/21/2023", 27892, 23355, 19609, 3747, -215, 4144, 3358, 786, 608]
NOV_29 = ["11/29/2023*", 17404, 16224, 14982, 1242, 71, 1742, 946, 796, -632]


def workbook(*weeks: list, header: list | None = None, title: list | None = None, sheet: str = ici.SHEET) -> bytes:
    rows = [*(TITLE if title is None else title), *([GROUPS, LABELS] if header is None else header), *weeks, *FOOTNOTES]
    return xls(rows, sheet)


def payload(body: bytes, **fields):
    meta = {"part": "weekly", "year": "2023"}
    return payload_of("ici", body, name="ETF net issuance 2023", meta=meta, **fields)


def flows(body: bytes) -> pl.DataFrame:
    return ici.parse(payload(body))["ici.weekly_flows"]


def week(rows: pl.DataFrame, on: date) -> dict[str, float | None]:
    mine = rows.filter(pl.col("week_end_date") == on)
    return dict(zip(mine["category"], mine["flow_usd_mn"], strict=True))


def test_finds_every_column_by_its_text_and_matches_weeks_by_their_dates() -> None:
    rows = flows(workbook(NOV_29, NOV_21, NOV_15))
    assert has_schema_of(rows, "ici.weekly_flows")
    assert rows["week_end_date"].unique(maintain_order=True).to_list() == [
        date(2023, 11, 15),
        date(2023, 11, 21),  # a Tuesday: Thanksgiving week
        date(2023, 11, 29),  # eight days later
    ]
    assert week(rows, date(2023, 11, 29)) == {
        "total": 17404.0,
        "equity": 16224.0,
        "domestic_equity": 14982.0,
        "world_equity": 1242.0,
        "hybrid": 71.0,
        "bond": 1742.0,
        "taxable_bond": 946.0,
        "municipal_bond": 796.0,
        "commodity": -632.0,
    }


def test_columns_may_move_and_dates_may_be_true_dates() -> None:
    def turned(row: list) -> list:
        return [row[0], *row[2:], row[1]]

    moved = workbook(
        turned([date(2023, 11, 15), *NOV_15[1:]]), turned(NOV_21), header=[[None], turned(GROUPS), turned(LABELS)]
    )
    assert flows(moved).drop("payload_sha256").equals(flows(workbook(NOV_15, NOV_21)).drop("payload_sha256"))


def test_labels_between_the_weeks_have_no_figures_and_monthly_rows_are_left_out() -> None:
    monthly = [["Monthly"], ["10/31/2023", *NOV_15[1:]], ["Weekly"]]
    assert (
        flows(workbook(*monthly, NOV_15, ["2023"], NOV_21))
        .drop("payload_sha256")
        .equals(flows(workbook(NOV_15, NOV_21)).drop("payload_sha256"))
    )


def test_a_dash_is_a_gap_and_zero_is_a_value() -> None:
    rows = flows(workbook(["11/15/2023", 29455, 20456, 19339, 1117, 0, 8646, 7913, "-", 353]))
    assert week(rows, date(2023, 11, 15))["municipal_bond"] is None
    assert week(rows, date(2023, 11, 15))["hybrid"] == 0.0


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            workbook(NOV_15, sheet="Weekly"),
            "expected a sheet 'Weekly ETF Public Report', got only 'Weekly'",
        ),
        (workbook(NOV_15, title=[["In billions of dollars"]]), "expected millions of dollars, got billion"),
        (
            workbook(NOV_15, header=[GROUPS, [*LABELS[:8], "High yield", None]]),
            "got 'high yield'",
        ),
        (workbook(NOV_15[:-1], header=[GROUPS[:-1], LABELS[:-1]]), "expected a column of commodity, got only total, "),
        (
            workbook(NOV_15, header=[GROUPS, [*LABELS[:4], "Domestic", *LABELS[5:]]]),
            "expected one column of domestic_equity, got two of them",
        ),
        (
            workbook(NOV_15, ["12/20/2023", *NOV_21[1:]]),
            "expected weeks of 5 to 9 days, got 2023-12-20 35 days after 2023-11-15",
        ),
        (workbook(NOV_15, (*NOV_15[:-1], 77.0)), "expected each week once, got two rows for 2023-11-15: commodity "),
        (
            workbook([*NOV_15[:3], 1117, 19339 + 900, *NOV_15[5:]]),
            "expected domestic_equity, world_equity to add up to equity 20456, got 21356 on 2023-11-15",
        ),
        (workbook(["Nov 15", *NOV_15[1:]]), "expected at least one week, got no row that starts with a date"),
        (
            workbook(NOV_15, ["Nov 21", *NOV_21[1:]]),
            "expected a date like %m/%d/%Y before figures, got 'Nov 21'",
        ),
        (workbook([*NOV_15[:-1], "none"]), "expected a number for commodity of 2023-11-15, got 'none'"),
        (workbook([NOV_15[0], True, *NOV_15[2:]]), "expected a number for total of 2023-11-15, got 'True'"),
        (workbook(["11/15/23", *NOV_15[1:]]), "expected at least one week, got no row that starts with a date"),
        (workbook(), "expected at least one week"),
        (b"<html>", "got an HTML page"),
        (b"", "got an empty body"),
        (b"\xd0\xcf\x11\xe0 and no more", "got a body that is no workbook: "),
    ],
)
def test_refuses(body: bytes, message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        flows(body)
    assert str(caught.value).startswith("ici: ETF net issuance 2023: expected ")
    assert message in str(caught.value)


def test_the_window_is_what_the_file_could_hold() -> None:
    found = payload(workbook(NOV_29, NOV_21, NOV_15))
    window = Window("", date(2023, 11, 15), date(2023, 12, 31), table_id="ici.weekly_flows")
    assert ici.windows(found, ici.parse(found)) == [window]


def test_no_file_of_a_year_is_an_answer() -> None:
    missing = payload(b"<html>not found", status=404)
    assert ici.parse(missing)["ici.weekly_flows"].is_empty()
    assert has_schema_of(ici.parse(missing)["ici.weekly_flows"], "ici.weekly_flows")
    assert ici.windows(missing, ici.parse(missing)) == []


@pytest.mark.parametrize(
    ("newest", "now", "years"),
    [
        (None, datetime(2026, 11, 17, tzinfo=UTC), range(2013, 2027)),
        (date(2026, 11, 4), datetime(2026, 11, 17, tzinfo=UTC), [2026]),
        (date(2026, 12, 30), datetime(2027, 1, 12, tzinfo=UTC), [2026, 2027]),
        (date(2025, 6, 4), datetime(2026, 11, 17, tzinfo=UTC), [2025, 2026]),
        (date(2026, 12, 23), datetime(2027, 1, 1, 2, tzinfo=UTC), [2026]),  # still 31 December in New York
    ],
)
def test_asks_for_the_years_that_can_hold_something_new(newest: date | None, now: datetime, years) -> None:
    http = FakeHttp({"https://www.ici.org/": workbook(NOV_15)})
    list(ici.fetch(panel_context("ici", http, since={"": newest}, now=now)))
    assert http.asked == [f"https://www.ici.org/etf_flows_data_{year}.xls" for year in years]


def asked_in(now: datetime, newest: date | None) -> dict[str, tuple[int, ...]]:
    """Return which statuses each year's file may answer with."""
    http = FakeHttp({"https://www.ici.org/": workbook(NOV_15)})
    list(ici.fetch(panel_context("ici", http, since={"": newest}, now=now)))
    return {url[-8:-4]: status for url, status in zip(http.asked, http.accepted, strict=True)}


def test_no_file_is_an_answer_only_of_a_year_that_may_lack_one() -> None:
    january = datetime(2027, 1, 12, tzinfo=UTC)
    assert asked_in(january, date(2026, 12, 30)) == {"2026": (200,), "2027": (200, 404)}
    first_load = asked_in(datetime(2026, 11, 17, tzinfo=UTC), None)
    assert {year for year, status in first_load.items() if 404 in status} == {str(year) for year in range(2013, 2026)}


def test_the_history_of_a_first_load_says_that_it_may_have_been_revised() -> None:
    found = payload(workbook(NOV_21, NOV_15))
    rows = ici.parse(found)["ici.weekly_flows"].with_columns(
        fetched_at=pl.lit(naive_utc(found.fetched_at), dtype=pl.Datetime("us"))
    )
    tables = {"ici.weekly_flows": rows}
    batch = Batch("ici", tables, (), (), (), found.fetched_at)
    gated = GateResult(tables, {"ici.weekly_flows": rows.clear()}, (), None)
    with empty_build() as con:
        land(con, batch, gated, load_catalog(), "run", found.fetched_at)
        bases = con.execute("select distinct known_basis from ici.weekly_flows").fetchall()
    assert bases == [("latest_only",)]


def test_a_damaged_file_is_an_error_and_not_the_end_of_the_process() -> None:
    """Damage meets xlrd in many places: a file is read, or refused with SourceChanged, and nothing else comes out."""
    body = workbook(NOV_15, NOV_21, NOV_29)
    refused = 0
    for cut in range(0, len(body), 97):
        try:
            flows(body[:cut] + bytes(64) + body[cut + 64 :])
        except SourceChanged:
            refused += 1
    assert refused > 10
