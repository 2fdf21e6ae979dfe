"""When the labour series are printed: dates of real releases against the rules of the catalog."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from pydantic import ValidationError

from ingest.catalog import load_catalog
from ingest.catalog.release import ReleaseRule

CATALOG = load_catalog()


@pytest.mark.parametrize(
    ("series_id", "period", "known_at"),
    [
        ("initial_claims", date(2026, 8, 15), datetime(2026, 8, 20, 12, 30)),
        ("continued_claims", date(2026, 8, 8), datetime(2026, 8, 20, 12, 30)),  # a week behind, in one release
        ("continued_claims", date(2025, 9, 20), datetime(2025, 11, 20, 13, 30)),  # the shutdown
        ("continued_claims", date(2025, 11, 8), datetime(2025, 11, 20, 13, 30)),
        ("continued_claims", date(2026, 11, 14), datetime(2026, 11, 25, 13, 30)),  # Thanksgiving: the day before
        ("jolts_layoffs", date(2026, 6, 1), datetime(2026, 8, 12, 14, 0)),
        ("jolts_layoffs", date(2025, 9, 1), datetime(2025, 12, 9, 15, 0)),
        ("jolts_layoffs_rate", date(2025, 11, 1), datetime(2026, 1, 12, 15, 0)),
        ("permanent_job_losers", date(2026, 7, 1), datetime(2026, 8, 7, 12, 30)),
        ("adp_employment", date(2026, 7, 1), datetime(2026, 8, 7, 12, 15)),
    ],
)
def test_release(series_id: str, period: date, known_at: datetime) -> None:
    assert CATALOG.by_id(series_id).providers[0].release.released_at_one(period) == known_at


def test_weeks_and_months_later_go_with_their_rule() -> None:
    with pytest.raises(ValidationError, match="weeks_later goes with weekday"):
        ReleaseRule.model_validate({"day_of_next_month": 3, "weeks_later": 1, "time": "08:00"})
    with pytest.raises(ValidationError, match="months_later with a day of the month"):
        ReleaseRule.model_validate({"weekday": "monday", "months_later": 1, "time": "08:00"})


@pytest.mark.parametrize(
    ("series_id", "published", "value"),
    [("jolts_layoffs", 12_985.0, 12_985_000.0), ("permanent_job_losers", 2_458.0, 2_458_000.0),
     ("adp_employment", 132_763_000.0, 132_763_000.0), ("continued_claims", 1_799_000.0, 1_799_000.0)],
)  # fmt: skip
def test_levels_are_persons_in_the_marts(series_id: str, published: float, value: float) -> None:
    series = CATALOG.by_id(series_id)
    assert published * CATALOG.factor(series.providers[0].unit, series.unit) == value


def test_what_only_a_file_brings_names_the_file() -> None:
    own = {series.id for series in CATALOG.series if not series.published_by}
    assert own >= {
        "challenger_cuts", "forward_pe", "cdx_ig_bp", "cdli_spread_bp", "bdc_discount_pct", "sp_bankruptcies_count",
        "fms_cash_pct", "fms_equity_net_pct", "es_depth_contracts", "client_flow_usd_mn", "pboc_assets",
    }  # fmt: skip
    assert {series.id for series in CATALOG.series if series.scope} == {
        "sp_bankruptcies_count", "client_flow_usd_mn", "prime_book_sector_zscore", "cta_flow_usd_bn",
        "earnings_surprise_pct",
    }  # fmt: skip
