"""Lived against rebuilt: the market comes out day by day, with late prints, revisions, a frozen source and an outage.

After the cut-off of each morning all that regimes are made of is asked for, built and published; in the evenings it is
fetched, or the daily job runs. What a morning published of the session before must be what the last file says of it,
what `regime_daily_as_of` gives at that morning, and, the ledger ignored, what the raw tables give again. The one
exception is an outage of ours: the archive cannot know that nobody could fetch.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from analytics.regimes.inputs import SERIES
from analytics.regimes.ledger import reconstruct
from ingest.catalog.calendars import nyse_sessions
from ingest.clock import NEW_YORK, naive_utc
from ingest.home import Home
from ingest.settings import Settings
from orchestration.run import run_daily
from simulator import Market, StandIn
from simulator.simulate import simulate
from tests.pipeline.placed import STOCKS_AND_FUNDS, ingested, run_of, settings_of, sources_of
from tests.pipeline.small import FIRST, FIRST_SESSION, MEMBERS, Ran

pytestmark = pytest.mark.timeout(1500)  # the first test waits for all the runs

BEGIN = FIRST_SESSION
"""Its evening is that of the shared first home, which begins each life: nothing is disturbed by then."""
EVENING, MORNING = time(18, 30), time(9, 20)

LATE = {"move": (1, 20), "usdjpy": (2, 30), "us_2y_yield": (1, 15), "put_call_total_ratio": (2, 26)}
"""Series: which session's print comes so many hours late."""
REVISED = {
    "hy_oas": (1, 1.04, 24),
    "vvix_close": (1, 0.95, 60),
    "usdjpy": (1, 1.01, 60),
    "baa_10y_spread": (1, 1.1, 30),
}
"""Series: which session's print is changed, by what factor, so many hours after the noon (UTC) of the next day."""
FROZEN = 2
"""On this evening and the next morning the Treasury's pages say what they said the day before."""
OUTAGE = 3
"""On the morning after this session Cboe does not answer, nor FRED for its VIX: the close cannot be had in time."""
AFTER_THE_OUTAGE = OUTAGE + 1
"""The evening of this session finds what the morning missed: the daily job runs in the short life too."""
ASKED = (*STOCKS_AND_FUNDS, *sorted(sources_of(SERIES)))
SHORT = 5
"""So many sessions see each disturbance, and a morning after the last of them."""


@dataclass
class Lived:
    """What was published, morning by morning, and the home at the end."""

    home: Home
    sessions: list[date]
    rows: dict[date, tuple[Any, ...]] = field(default_factory=dict)
    mornings: dict[date, datetime] = field(default_factory=dict)

    @property
    def outages(self) -> set[date]:
        """Return the sessions whose morning fell into an outage."""
        return {self.sessions[place] for place in range(OUTAGE, len(self.sessions), 20)}


def at(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, NEW_YORK).astimezone(UTC)


def disturbed(market: Market, sessions: list[date]) -> Market:
    """Return the market with LATE and REVISED, every twenty sessions again."""
    rows = market.rows
    for series_id, (place, hours) in LATE.items():
        days = sessions[place::20]
        hit = (pl.col("series_id") == series_id) & pl.col("period_date").is_in(days) & pl.col("revised_at").is_null()
        rows = rows.with_columns(pl.when(hit).then(pl.lit(timedelta(hours=hours))).otherwise("delay").alias("delay"))
    changes = []
    for series_id, (place, factor, hours) in REVISED.items():
        days = sessions[place::20]
        chosen = rows.filter((pl.col("series_id") == series_id) & pl.col("period_date").is_in(days))
        changed_at = pl.col("period_date").cast(pl.Datetime("us")) + pl.duration(hours=36 + hours)
        changes.append(
            chosen.with_columns(value=(pl.col("value") * factor).round(2), revised_at=changed_at, delay=None)
        )
    return Market(pl.concat([rows, *changes], how="vertical_relaxed"), latent=market.latent, panel=market.panel)


def live_through(home: Path, count: int, *, whole_evenings: bool) -> Lived:
    """Run every evening and morning over `count` sessions, from the home after the evening of the first."""
    assert at(BEGIN, EVENING) == FIRST
    sessions = nyse_sessions(BEGIN, BEGIN + timedelta(days=2 * count + 10))["session_date"].to_list()[: count + 1]
    market = disturbed(simulate(sessions[-1], members=MEMBERS), sessions)
    lived = Lived(Home(home.resolve()), sessions)
    with StandIn(market, at(BEGIN, EVENING)) as standin:

        def placed_at(moment: datetime) -> Settings:
            standin.set_now(moment)
            return settings_of(home, standin)

        for place, (day, following) in enumerate(pairwise(sessions)):
            if place % 20 == FROZEN:
                standin.faults.add("treasury.gov", "frozen", as_of=at(day, time(12)))
            if day != BEGIN:
                evening = placed_at(at(day, EVENING))
                is_whole = whole_evenings or place % 20 == AFTER_THE_OUTAGE
                run_daily(evening) if is_whole else ingested(evening, *ASKED)
            standin.faults.clear() if place % 20 != FROZEN else None
            if place % 20 == OUTAGE:
                standin.faults.add("cboe.com", "status", code=503)
                standin.faults.add("fred.*VIXCLS", "status", code=503)
            run_of(placed_at(at(following, MORNING)), *ASKED)
            lived.mornings[day] = naive_utc(at(following, MORNING))
            lived.rows[day] = newest_row(lived.home)
            if place % 20 == FROZEN:
                standin.faults.clear()
    return lived


def newest_row(home: Home) -> tuple[Any, ...]:
    with duckdb.connect(str(home.published), read_only=True) as con:
        row = con.execute("select * from marts.regime_daily order by session_date desc limit 1").fetchone()
    assert row is not None
    return row


@pytest.fixture(
    scope="module",
    # both take minutes: in CI the ledger has its unit tests, and truncations of the demo and of recorded history
    params=[
        pytest.param(SHORT, marks=pytest.mark.slow),
        pytest.param(60, marks=[pytest.mark.slow, pytest.mark.timeout(7200)]),
    ],
    ids="{}_days".format,
)
def lived(request: pytest.FixtureRequest, first: Ran, tmp_path_factory: pytest.TempPathFactory) -> Lived:
    home = first.copy_to(tmp_path_factory.mktemp("lived") / "home")
    return live_through(home.root, request.param, whole_evenings=request.param > SHORT)


@pytest.fixture
def asked(lived: Lived) -> Iterator[Callable[..., list[tuple[Any, ...]]]]:
    with duckdb.connect(str(lived.home.published), read_only=True) as con:
        yield lambda query, *values: con.execute(query, list(values)).fetchall()


def test_each_morning_published_the_session_before(lived: Lived):
    assert list(lived.rows) == lived.sessions[:-1]
    assert [row[0] for row in lived.rows.values()] == lived.sessions[:-1]


def test_the_last_file_says_what_each_morning_said(lived, asked):
    for day, row in lived.rows.items():
        assert asked("select * from marts.regime_daily where session_date = ?", day) == [row]
    assert {basis for (basis,) in asked("select basis from marts.regime_daily where session_date >= ?", BEGIN)} == {
        "lived"
    }


def test_as_of_each_morning_gives_what_was_published_then(lived, asked):
    for day, row in lived.rows.items():
        found = asked(
            "select * from marts.regime_daily_as_of(?) order by session_date desc limit 1", lived.mornings[day]
        )
        assert found == [row]


def test_the_disturbances_happened(lived, asked):
    """Otherwise the other tests would prove nothing."""
    revised = asked(
        "select series_id from marts.observations where period_date >= ? group by series_id, period_date, provider"
        " having count(distinct value) > 1",
        BEGIN,
    )
    assert {series_id for (series_id,) in revised} >= {"vvix_close", "hy_oas", "usdjpy", "baa_10y_spread"}
    captured = asked(
        "select distinct series_id from marts.observations where period_date >= ? and known_basis = 'captured'", BEGIN
    )
    assert {series_id for (series_id,) in captured} >= {"move", "us_2y_yield", "us_10y_yield"}
    carried = asked(
        "select session_date from marts.regime_daily where session_date >= ?"
        " and (inputs_json ->> '$.volatility.vix_index.obs_date')::date < session_date",
        BEGIN,
    )
    assert {day for (day,) in carried} == lived.outages


def test_the_raw_tables_alone_give_the_rows_again_but_for_the_outage(lived: Lived, tmp_path: Path):
    """reconstruct() ignores the ledger. A fetch that failed leaves no trace in the moments: VIX was there to read."""
    shutil.copy(lived.home.warehouse, tmp_path / "warehouse.duckdb")
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as con:
        anew = reconstruct(con, max(lived.mornings.values()))
        kept = con.execute("select * from marts.regime_daily order by session_date").pl().select(anew.columns)
    assert anew["session_date"].to_list() == kept["session_date"].to_list()
    different = [
        day
        for day, ours, theirs in zip(anew["session_date"], anew.iter_rows(), kept.iter_rows(), strict=True)
        if ours != theirs
    ]
    assert set(different) == lived.outages
