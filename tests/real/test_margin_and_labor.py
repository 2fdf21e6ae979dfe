"""FINRA's workbook and FRED's labour series as they were really served, parsed, judged by the gate, served again."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from pathlib import Path

import openpyxl
import polars as pl
import pytest

from ingest.archive import sha256_of
from ingest.batch import Window
from ingest.catalog import SourceName, load_catalog
from ingest.connector import SourceModule
from ingest.gate import gate
from ingest.payload import Payload
from ingest.rules.evidence import Evidence
from ingest.sources.finra import finra
from ingest.sources.fred import fred
from simulator import Market, StandIn, folder_market
from tests.unit.fakes import cells
from tests.unit.series_batches import Judged, series_batch
from tests.unit.standin_helpers import KEY, ask, new_york

CATALOG = load_catalog()


def judged(
    module: SourceModule, source: SourceName, body: bytes, now: datetime, **meta: str
) -> tuple[pl.DataFrame, Judged]:
    payload = Payload(
        source=source, name="x", url="https://x.test/", body=body, sha256=sha256_of(body), fetched_at=now, meta=meta
    )
    rows = module.parse(payload, CATALOG.of_source(source))
    moment = pl.lit(now.replace(tzinfo=None), dtype=pl.Datetime("us"))
    windows = [Window(series_id, None) for series_id in meta["series"].split(",")]
    batch = series_batch(source, rows.with_columns(moment.alias("fetched_at")), windows, (), (), now)
    return rows, Judged.of(gate(batch, CATALOG, Evidence(), now))


def test_margin_statistics_since_1997(real_data: Path) -> None:
    body = (real_data / "finra/margin-statistics_2026-05.xlsx").read_bytes()
    series = "margin_debt,free_credit_cash,free_credit_margin"
    rows, result = judged(finra, "finra", body, datetime(2026, 6, 25, 22, tzinfo=UTC), kind="workbook", series=series)
    assert rows.height == 3 * 353
    debt, free = cells(rows, "margin_debt"), cells(rows, "free_credit_margin")
    assert (min(debt), debt[date(1997, 1, 1)]) == (date(1997, 1, 1), 103337.0)
    assert (max(debt), debt[date(2026, 5, 1)]) == (date(2026, 5, 1), 1415557.0)
    assert debt[date(2021, 10, 1)] == 935862.0
    assert (free[date(2010, 1, 1)], free[date(2010, 2, 1)]) == (None, 164624.0)
    assert len(debt) == (2026 - 1997) * 12 + 5, "no month is missing"
    assert result.held_back is None
    assert result.refused.is_empty()
    assert [check.name for check in result.checks if not check.passed] == []


def test_sahm_file_of_2025(real_data: Path) -> None:
    body = (real_data / "fredgraph_csv/SAHMREALTIME.csv").read_bytes()
    now = datetime(2025, 5, 10, tzinfo=UTC)
    rows, result = judged(fred, "fred", body, now, kind="csv", series="sahm_realtime")
    sahm = cells(rows, "sahm_realtime")
    assert (len(sahm), max(sahm)) == (785, date(2025, 4, 1))
    assert [sahm[date(2024, month, 1)] for month in (7, 8, 9)] == [0.53, 0.57, 0.50]
    assert result.refused.is_empty()
    assert [check.name for check in result.checks if not check.passed] == []


@pytest.mark.parametrize(
    ("name", "code", "series_id", "now"),
    [
        ("2026-01/UNRATE", "UNRATE", "unrate", datetime(2026, 1, 2, tzinfo=UTC)),
        ("2026-06/ICSA", "ICSA", "initial_claims", datetime(2026, 6, 4, 22, tzinfo=UTC)),
    ],
)
def test_the_pandemic_is_within_the_bounds(real_data: Path, name: str, code: str, series_id: str, now: datetime):
    """Recorded figures behind FRED's present header: the copies of these two were written by their takers."""
    _, *lines = (real_data / f"fred_reshaped/{name}.csv").read_text().splitlines()
    body = "\n".join([f"observation_date,{code}", *lines, ""]).encode()
    rows, result = judged(fred, "fred", body, now, kind="csv", series=series_id)
    assert result.refused.is_empty()
    assert [check.name for check in result.checks if not check.passed] == []
    found = cells(rows, series_id)
    if series_id == "unrate":
        assert found[date(2020, 4, 1)] == 14.8
        assert date(2025, 10, 1) in found
        assert found[date(2025, 10, 1)] is None, "the month nobody was asked in is a gap"
    else:
        assert found[date(2020, 4, 4)] == max(value for value in found.values() if value is not None)


# ---- the folder market ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(real_data: Path) -> Market:
    return folder_market(real_data)


def known(real: Market, series_id: str, source: SourceName, now: str) -> dict[date, float]:
    return dict(real.known(series_id, source, new_york(now)).iter_rows())


def test_the_workbook_is_served_cell_by_cell(real: Market, real_data: Path) -> None:
    recorded = openpyxl.load_workbook(real_data / "finra/margin-statistics_2026-05.xlsx")
    path = "/www.finra.org/sites/default/files/2021-03/margin-statistics.xlsx"
    with StandIn(real, new_york("2026-07-22T09:15")) as stand_in:
        shown = openpyxl.load_workbook(io.BytesIO(ask(stand_in, path).body))
        stand_in.set_now(new_york("2026-06-24T16:59"))
        before = openpyxl.load_workbook(io.BytesIO(ask(stand_in, path).body))
    assert shown.sheetnames == recorded.sheetnames
    rows = list(recorded.worksheets[0].iter_rows(values_only=True))
    assert list(shown.worksheets[0].iter_rows(values_only=True)) == rows
    assert list(before.worksheets[0].iter_rows(values_only=True)) == [rows[0], *rows[2:]]


def test_unemployment_keeps_its_hole_and_its_revisions(real: Market) -> None:
    with StandIn(real, new_york("2026-01-05T12:00")) as stand_in:
        graph = "/fred.stlouisfed.org/graph/fredgraph.csv?id=UNRATE"
        assert ask(stand_in, graph).lines[-3:] == ["2025-09-01,4.4", "2025-10-01,", "2025-11-01,4.6"]
        stand_in.set_now(new_york("2025-11-20T08:29"))
        assert ask(stand_in, graph).lines[-1] == "2025-08-01,4.3"
        stand_in.set_now(new_york("2025-11-20T08:30"))
        assert ask(stand_in, graph).lines[-1] == "2025-09-01,4.4"
        stand_in.set_now(new_york("2026-01-20T12:00"))
        query = f"series_id=UNRATE&api_key={KEY}&realtime_start=2025-11-01&realtime_end=2026-01-20"
        query += "&observation_start=2025-09-01"
        page = ask(stand_in, f"/api.stlouisfed.org/fred/series/observations?{query}").text
    assert 'realtime_start="2025-12-16" realtime_end="2026-01-20" date="2025-10-01" value="."' in page
    assert 'realtime_start="2025-12-16" realtime_end="2026-01-17" date="2025-11-01" value="4.6"' in page
    assert 'realtime_start="2026-01-18" realtime_end="2026-01-20" date="2025-11-01" value="4.5"' in page
    at = "2026-07-22T09:15"
    assert date(2025, 10, 1) not in known(real, "unrate", "fred", at)
    assert known(real, "unrate", "fred", at)[date(2020, 4, 1)] == 14.8


def test_claims_come_on_thursdays_and_late_after_the_shutdown(real: Market) -> None:
    assert max(known(real, "initial_claims", "fred", "2026-07-22T09:15")) == date(2026, 7, 11)
    assert max(known(real, "initial_claims", "fred", "2025-11-20T08:29")) == date(2025, 9, 20)
    assert max(known(real, "initial_claims", "fred", "2025-11-20T08:30")) == date(2025, 11, 15)
