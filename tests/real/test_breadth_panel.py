"""Breadth of the real S&P 500 panel beside somebody else's, and beside a plain loop."""

from __future__ import annotations

import csv
import random
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from analytics.breadth.features import breadth_features
from analytics.breadth.market import count_sessions, members_by_session
from ingest.catalog.calendars import nyse_sessions
from ingest.membership import read_membership, with_permid

PRICES = "prices/sp500_ohlcv_adj_2018_2025.parquet"
MEMBERSHIP = "membership/sp500_ticker_start_end.csv"
FULL_COVERAGE, COMPARED = 0.98, (date(2024, 12, 2), date(2025, 7, 24))


@pytest.fixture(scope="module")
def counts(real_data: Path) -> pl.DataFrame:
    """Counts over the members of every session of the price file, whatever its coverage, and shares made of them."""
    membership = read_membership((real_data / MEMBERSHIP).read_bytes())
    panel = pl.read_parquet(real_data / PRICES).rename({"date": "session_date"})
    sessions = nyse_sessions(panel["session_date"].min(), panel["session_date"].max()).select(
        "session_seq", "session_date"
    )
    prices = (
        with_permid(panel, membership)
        .join(sessions, on="session_date")
        .select("permid", "session_seq", close_adj=pl.col("close").cast(pl.Float64), volume_adj="volume")
        .sort("permid", "session_seq")
    )
    counted = count_sessions(breadth_features(prices), members_by_session(membership, sessions), sessions)
    averaged = pl.col("average_200dma_count")
    return counted.join(sessions, on="session_seq").with_columns(
        coverage_ratio=pl.col("priced_count") / pl.col("members_count"),
        above_200dma_pct=pl.when(averaged > 0).then(100 * pl.col("above_200dma_count") / averaged),
    )


@pytest.fixture(scope="module")
def beside(real_data: Path, counts: pl.DataFrame) -> pl.DataFrame:
    """Our share above the 200-day average beside the golden one, where both have one."""
    golden = pl.read_csv(real_data / "golden/breadth_bellingxu_2008_2026.csv", try_parse_dates=True).select(
        session_date="date", golden_pct="sp_breadth_200"
    )
    return (
        counts.join(golden, on="session_date")
        .filter(pl.col("golden_pct").is_not_null() & pl.col("above_200dma_pct").is_not_null())
        .with_columns(difference=pl.col("above_200dma_pct") - pl.col("golden_pct"))
    )


def test_share_above_the_200_day_average_where_the_index_is_covered(beside):
    covered = beside.filter((pl.col("coverage_ratio") >= FULL_COVERAGE) & pl.col("session_date").is_between(*COMPARED))
    median = covered["difference"].abs().median()
    print(f"\ncoverage >= 98 %, {covered.height} sessions: median |difference| {median:.2f} points")
    assert covered.height > 120
    assert median <= 3


def test_the_difference_elsewhere_grows_as_coverage_falls(beside):
    bands = (
        beside.with_columns(band=pl.col("coverage_ratio").cut([0.85, 0.90, 0.95, FULL_COVERAGE], left_closed=True))
        .group_by("band")
        .agg(
            pl.len().alias("sessions"),
            pl.col("difference").median().alias("median"),
            pl.col("difference").abs().median().alias("median_abs"),
        )
        .sort("band")
    )
    print(f"\n{bands}")
    medians = bands["median_abs"].to_list()
    assert medians[-1] < medians[0]


def test_advances_and_declines_equal_a_plain_loop(real_data, counts):
    closes: dict[date, dict[str, float]] = {}
    for ticker, day, close in pl.read_parquet(real_data / PRICES).select("ticker", "date", "close").iter_rows():
        closes.setdefault(day, {})[ticker] = close
    with (real_data / MEMBERSHIP).open(encoding="utf-8") as file:
        stays = [
            (row["ticker"].replace(".", "-"), row["start_date"], row["end_date"] or "9999")
            for row in csv.DictReader(file)
        ]
    days = sorted(closes)
    for at in random.Random(3).sample(range(1, len(days)), 30):
        day, before = days[at], closes[days[at - 1]]
        members = {ticker for ticker, start, end in stays if start <= day.isoformat() < end}
        seen = [0, 0, 0]
        for ticker in members & closes[day].keys() & before.keys():
            now, then = round(closes[day][ticker], 4), round(before[ticker], 4)
            seen[0 if now > then else 1 if now < then else 2] += 1
        ours = counts.row(by_predicate=pl.col("session_date") == day, named=True)
        counted = [ours[f"{name}_count"] for name in ("advances", "declines", "unchanged", "members")]
        assert counted == [*seen, len(members)], day


def test_members_go_on_where_prices_end(published):
    """Prices end on 2025-07-24; who is a member is known to the last session before the run."""
    for mart in ("breadth_daily", "breadth_survivor_biased_daily"):
        rows = published.execute(
            "select count(*), max(session_date), min(members_count), max(priced_count), count(advances_count),"
            f" count(above_200dma_pct), any_value(reason_text), count(distinct reason_text) from marts.{mart}"
            " where session_date > '2025-07-24'"
        ).fetchone()
        assert rows == (189, date(2026, 4, 24), 503, 0, 0, 0, "coverage", 1), mart


def test_survivors_speak_for_the_index_from_half_of_it_on(published):
    told = published.execute(
        "select min(priced_count / members_count), count(*) from marts.breadth_survivor_biased_daily"
        " where above_200dma_pct is not null"
    ).fetchone()
    assert told[0] >= 0.5
    assert told[1] > 1_500
