"""The catalog: errors name entry and field; release rules keep the publishers' holidays."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from ingest.catalog import CATALOG_FOLDER, load_catalog
from ingest.errors import ConfigError

CATALOG = load_catalog()


def test_every_published_unit_converts_to_its_mart_unit():
    for series in CATALOG.series:
        for provider in series.providers:
            assert CATALOG.factor(provider.unit, series.unit) > 0


def test_every_series_can_come_from_a_user_file_last():
    assert all(series.providers[-1].source == "user_file" for series in CATALOG.series)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("id: fed_total_assets", "id: Fed Total", "series Fed Total: id: "),
        ("    frequency: weekly", "    frequency: hourly", "series fed_total_assets: frequency: "),
        ("stale_limit_days: 9", "stale_limit_days: nine", "series fed_total_assets: stale_limit_days: "),
        ("plausible: {min: 500, max: 12000", "plausible: {min: 500, max: 5", "series fed_total_assets: plausible: "),
        ("    publisher: Board", "    publishr: Board", "series fed_total_assets: publish"),
        ("licence: public_domain", "licence: free", "series fed_total_assets: licence: "),
        ("code: WALCL,", "code: WALCL, color: red,", "series fed_total_assets: providers.1.color: "),
        ("{source: fred, code: WALCL", "{source: fed, code: WALCL", "source: no publisher named 'fed'"),
        ("release: h41}", "release: h42}", "series fed_total_assets: release: no release rule named 'h42'"),
        ("id: tga_wednesday", "id: fed_total_assets", "series fed_total_assets: id: stands twice"),
        ("code: WDTGAL", "code: WALCL", "series tga_wednesday: code: ('fred', 'WALCL') serves another series"),
        (
            'code: WALCL, unit: "Millions of U.S. Dollars"',
            'code: WALCL, unit: "Furlongs"',
            "series fed_total_assets: unit: no conversion from 'Furlongs' to usd_bn",
        ),
        ("    calendar: federal_reserve\n", "", "series tga_daily: "),
        ("frequency: weekly\n", "frequency: weekly\n    calendar: nyse\n", "series fed_total_assets: entry: "),
        ("derived_from: [unrate]", "derived_from: [claims]", "derived_from: claims has no provider fred"),
        (
            "derived_from: [us_10y_yield]}",
            "derived_from: [us_10y_2y_spread]}",
            "series baa_10y_spread: derived_from: us_10y_2y_spread is derived itself",
        ),
        ("mart: usd_bn, factor: 0.001}", "mart: usd_bn, factor: -1}", "conversions Millions of U.S. Dollars: factor: "),
        ("    unit: usd_bn\n", "    unit: usd_tn\n", "series fed_total_assets: unit: no unit named 'usd_tn'"),
        ("mart: usd_bn, factor: 0.001}", "mart: usd_tn, factor: 0.001}", "Dollars: mart: no unit named 'usd_tn'"),
        ("    stale_limit_days: 9\n", "    stale_limit_days: 9\n    simulate: {like: x}\n", "no series named 'x'"),
        ("series:\n", "serie:\n", "expected the section series"),
        ("releases:\n", "releases: [\n", "cannot be read as YAML"),
    ],
)  # fmt: skip
def test_a_malformed_catalog_names_entry_and_field(tmp_path: Path, old: str, new: str, message: str):
    catalog = tmp_path / "catalog"
    shutil.copytree(CATALOG_FOLDER, catalog)
    # packs in this order, so that the first series of a message is the one that was broken
    names = ["series/liquidity.yml", "series/labor.yml", "series/credit.yml", "units.yml", "releases.yml"]
    path = next(catalog / name for name in names if old in (catalog / name).read_text(encoding="utf-8"))
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_catalog(catalog)
    assert str(caught.value).startswith(f"catalog {path.name}: ")
    assert message in str(caught.value)


def test_a_catalog_that_is_not_there_is_a_sentence(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"catalog releases\.yml: cannot be read"):
        load_catalog(tmp_path)


@pytest.mark.parametrize(
    ("series_id", "source", "period", "released_utc"),
    [
        # H.4.1: Wednesday's level on Thursday 16:30; on Friday when Thursday is a holiday
        ("fed_total_assets", "fred", date(2026, 11, 18), datetime(2026, 11, 19, 21, 30)),
        ("fed_total_assets", "fred", date(2026, 7, 15), datetime(2026, 7, 16, 20, 30)),
        ("fed_total_assets", "fred", date(2024, 12, 25), datetime(2024, 12, 26, 21, 30)),  # a Wednesday holiday itself
        ("fed_total_assets", "fred", date(2025, 11, 26), datetime(2025, 11, 28, 21, 30)),  # Thanksgiving
        ("fed_total_assets", "fred", date(2026, 6, 17), datetime(2026, 6, 18, 20, 30)),  # Juneteenth is the Friday
        # SOFR: the next day of the bond market; on Columbus day NYSE is open, SOFR is not published
        ("sofr", "new_york_fed", date(2026, 10, 9), datetime(2026, 10, 13, 12, 0)),
        ("sofr", "new_york_fed", date(2026, 4, 2), datetime(2026, 4, 6, 12, 0)),  # Good Friday
        ("effr", "new_york_fed", date(2026, 4, 2), datetime(2026, 4, 3, 13, 0)),  # the Fed works on Good Friday
        # H.10: the Monday after the week, the Tuesday after a holiday
        ("usdjpy", "fred", date(2026, 11, 9), datetime(2026, 11, 16, 21, 15)),
        ("usdjpy", "fred", date(2026, 11, 13), datetime(2026, 11, 16, 21, 15)),
        ("usdjpy", "fred", date(2026, 10, 9), datetime(2026, 10, 13, 20, 15)),  # Columbus day
        # MOF: 09:30 in Tokyo on the next Tokyo day
        ("jgb_2y_yield", "japan_mof", date(2026, 11, 18), datetime(2026, 11, 19, 0, 30)),
        ("jgb_2y_yield", "japan_mof", date(2026, 5, 1), datetime(2026, 5, 7, 0, 30)),  # Golden Week
        # the day before it takes effect
        ("iorb", "federal_reserve", date(2026, 11, 18), datetime(2026, 11, 17, 19, 0)),
        ("iorb", "federal_reserve", date(2025, 10, 13), datetime(2025, 10, 12, 18, 0)),
        ("ioer", "fred", date(2020, 3, 16), datetime(2020, 3, 15, 21, 0)),  # a Sunday, at 17:00
        ("ioer", "fred", date(2020, 3, 17), datetime(2020, 3, 16, 18, 0)),
        # the target is told as the rate on reserves is; until 2016-12-14 FRED dates a step on the day that it is told
        ("fed_funds_target_upper", "fred", date(2024, 9, 19), datetime(2024, 9, 18, 18, 0)),
        ("fed_funds_target_lower", "fred", date(2020, 3, 16), datetime(2020, 3, 15, 21, 0)),
        ("fed_funds_target_lower", "fred", date(2017, 3, 16), datetime(2017, 3, 15, 18, 0)),
        ("fed_funds_target_upper", "fred", date(2017, 3, 15), datetime(2017, 3, 16, 4, 0)),
        ("fed_funds_target_upper", "fred", date(2016, 12, 14), datetime(2016, 12, 15, 5, 0)),
        ("fed_funds_target", "fred", date(2001, 1, 3), datetime(2001, 1, 4, 5, 0)),
        ("on_rrp", "new_york_fed", date(2026, 11, 18), datetime(2026, 11, 18, 18, 20)),
        ("on_rrp", "fred", date(2026, 11, 18), datetime(2026, 11, 19, 5, 0)),
        ("tga_daily", "treasury", date(2026, 11, 25), datetime(2026, 11, 27, 21, 0)),
        # ICE prints month ends on weekends; the next day of the bond market brings them
        ("hy_oas", "fred", date(2026, 2, 28), datetime(2026, 3, 2, 15, 30)),
        ("vix_close", "fred", date(2026, 11, 16), datetime(2026, 11, 18, 8, 15)),
        ("vix_close", "cboe", date(2026, 11, 27), datetime(2026, 11, 28, 2, 0)),
        ("us_2y_yield", "treasury", date(2026, 11, 18), datetime(2026, 11, 18, 23, 0)),
        ("us_2y_yield", "fred", date(2026, 11, 18), datetime(2026, 11, 19, 21, 15)),
        ("nfci", "fred", date(2026, 11, 6), datetime(2026, 11, 12, 13, 30)),  # Veterans day is the Wednesday
        ("margin_debt", "finra", date(2026, 9, 1), datetime(2026, 10, 24, 21, 0)),
        ("margin_debt", "finra", date(2026, 12, 1), datetime(2027, 1, 24, 22, 0)),
        # the jobs report: the third Friday after the week with the 12th, mostly the first one of the month
        ("unrate", "fred", date(2026, 10, 1), datetime(2026, 11, 6, 13, 30)),
        ("unrate", "fred", date(2023, 2, 1), datetime(2023, 3, 10, 13, 30)),  # not the 3rd
        ("unrate", "fred", date(2020, 4, 1), datetime(2020, 5, 8, 12, 30)),  #
        ("unrate", "fred", date(2026, 4, 1), datetime(2026, 5, 8, 12, 30)),
        ("unrate", "fred", date(2020, 12, 1), datetime(2021, 1, 8, 13, 30)),  # New Year is the Friday
        ("unrate", "fred", date(2024, 12, 1), datetime(2025, 1, 10, 13, 30)),  # not in the first three days of a year
        ("unrate", "fred", date(2020, 6, 1), datetime(2020, 7, 2, 12, 30)),  # offices close on the Friday
        ("unrate", "fred", date(2026, 3, 1), datetime(2026, 4, 3, 12, 30)),  # Good Friday is a working day
        ("unrate", "fred", date(2025, 9, 1), datetime(2025, 11, 20, 13, 30)),  # shutdown
        ("unrate", "fred", date(2025, 10, 1), datetime(2025, 12, 16, 13, 30)),  # never collected
        ("sahm_realtime", "fred", date(2025, 11, 1), datetime(2025, 12, 16, 13, 30)),
        ("unrate", "fred", date(2026, 1, 1), datetime(2026, 2, 11, 13, 30)),
        # claims: Thursday, the Wednesday before a holiday
        ("initial_claims", "fred", date(2026, 11, 14), datetime(2026, 11, 19, 13, 30)),
        ("initial_claims", "fred", date(2026, 11, 21), datetime(2026, 11, 25, 13, 30)),  # Thanksgiving
        ("initial_claims", "fred", date(2024, 6, 29), datetime(2024, 7, 3, 12, 30)),
        ("initial_claims", "fred", date(2025, 10, 18), datetime(2025, 11, 20, 13, 30)),
        ("initial_claims", "fred", date(2025, 1, 4), datetime(2025, 1, 8, 13, 30)),  # mourning on the Thursday
        ("initial_claims", "fred", date(2020, 12, 19), datetime(2020, 12, 23, 13, 30)),  # an order for the Thursday
        ("initial_claims", "fred", date(2009, 12, 19), datetime(2009, 12, 24, 13, 30)),  # one from noon on
        ("initial_claims", "fred", date(2025, 12, 20), datetime(2025, 12, 24, 13, 30)),  # ordered after it was dated
        # the bond market keeps Saturday's Independence day and Christmas on the Friday
        ("hy_oas", "fred", date(2026, 7, 2), datetime(2026, 7, 6, 14, 30)),
        ("hy_oas", "fred", date(2021, 12, 23), datetime(2021, 12, 27, 15, 30)),
        ("sofr", "new_york_fed", date(2026, 7, 2), datetime(2026, 7, 6, 12, 0)),
        ("sofr", "new_york_fed", date(2021, 12, 23), datetime(2021, 12, 27, 13, 0)),
        # it is open until noon on a Good Friday with the jobs report; repo rates wait for the Monday
        ("hy_oas", "fred", date(2021, 4, 1), datetime(2021, 4, 2, 14, 30)),
        ("hy_oas", "fred", date(2022, 4, 14), datetime(2022, 4, 18, 14, 30)),
        ("us_10y_yield", "treasury", date(2021, 4, 2), datetime(2021, 4, 2, 22, 0)),
        ("sofr", "fred", date(2021, 4, 1), datetime(2021, 4, 5, 12, 0)),
        # the Board is closed on the Friday before a Saturday holiday, the Reserve Banks are not
        ("us_2y_yield", "fred", date(2021, 12, 23), datetime(2021, 12, 27, 21, 15)),
        ("us_2y_yield", "federal_reserve", date(2026, 7, 2), datetime(2026, 7, 6, 20, 15)),
        ("effr", "new_york_fed", date(2021, 12, 23), datetime(2021, 12, 24, 14, 0)),
        ("fed_total_assets", "fred", date(2025, 1, 8), datetime(2025, 1, 10, 21, 30)),
        # what FRED computes waits for what it is computed from
        ("us_10y_2y_spread", "fred", date(2026, 11, 18), datetime(2026, 11, 19, 21, 15)),
        ("us_10y_2y_spread", "fred", date(2026, 11, 25), datetime(2026, 11, 27, 21, 15)),
        ("baa_10y_spread", "fred", date(2026, 11, 18), datetime(2026, 11, 19, 21, 15)),
        ("ted_spread", "fred", date(2019, 9, 16), datetime(2019, 9, 17, 20, 15)),
        ("us_10y_2y_spread", "user_file", date(2026, 11, 18), datetime(2026, 11, 19, 21, 15)),
        # the fifth working day of the second month after: New Year is none, nor the 3rd of July before a Saturday
        ("consumer_credit_total", "fred", date(2024, 1, 1), datetime(2024, 3, 7, 20, 0)),
        ("consumer_credit_total", "federal_reserve", date(2026, 6, 1), datetime(2026, 8, 7, 19, 0)),
        ("card_rate_all_accounts", "fred", date(2025, 11, 1), datetime(2026, 1, 8, 20, 0)),
        ("card_rate_all_accounts", "fred", date(2026, 5, 1), datetime(2026, 7, 8, 19, 0)),
        # the shutdown of 2025
        ("personal_saving_rate", "fred", date(2025, 9, 1), datetime(2025, 12, 5, 13, 30)),
        ("real_retail_sales", "fred", date(2025, 11, 1), datetime(2026, 1, 14, 13, 30)),
        # January's index of 2015 was out on 26 February; the shutdown of 2013
        ("consumer_prices", "fred", date(2015, 1, 1), datetime(2015, 2, 26, 13, 30)),
        ("consumer_prices", "fred", date(2013, 9, 1), datetime(2013, 10, 30, 12, 30)),
    ],
)
def test_release_rules_keep_the_holidays_of_their_publisher(series_id, source, period, released_utc):
    provider = CATALOG.by_id(series_id).provider(source)
    assert provider.release.released_at_one(period) == released_utc


def test_a_rule_has_exactly_one_lag():
    from pydantic import ValidationError

    from ingest.catalog.release import ReleaseRule

    for lags in ({}, {"calendar_days": 1, "day_of_next_month": 24}, {"day_of_next_month": 31}, {"days_after_year": -1}):
        with pytest.raises(ValidationError):
            ReleaseRule.model_validate({"time": "08:30", **lags})


COMPUTED_BY_FRED = {
    "T10Y2Y",
    "T10Y3M",
    "T10YFF",
    "T10YIE",
    "T5YIE",
    "T5YIFR",
    "AAA10Y",
    "BAA10Y",
    "TEDRATE",
    "SAHMREALTIME",
    "RRSFS",
}


def test_what_fred_computes_from_its_own_series_is_never_out_before_them():
    periods = pl.Series("period_date", pl.date_range(date(2000, 1, 1), date(2027, 12, 31), eager=True))
    months = periods.filter(periods.dt.day() == 1)
    computed = []
    for series, provider in CATALOG.of_source("fred"):
        assert bool(provider.derived_from) == (provider.code in COMPUTED_BY_FRED), provider.code
        dates = months if series.frequency == "monthly" else periods
        for name in provider.derived_from:
            inputs = CATALOG.by_id(name).provider("fred").release.released_at(dates)
            assert (provider.release.released_at(dates) >= inputs).all(), (series.id, name)
            computed.append((series.id, name))
    assert sorted(computed) == [
        ("baa_10y_spread", "us_10y_yield"),
        ("breakeven_5y5y", "us_10y_yield"),
        ("real_retail_sales", "retail_sales"),
        ("sahm_realtime", "unrate"),
        ("ted_spread", "us_3m_yield"),
        ("us_10y_2y_spread", "us_10y_yield"),
        ("us_10y_2y_spread", "us_2y_yield"),
    ]


def test_daily_series_keep_the_calendar_of_their_publisher():
    kept = {series.id: series.calendar for series in CATALOG.series}
    assert {name: kept[name] for name in ("hy_oas", "us_10y_yield", "move", "baa_10y_spread")} == dict.fromkeys(
        ("hy_oas", "us_10y_yield", "move", "baa_10y_spread"), "sifma"
    )
    assert {kept[name] for name in ("on_rrp", "tga_daily", "effr")} == {"federal_reserve"}
    assert {kept[name] for name in ("vix_close", "sp500_close", "put_call_total_ratio", "usdjpy")} == {"nyse"}
    # in force on every day: the bond market's holidays are days of theirs, too
    assert {kept[name] for name in ("iorb", "ioer", "fed_funds_target", "fed_funds_target_upper")} == {"nyse"}
    assert {kept[name] for name in ("jgb_2y_yield", "jgb_10y_yield", "jgb_30y_yield")} == {"tokyo"}
    assert {series.calendar for series in CATALOG.series if series.frequency != "daily"} == {None}
    assert kept["hang_seng"] == "hong_kong"
    assert kept["csi300"] == "shanghai"
    # the market that never closes and its mood, and an encyclopaedia that is read on every day
    every_day = {name for name, calendar in kept.items() if calendar == "every_day"}
    assert every_day - {name for name in kept if name.startswith("wiki_views_")} == {"bitcoin", "crypto_fear_greed"}


def test_months_are_said_of_a_monthly_series_only():
    series = CATALOG.by_id("card_delinquency_30dpd_banks").model_dump()
    with pytest.raises(ValueError, match="months are said of a monthly series only"):
        type(CATALOG.by_id("unrate")).model_validate({**series, "months": [2, 5]})


def test_no_month_is_due_that_a_series_never_has():
    from warehouse.reference import due_releases

    due = due_releases(CATALOG, datetime(2026, 7, 22, tzinfo=UTC))
    months = due.filter(pl.col("series_id") == "card_rate_all_accounts")["period_date"].dt.month().unique()
    assert sorted(months) == [2, 5, 8, 11]
