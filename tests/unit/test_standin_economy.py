"""The simulated economy: its identities hold, its past never changes, its figures are plausible."""

from __future__ import annotations

from datetime import UTC, date, timedelta

import numpy as np
import polars as pl
import pytest

from ingest.catalog import load_catalog
from ingest.catalog.calendars import is_working_day, working_days
from ingest.catalog.frequency import MONTHS
from simulator import simulate
from tests.unit.standin_helpers import END, market


def first_prints(series_id: str, source: str | None = None) -> pl.DataFrame:
    rows = market().rows.filter((pl.col("series_id") == series_id) & pl.col("revised_at").is_null())
    if source is not None:
        rows = rows.filter(pl.col("source") == source)
    return rows.sort("period_date").select("period_date", "value")


def by_day(series_id: str, source: str | None = None) -> dict[date, float]:
    return dict(first_prints(series_id, source).iter_rows())


def test_every_series_of_the_catalog_but_user_files_is_there():
    published = {
        series.id for series in load_catalog().series if any(p.source != "user_file" for p in series.providers)
    }
    assert set(market().rows["series_id"].unique()) == published


def test_wednesday_level_is_the_statement_of_that_wednesday():
    daily, weekly = by_day("tga_daily"), by_day("tga_wednesday")
    compared = [day for day in weekly if day in daily]
    assert len(compared) > 700
    assert all(weekly[day] == daily[day] for day in compared)
    assert all(not is_working_day("federal_reserve", day) for day in weekly if day not in daily)


def test_week_average_is_the_mean_of_seven_calendar_days_with_weekends_carried():
    daily, averages = by_day("tga_daily"), by_day("tga_week_average")
    for wednesday in list(averages)[2:]:
        balances = []
        for back in range(7):
            day = wednesday - timedelta(days=back)
            while day not in daily:
                day -= timedelta(days=1)
            balances.append(round(daily[day] * 1000))
        assert round(averages[wednesday] * 1000) == round(sum(balances) / 7), wednesday


def test_spread_is_the_difference_of_printed_yields():
    ten, two = by_day("us_10y_yield"), by_day("us_2y_yield")
    for day, spread in by_day("us_10y_2y_spread").items():
        assert round(spread / 100, 2) == round(ten[day] - two[day], 2)


@pytest.mark.parametrize("name", ["sp500", "vix"])
def test_bars_are_ordered(name: str):
    bars = {field: by_day(f"{name}_{field}") for field in ("open", "high", "low", "close")}
    for day, high in bars["high"].items():
        low = bars["low"][day]
        assert low <= min(bars["open"][day], bars["close"][day])
        assert high >= max(bars["open"][day], bars["close"][day])


@pytest.mark.parametrize("group", ["total", "equity", "index"])
def test_ratio_is_puts_over_calls_to_two_decimals(group: str):
    puts, calls = by_day(f"put_volume_{group}"), by_day(f"call_volume_{group}")
    for day, ratio in by_day(f"put_call_{group}_ratio").items():
        assert ratio == np.round(puts[day] / calls[day], 2)


def test_total_volume_holds_its_parts():
    for side in ("put", "call"):
        total, equity, index = (by_day(f"{side}_volume_{group}") for group in ("total", "equity", "index"))
        assert all(total[day] > equity[day] + index[day] for day in total)


def test_policy_rate_changes_its_name_and_not_its_level():
    before, after = by_day("ioer"), by_day("iorb")
    assert max(before) == date(2021, 7, 28)
    assert min(after) == date(2021, 7, 29)
    assert len(before) == (max(before) - min(before)).days + 1  # every calendar day


def test_series_start_and_end_when_the_real_ones_did():
    assert min(by_day("sofr")) == date(2018, 4, 2)
    assert max(by_day("ted_spread")) <= date(2022, 1, 21)
    assert min(by_day("on_rrp")) >= date(2013, 9, 23)
    assert {date(2019, 5, 31), date(2021, 8, 5)}.isdisjoint(by_day("sofr_99th_percentile"))
    assert date(2021, 4, 2) not in by_day("sofr")  # a Good Friday on which the bond market opened
    assert date(2021, 4, 2) in by_day("us_10y_yield")


@pytest.mark.parametrize(
    ("series_id", "calendar"),
    [("sp500_close", "nyse"), ("jgb_2y_yield", "tokyo"), ("us_10y_yield", "sifma"), ("tga_daily", "federal_reserve")],
)
def test_holidays_are_kept(series_id: str, calendar):
    days = list(by_day(series_id))
    assert days == working_days(calendar, date(2012, 1, 3), END)


def test_figures_lie_within_the_catalogs_bounds():
    for series in load_catalog().series:
        for source in {provider.source for provider in series.providers} & {"fred", "yahoo"}:
            rows = first_prints(series.id)
            if first_prints(series.id, source).height:
                rows = first_prints(series.id, source)
            if rows.is_empty():
                continue
            assert rows["value"].is_between(series.plausible.min, series.plausible.max).all(), series.id
            step = rows["value"].diff().abs().max()
            assert step is not None
            assert step <= series.plausible.max_step, series.id


def test_balance_sheet_has_its_magnitudes():
    assets = first_prints("fed_total_assets")["value"]
    assert assets.is_between(4000, 9000).all()
    assert (first_prints("on_rrp")["value"].max() or 0) > 500  # the hump
    assert (first_prints("on_rrp")["value"].median() or 0) < 300


def test_an_undrawn_series_follows_or_mirrors_the_one_that_it_is_like():
    like = first_prints("broad_dollar").select("period_date", dollar="value")
    gold = first_prints("gold_future").join(like, on="period_date")
    assert gold.select(pl.corr("value", "dollar")).item() < -0.5
    coin = first_prints("bitcoin")["period_date"]
    assert len(coin) == (coin[-1] - coin[0]).days + 1  # weekends as well
    stocks = first_prints("sp500_close").select("period_date", index="value")
    steps = first_prints("nasdaq100_close").join(stocks, on="period_date").select(pl.col("value", "index").pct_change())
    assert 0.3 < steps.select(pl.corr("value", "index")).item() < 0.99  # with days of its own


def test_crises_come_at_least_every_six_years_and_look_like_crises():
    latent = market().latent
    crises = latent.filter(pl.col("regime") == "crisis")["session_date"]
    gaps = crises.diff().drop_nulls().max()
    assert gaps is not None
    assert gaps < timedelta(days=6 * 365)
    assert (crises[0] - latent["session_date"][0]).days < 6 * 365
    assert set(latent["regime"].unique()) == {"calm", "late_cycle", "stress", "crisis", "recovery"}
    for series_id, ratio in (("vix_close", 1.6), ("hy_oas", 1.4), ("move", 1.3)):
        rows = first_prints(series_id).join(latent, left_on="period_date", right_on="session_date")
        means = dict(rows.group_by("regime").agg(pl.col("value").mean()).iter_rows())
        assert means["crisis"] > ratio * means["calm"], series_id


@pytest.mark.parametrize("seed", range(12))
def test_no_seed_goes_six_years_without_a_crisis(seed: int):
    from simulator.economy.grid import Grid
    from simulator.economy.regimes import CRISIS, regime_path

    regimes = regime_path(Grid(date(2050, 1, 1), seed))
    quiet = np.diff(np.flatnonzero(np.concatenate([[True], regimes == CRISIS])))
    assert quiet.max() < 6 * 260


def test_volatility_term_structure_inverts_in_crises_only():
    ratio = first_prints("vix_close").join(first_prints("vix3m_close"), on="period_date", suffix="_3m")
    ratio = ratio.join(market().latent, left_on="period_date", right_on="session_date")
    inverted = ratio.group_by("regime").agg((pl.col("value") > pl.col("value_3m")).mean())
    shares = dict(inverted.iter_rows())
    assert shares["crisis"] > 0.5
    assert shares["calm"] < 0.15


def known_at_releases(series_id: str) -> dict[date, dict[date, float]]:
    """Return what FRED showed of a series at the release of each of its periods."""
    rule = load_catalog().by_id(series_id).provider("fred").release
    found = {}
    for period in by_day(series_id):
        moment = rule.released_at_one(period).replace(tzinfo=UTC)
        found[period] = dict(market().known(series_id, "fred", moment).iter_rows())
    return found


def test_unemployment_leaps_in_crises_and_heals_slowly():
    rates = first_prints("unrate")
    assert rates["value"].is_between(3, 12).all()
    assert rates["value"].diff().max() > 0.5
    assert -0.6 < rates["value"].diff().min() < 0
    latent = market().latent.group_by(pl.col("session_date").dt.month_start()).agg(pl.col("regime").mode().first())
    by_regime = dict(
        rates.with_columns(step=pl.col("value").diff())
        .join(latent, left_on="period_date", right_on="session_date")
        .group_by("regime")
        .agg(pl.col("step").mean())
        .iter_rows()
    )
    assert by_regime["crisis"] > 0.4
    assert by_regime["calm"] < 0
    assert date(2025, 10, 1) not in by_day("unrate"), "the month that nobody was asked in"


def test_sahm_is_the_rule_on_what_was_then_known():
    published = by_day("sahm_realtime")
    assert {date(2025, 10, 1), date(2025, 11, 1), date(2025, 12, 1)}.isdisjoint(published)
    assert max(published.values()) >= 0.5
    assert (
        market().rows.filter((pl.col("series_id") == "sahm_realtime") & pl.col("revised_at").is_not_null()).is_empty()
    )
    for period, known in known_at_releases("unrate").items():
        months = pl.date_range(date(2011, 1, 1), period, "1mo", eager=True).to_list()
        means = []
        for at in range(len(months) - 13, len(months)):
            three = [known.get(month) for month in months[at - 2 : at + 1]]
            means.append(None if None in three else sum(three) / 3)
        before = [mean for mean in means[:-1] if mean is not None]
        if period in published:
            assert published[period] == round(means[-1] - min(before), 2), period


def test_each_january_revises_some_of_five_years_by_a_tenth():
    revised = market().rows.filter((pl.col("series_id") == "unrate") & pl.col("revised_at").is_not_null())
    assert revised["revised_at"].dt.month().unique().to_list() == [1]
    released = {rows["revised_at"][0]: rows for rows in revised.partition_by("revised_at")}
    assert len(released) >= 13, "nearly every January"
    for moment, rows in released.items():
        before = market().known("unrate", "fred", moment.replace(tzinfo=UTC) - timedelta(minutes=1))
        steps = rows.join(before, on="period_date", suffix="_before")
        assert steps.height == rows.height < 30
        assert ((steps["value"] - steps["value_before"]).abs().round(6) == 0.1).all()


def test_claims_rise_with_stress_and_are_revised_the_next_week():
    claims = first_prints("initial_claims")
    assert {day.weekday() for day in claims["period_date"]} == {5}
    assert (claims["value"] % 1000 == 0).all()
    friday = claims.with_columns(pl.col("period_date").dt.offset_by("-1d").alias("session_date"))
    joined = friday.join(market().latent, on="session_date")
    means = dict(joined.group_by("regime").agg(pl.col("value").mean()).iter_rows())
    assert means["crisis"] > 1.6 * means["calm"]
    revised = market().rows.filter((pl.col("series_id") == "initial_claims") & pl.col("revised_at").is_not_null())
    rule = load_catalog().by_id("initial_claims").provider("fred").release
    assert (revised["revised_at"] == rule.released_at(revised["period_date"].dt.offset_by("7d"))).all()


def test_margin_debt_rises_late_and_falls_in_crises():
    debt = first_prints("margin_debt").with_columns(
        year=pl.col("value") / pl.col("value").shift(12) - 1, quarter=pl.col("value") / pl.col("value").shift(3) - 1
    )
    assert debt.filter((pl.col("year") >= 0.25) & (pl.col("quarter") >= 0.08)).height > 5  # debt that rises fast
    assert debt.filter(pl.col("year") <= -0.10).height > 5
    assert debt["period_date"].dt.day().unique().to_list() == [1]
    millions = debt["value"] * 1000
    assert (millions - millions.round()).abs().max() < 1e-6, "printed in whole millions"


def test_a_later_end_changes_no_earlier_day():
    early_end = date(2024, 3, 6)
    early = simulate(early_end)
    by_months: dict[int, list[str]] = {}
    for series in load_catalog().series:
        by_months.setdefault(MONTHS.get(series.frequency, 0), []).append(series.id)
    is_over = pl.lit(value=True)
    for months, names in by_months.items():
        ends = pl.col("period_date").dt.offset_by(f"{max(months - 1, 0)}mo").dt.month_end()
        is_over &= ~pl.col("series_id").is_in(names) | (ends <= early_end) | pl.lit(months == 0)
    late = market().rows.filter((pl.col("period_date") <= early_end) & is_over)
    # revisions that a release after the early end brings are not in the early market yet
    cut = early.rows["revised_at"].max()
    late = late.filter(pl.col("revised_at").is_null() | (pl.col("revised_at") <= cut))
    order = ["series_id", "source", "period_date", "revised_at"]
    assert early.rows.sort(order, nulls_last=False).equals(late.sort(order, nulls_last=False))
    assert early.latent.equals(market().latent.filter(pl.col("session_date") <= early_end))


def test_another_seed_is_another_market():
    assert not simulate(date(2013, 1, 1), seed=1).rows.equals(simulate(date(2013, 1, 1), seed=2).rows)
    assert simulate(date(2013, 1, 1), seed=1).rows.equals(simulate(date(2013, 1, 1), seed=1).rows)


def test_an_end_before_the_start_is_refused():
    with pytest.raises(ValueError, match="2012-01-03"):
        simulate(date(2011, 1, 1))
