"""FINRA: one workbook, months newest first, millions; where it moved, the page says where to."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from ingest.archive import Archive
from ingest.batch import ROWS_SCHEMA, Window
from ingest.clock import clock_at
from ingest.collect import build_context, collect, replay
from ingest.connectors import connector
from ingest.errors import SourceChanged
from ingest.gate import gate
from ingest.http import Upstream
from ingest.settings import Settings
from ingest.sources.finra import finra
from tests.unit.fakes import NOON, FakeHttp, cells, context_of, pairs_of, payload_of
from tests.unit.fund_files import xlsx
from tests.unit.series_batches import Judged, series_batch

PAIRS = pairs_of("finra")
HEADER = list(finra.HEADER)
SERIES = "margin_debt,free_credit_cash,free_credit_margin"
OCTOBER: list[Any] = ["2026-10", 1_415_557, 206_600, 217_256]
SEPTEMBER: list[Any] = ["2026-09", 1_304_281, 217_836, 215_445]
OLD: list[Any] = ["2010-01", 266_455, 281_035, None]


def workbook(*rows: list[Any], header: list[Any] = HEADER, sheet: str = finra.SHEET) -> bytes:
    return xlsx([header, *rows], sheet)


def parse(body: bytes):
    meta = {"kind": "workbook", "series": SERIES}
    return finra.parse(payload_of("finra", body, name="margin statistics", meta=meta), PAIRS)


def test_months_are_dated_on_their_first_day_oldest_first_in_millions() -> None:
    rows = parse(workbook(OCTOBER, SEPTEMBER, OLD))
    assert dict(rows.schema) == dict(ROWS_SCHEMA)
    assert rows["unit"].unique().to_list() == ["Millions of dollars"]
    assert list(cells(rows, "margin_debt").items()) == [
        (date(2010, 1, 1), 266455.0),
        (date(2026, 9, 1), 1304281.0),
        (date(2026, 10, 1), 1415557.0),
    ]
    assert cells(rows, "free_credit_cash")[date(2026, 10, 1)] == 206600.0


def test_an_empty_cell_is_a_gap_and_zero_is_a_value() -> None:
    rows = parse(workbook(["2026-10", 0, 206_600, 217_256], OLD))
    assert cells(rows, "free_credit_margin")[date(2010, 1, 1)] is None
    assert cells(rows, "margin_debt")[date(2026, 10, 1)] == 0.0


def test_a_month_that_is_missing_stays_missing() -> None:
    rows = parse(workbook(OCTOBER, ["2026-08", 1, 2, 3]))
    assert date(2026, 9, 1) not in cells(rows, "margin_debt")


@pytest.mark.parametrize(
    "row",
    [
        [datetime(2026, 10, 1), 1_415_557, 206_600, 217_256],  # a spreadsheet program made a date of the text
        [" 2026-10 ", "1,415,557", "206,600", "217,256"],
        ["2026-10", 1_415_557.0, 206_600.0, 217_256.0],
    ],
)
def test_saved_again_by_a_spreadsheet_program(row: list[Any]) -> None:
    assert parse(workbook(row)).drop("payload_sha256").equals(parse(workbook(OCTOBER)).drop("payload_sha256"))


@pytest.mark.parametrize(
    "header",
    [
        [title.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}") for title in HEADER],
        [title.replace(" in ", "\nin ") for title in HEADER],
        [f"{title} " for title in HEADER],
    ],
)
def test_typography_of_the_header_does_not_matter(header: list[Any]) -> None:
    assert cells(parse(workbook(OCTOBER, header=header)), "margin_debt") == {date(2026, 10, 1): 1415557.0}


def test_blank_rows_behind_the_months_are_nothing() -> None:
    assert parse(workbook(OCTOBER, [None], ["", " ", None])).height == 3


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "got an empty body"),
        (b"<!DOCTYPE html><html>Just a moment", "got an HTML page"),
        (b"Year-Month,Debit\n2026-10,1\n", "a body that is no workbook: no zip archive"),
        (workbook(OCTOBER)[:900], "a body that is no workbook"),
        (workbook(OCTOBER, sheet="Margin"), "expected a sheet 'Customer Margin Balances', got only 'Margin'"),
        (xlsx([], finra.SHEET), "expected the columns Year-Month, Debit Balances"),
        (workbook(), "expected at least one month, got a header and no rows"),
        (workbook(OCTOBER, header=[HEADER[0], HEADER[2], HEADER[1], HEADER[3]]), "expected the columns Year-Month"),
        (workbook(OCTOBER[:3], header=HEADER[:3]), "expected the columns Year-Month"),
        (workbook([*OCTOBER, 1], header=[*HEADER, "Total"]), "expected the columns Year-Month"),
        (workbook(["Oct-26", 1, 2, 3]), "expected months like YYYY-MM in column Year-Month, got 'Oct-26'"),
        (workbook(["2026-13", 1, 2, 3]), "got '2026-13'"),
        (workbook(["2026-1", 1, 2, 3]), "got '2026-1'"),
        (workbook([202610, 1, 2, 3]), "got '202610"),
        (workbook([datetime(2026, 10, 31), 1, 2, 3]), "expected months like YYYY-MM"),
        (workbook(OCTOBER, [None, 1, 2, 3]), "expected months like YYYY-MM in column Year-Month, got ''"),
        (workbook(OCTOBER, ["Source: FINRA Rule 4521"]), "got 'Source: FINRA Rule 4521'"),
        (
            workbook(OCTOBER, SEPTEMBER, [*OCTOBER[:-1], 1]),
            "expected each month once, got 2026-10 twice: ",
        ),
        (workbook(["2026-10", "n/a", 2, 3]), "expected a number for Debit Balances"),
        (workbook(["2026-10", True, 2, 3]), "expected a number for Debit Balances"),
        (workbook(["2026-10", "nan", 2, 3]), "expected a number for Debit Balances"),
    ],
)
def test_refuses(body: bytes, message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        parse(body)
    assert str(caught.value).startswith("finra: margin statistics: expected ")
    assert message in str(caught.value)


def test_asks_for_the_one_workbook() -> None:
    http = FakeHttp({finra.URL: workbook(OCTOBER)})
    (payload,) = finra.fetch(context_of("finra", http, PAIRS))
    assert http.asked == [finra.URL]
    rows = finra.parse(payload, PAIRS)
    assert finra.windows(payload, rows) == [Window(series_id, None) for series_id in SERIES.split(",")]


# ---- a workbook that has moved -------------------------------------------------------------------------------------


class MovedHttp(FakeHttp):
    """FINRA after it moved the workbook: 404 at the old address."""

    def get(self, *args: Any, **kwargs: Any):
        from dataclasses import replace

        payload = super().get(*args, **kwargs)
        return replace(payload, status=404) if payload.url == finra.URL else payload


NEW_URL = "https://www.finra.org/sites/default/files/2027-01/margin-statistics.xlsx"


@pytest.mark.parametrize(
    "link",
    [
        '<a class="x" href="/sites/default/files/2027-01/margin-statistics.xlsx">Download</a>',
        f"<a href='{NEW_URL}'>Download</a>",
    ],
)
def test_follows_the_page_when_the_workbook_has_moved(link: str) -> None:
    http = MovedHttp({finra.URL: "gone", finra.PAGE_URL: f"<html>{link}</html>", NEW_URL: workbook(OCTOBER)})
    payloads = list(finra.fetch(context_of("finra", http, PAIRS)))
    assert http.asked == [finra.URL, finra.PAGE_URL, NEW_URL]
    frames = [finra.parse(payload, PAIRS) for payload in payloads]
    assert [frame.height for frame in frames] == [0, 0, 3]
    found = [finra.windows(payload, rows) for payload, rows in zip(payloads, frames, strict=True)]
    assert [len(one) for one in found] == [0, 0, 3], "what answered 404 withdraws nothing"


@pytest.mark.parametrize(
    ("page", "seen"),
    [
        ("<html>no link</html>", "got none on the page"),
        ('<a href="https://evil.test/margin-statistics.xlsx">', "got https://evil.test/margin-statistics.xlsx"),
        ('<a href="/sites/../margin-statistics.xlsx">', "got https://www.finra.org/margin-statistics.xlsx"),
    ],
)
def test_only_follows_to_finras_own_files(page: str, seen: str) -> None:
    http = MovedHttp({finra.URL: "gone", finra.PAGE_URL: page})
    with pytest.raises(SourceChanged) as caught:
        list(finra.fetch(context_of("finra", http, PAIRS)))
    assert "a link to margin-statistics" in str(caught.value)
    assert seen in str(caught.value)
    assert http.asked == [finra.URL, finra.PAGE_URL]


# ---- the gate ------------------------------------------------------------------------------------------------------


def gated(rows: list[list[Any]]):
    import polars as pl

    from ingest.catalog import load_catalog

    frame = parse(workbook(*rows)).with_columns(fetched_at=pl.lit(datetime(2026, 11, 25), dtype=pl.Datetime("us")))
    windows = [Window(series_id, None) for series_id in SERIES.split(",")]
    held = pl.DataFrame(
        schema={"series_id": pl.String, "rows_count": pl.Int64, "first_period": pl.Date, "last_period": pl.Date}
    )
    return Judged.of(gate(series_batch("finra", frame, windows, (), (), NOON), load_catalog(), held, NOON))


MONTHS = [[f"2026-{month:02}", 1_300_000 + month, 210_000 + month, 215_000 + month] for month in range(10, 0, -1)]


def test_the_gate_lets_whole_months_through() -> None:
    result = gated(MONTHS)
    assert result.refused.is_empty()
    assert [check.name for check in result.checks if not check.passed] == []


@pytest.mark.parametrize("factor", [1000, 0.001])
def test_another_unit_is_refused_whole(factor: float) -> None:
    result = gated([[month, *(value * factor for value in values)] for month, *values in MONTHS])
    assert result.accepted.is_empty()
    assert "the unit is probably no longer Millions of dollars" in result.refused["reason"][0]


def test_a_workbook_that_is_no_longer_updated_is_told() -> None:
    result = gated(MONTHS[3:])
    frozen = next(check for check in result.checks if check.name == "upstream_is_not_frozen")
    assert not frozen.passed
    assert "margin_debt (newest 2026-07-01" in frozen.detail


# ---- the stand-in --------------------------------------------------------------------------------------------------


def test_the_stand_ins_workbook_through_the_archive_and_back(tmp_path: Path) -> None:
    from ingest.catalog import load_catalog
    from simulator import StandIn
    from tests.unit.standin_helpers import market, new_york

    now = new_york("2026-11-24T17:00")
    with StandIn(market(), now) as stand_in:
        settings = Settings(_env_file=None, upstream=stand_in.url, home=tmp_path)
        archive = Archive(tmp_path / "archive")
        with Upstream(settings, clock_at(now), archive) as upstream:
            batch = collect(
                connector("finra"), build_context("finra", load_catalog(), settings, clock_at(now), upstream)
            )
    assert not batch.problems
    debt = cells(batch.rows, "margin_debt")
    assert max(debt) == date(2026, 10, 1)  # released this minute
    assert {day: value / 1000 for day, value in debt.items() if value is not None} == dict(
        market().known("margin_debt", "finra", now).iter_rows()
    )
    (again,) = replay(Archive(tmp_path / "archive"), connector("finra"), PAIRS)
    assert again.rows.equals(batch.rows)
    assert again.windows == batch.windows
