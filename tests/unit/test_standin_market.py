"""The market in time: nothing before its release, revisions from their moment on, late prints late."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from functools import partial

import polars as pl
import pytest

from ingest.catalog import load_catalog
from ingest.clock import naive_utc
from simulator import MARKET_SCHEMA, Market
from simulator.economy.revisions import H10_CORRECTED, WALCL_CORRECTED
from tests.unit.standin_helpers import market, new_york

PAIRS = [(series, p) for series in load_catalog().series for p in series.providers if p.source != "user_file"]


def rows(*values: tuple[date, float, datetime | None, timedelta | None]) -> pl.DataFrame:
    return pl.DataFrame([("sofr", None, *row) for row in values], schema=dict(MARKET_SCHEMA), orient="row")


def test_nothing_is_known_before_its_release():
    chance = random.Random(4)
    for _ in range(60):
        series, provider = chance.choice(PAIRS)
        now = datetime(2012, 1, 1, tzinfo=UTC) + timedelta(minutes=chance.randrange(15 * 365 * 24 * 60))
        known = market().known(series.id, provider.source, now)
        if known.height:
            assert (provider.release.released_at(known["period_date"]) <= naive_utc(now)).all(), (series.id, now)
            assert known["period_date"].is_unique().all()
            assert known["period_date"].is_sorted()


def test_everything_on_time_is_known_from_its_release_to_the_minute():
    for series, provider in PAIRS:
        prints = market().rows.filter((pl.col("series_id") == series.id) & pl.col("delay").is_null())
        if prints.filter(pl.col("source") == provider.source).height:
            prints = prints.filter(pl.col("source") == provider.source)
        period = prints["period_date"].sort()[min(100, prints.height // 2)]
        moment = provider.release.released_at_one(period).replace(tzinfo=UTC)
        before = market().known(series.id, provider.source, moment - timedelta(minutes=1))
        after = market().known(series.id, provider.source, moment)
        assert period not in before["period_date"].to_list(), (series.id, provider.source)
        assert period in after["period_date"].to_list(), (series.id, provider.source)


def test_freds_copy_of_the_vix_comes_two_days_after_cboes():
    wednesday = date(2026, 11, 4)
    at = new_york("2026-11-04T21:00")
    assert market().known("vix_close", "cboe", at)["period_date"].max() == wednesday
    assert market().known("vix_close", "fred", at)["period_date"].max() == date(2026, 11, 2)
    assert market().known("vix_close", "fred", new_york("2026-11-06T03:15"))["period_date"].max() == wednesday


def test_a_correction_replaces_from_its_moment_on():
    wednesday = WALCL_CORRECTED[1]
    released = new_york("2026-03-19T16:30")

    def value(now: datetime) -> float:
        known = market().known("fed_total_assets", "federal_reserve", now)
        return known.filter(pl.col("period_date") == wednesday)["value"].item()

    first = value(released)
    assert value(released + timedelta(days=7, minutes=-1)) == first
    assert value(released + timedelta(days=7)) == pytest.approx(first * 1.0004, abs=0.001)


def test_h10_correction_is_there_once():
    corrected = market().rows.filter((pl.col("series_id") == "broad_dollar") & pl.col("revised_at").is_not_null())
    assert corrected["period_date"].to_list() == [H10_CORRECTED]


def test_sofr_is_revised_on_its_release_day_only():
    revised = market().rows.filter((pl.col("series_id") == "sofr") & pl.col("revised_at").is_not_null())
    assert revised.height >= 3
    rule = load_catalog().by_id("sofr").provider("new_york_fed").release
    late = revised["revised_at"] - rule.released_at(revised["period_date"])
    assert late.unique().to_list() == [timedelta(hours=6, minutes=30)]


def test_nfci_release_changes_some_of_the_weeks_before():
    before = market().known("nfci", "fred", new_york("2026-11-18T08:29"))
    after = market().known("nfci", "fred", new_york("2026-11-18T08:30"))
    assert after.height == before.height + 1
    both = before.join(after, on="period_date", suffix="_after")
    changed = both.filter(pl.col("value") != pl.col("value_after"))["period_date"]
    assert 1 <= len(changed) <= 8
    assert changed.min() >= date(2026, 9, 14)


def test_late_prints_are_late_and_rare():
    late = market().rows.filter(pl.col("delay").is_not_null())
    assert 5 <= late.height <= 80
    row = late.filter(pl.col("series_id") == "tga_daily").row(0, named=True)
    on_time = load_catalog().by_id("tga_daily").provider("treasury").release.released_at_one(row["period_date"])
    due = on_time.replace(tzinfo=UTC)
    assert row["period_date"] not in market().known("tga_daily", "treasury", due)["period_date"].to_list()
    assert row["period_date"] in market().known("tga_daily", "treasury", due + row["delay"])["period_date"].to_list()


def test_revision_before_a_providers_own_release_never_shows_the_first_print():
    """The first print came through the faster provider; the slower one only ever shows the corrected value."""
    monday = date(2026, 11, 2)
    first = new_york("2026-11-03T08:00")
    made = Market(rows((monday, 1.0, None, None), (monday, 2.0, naive_utc(first - timedelta(hours=1)), None)))
    assert made.known("sofr", "fred", first - timedelta(minutes=1)).is_empty()
    assert made.known("sofr", "fred", first)["value"].to_list() == [2.0]


def test_rows_of_one_source_replace_the_general_ones():
    monday = date(2026, 11, 2)
    general = rows((monday, 1.0, None, None))
    own = general.with_columns(pl.lit("fred").alias("source"), pl.lit(9.0).alias("value"))
    made = Market(pl.concat([general, own]))
    now = new_york("2026-11-10T12:00")
    assert made.known("sofr", "fred", now)["value"].to_list() == [9.0]
    assert made.known("sofr", "new_york_fed", now)["value"].to_list() == [1.0]


def test_vintages_hold_every_print_that_could_be_read():
    now = new_york("2026-11-18T09:15")
    vintages = market().vintages("nfci", "fred", now)
    assert vintages["known_at"].max() <= naive_utc(now)
    last = vintages.unique("period_date", keep="last", maintain_order=True).select("period_date", "value")
    assert last.equals(market().known("nfci", "fred", now))
    assert market().state("nfci", "fred", now) == vintages.height


def test_what_is_made_is_made_once_while_many_ask_and_the_longest_unasked_is_forgotten() -> None:
    made: list[int] = []
    small = Market(rows())

    def make(number: int) -> int:
        made.append(number)
        return number

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: small.remember("one", lambda: make(1)), range(40))) == {1}
    assert made == [1]
    for number in range(2, 250):
        assert small.remember(number, partial(make, number)) == number
        assert small.remember("one", lambda: make(1)) == 1
    assert made == list(range(1, 250))
    small.remember(2, lambda: make(-2))
    assert made[-1] == -2


def test_a_moment_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="zone"):
        market().known("nfci", "fred", datetime(2026, 1, 1))
