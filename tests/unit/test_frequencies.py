"""Quarterly and annual series at the gate: which days date them, and when they are behind their release."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import polars as pl
import pytest

from ingest.batch import Window
from ingest.catalog import load_catalog
from ingest.catalog.models import Catalog
from ingest.catalog.release import ReleaseRule
from ingest.gate import gate
from ingest.rules.evidence import Evidence
from tests.unit.series_batches import Judged, series_batch

NOW = datetime(2026, 11, 18, 23, 30, tzinfo=UTC)
QUARTERS = [date(year, month, 1) for year in range(2018, 2027) for month in (1, 4, 7, 10)]
YEARS = [date(year, 1, 1) for year in range(2000, 2027)]


def catalog_of(frequency: str, lag_days: int) -> Catalog:
    """Return the catalog with the unemployment rate printed so often, so many days after its first day."""
    catalog = load_catalog()
    rule = ReleaseRule(calendar_days=lag_days, time=time(8, 30))

    def changed(series):
        providers = tuple(one.model_copy(update={"release": rule}) for one in series.providers)
        return series.model_copy(update={"frequency": frequency, "starts": None, "providers": providers})

    kept = tuple(changed(series) if series.id == "unrate" else series for series in catalog.series)
    return catalog.model_copy(update={"series": kept})


def judged(frequency: str, lag_days: int, days: list[date]) -> Judged:
    catalog = catalog_of(frequency, lag_days)
    provider = catalog.by_id("unrate").provider("fred")
    rows = pl.DataFrame(
        {
            "series_id": "unrate",
            "code": provider.code,
            "period_date": pl.Series(days, dtype=pl.Date),
            "value": [4.0 + at % 3 / 10 for at in range(len(days))],
            "unit": provider.unit,
            "stated_at": pl.Series([None] * len(days), dtype=pl.Datetime("us")),
            "payload_sha256": "a" * 64,
            "fetched_at": pl.Series([NOW.replace(tzinfo=None)] * len(days), dtype=pl.Datetime("us")),
        }
    )
    batch = series_batch("fred", rows, [Window("unrate", None)], (), (), NOW)
    return Judged.of(gate(batch, catalog, Evidence(), NOW))


def failed(result: Judged) -> set[str]:
    return {check.name for check in result.checks if not check.passed}


@pytest.mark.parametrize(
    ("frequency", "lag_days", "newest", "is_frozen"),
    [
        # the third quarter is out 120 days after its first day, on 29 October; the second on 30 July
        ("quarterly", 120, date(2026, 7, 1), False),
        ("quarterly", 120, date(2026, 4, 1), True),
        # 2025 is out 400 days after its first day, in February 2026
        ("annual", 400, date(2025, 1, 1), False),
        ("annual", 400, date(2024, 1, 1), True),
    ],
)
def test_freshness_goes_by_the_release_rule(frequency, lag_days, newest, is_frozen):
    days = [day for day in (QUARTERS if frequency == "quarterly" else YEARS) if day <= newest]
    result = judged(frequency, lag_days, days)
    assert failed(result) == ({"upstream_is_not_frozen"} if is_frozen else set())
    assert result.accepted.height == len(days)


@pytest.mark.parametrize(
    ("frequency", "day", "what"),
    [
        ("quarterly", date(2024, 2, 1), "quarter"),
        ("quarterly", date(2024, 6, 30), "quarter"),
        ("annual", date(2024, 4, 1), "year"),
        ("monthly", date(2024, 4, 15), "month"),
    ],
)
def test_a_day_that_dates_no_period_is_refused(frequency, day, what):
    result = judged(frequency, 120, [*QUARTERS[:-2], day] if frequency != "annual" else [*YEARS[:-1], day])
    reasons = dict(result.refused.select("period_date", "reason").iter_rows())
    assert reasons == {
        day: f"period_is_sensible: period {day} is not the first of a {what}, by which the series is dated"
    }
