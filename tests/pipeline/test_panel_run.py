"""Whole runs with the panels: two years and a half of a simulated cross-section, a day more, the archive replayed."""

from __future__ import annotations

from datetime import date

import duckdb

from ingest.connectors import TABLE_CONNECTORS, asked_by
from orchestration.rebuilding import rebuild_home
from orchestration.session import no_progress
from tests.pipeline.placed import ingested, run_of, settings_of
from tests.pipeline.small import FIRST_SESSION, MEMBERS, NEXT, NEXT_SESSION, NOT_SERVED_YET, asked, fared
from warehouse.status import status

ASKED_NOTHING = {"nasdaq", *(one.name for one in asked_by("file") if not one.has_series)}
NOTHING_YET = {"kalshi"}  # an answer without a market


def test_every_desk_lands(first):
    sources = fared(first.home)
    landed = {desk.name: sources[desk.name] for desk in TABLE_CONNECTORS}
    not_served = NOT_SERVED_YET & landed.keys()
    empty = ASKED_NOTHING | NOTHING_YET | not_served
    assert {name for name, one in landed.items() if not one.rows_new} == empty
    states = {name: one.state for name, one in landed.items()}
    other = dict.fromkeys(ASKED_NOTHING, "skipped") | dict.fromkeys(not_served, "failed")
    assert states == dict.fromkeys(landed, "ok") | other
    assert {name for name, one in landed.items() if one.error} == not_served
    [(fetches,)] = asked(first.home, "select count(*) from ops.answers where table_id not like '%.observations'")
    assert fetches > MEMBERS


def test_breadth_covers_the_simulated_index(first):
    with duckdb.connect(str(first.home.published), read_only=True) as con:
        row = con.execute(
            "select members_count, coverage_ratio, advances_count + declines_count + unchanged_count, priced_count"
            f" from marts.breadth_daily where universe = 'SPX' and session_date = date '{FIRST_SESSION}'"
        ).fetchone()
    assert row is not None
    members, coverage, counted, priced = row
    assert members == MEMBERS
    assert coverage >= 0.95
    assert counted == priced


def test_status_knows_the_desks(first):
    found = status(first.home)
    assert found.note is None
    held = {one.source: one for one in found.sources}
    assert {desk.name for desk in TABLE_CONNECTORS} <= set(held)
    assert held["yahoo_prices"].rows_count > 10_000
    assert str(held["ssga"].newest_period).startswith("2014-06")


def test_a_day_more_touches_a_day_and_a_rebuild_gives_the_same_rows(first, next_day, standin, tmp_path):
    held = asked(first.home, "from breadth.features order by all")
    home = next_day.copy_to(tmp_path / "copy")
    assert asked(home, "select max(session_date) from breadth.features") == [(NEXT_SESSION,)]
    assert asked(home, f"from breadth.features where session_date < '{NEXT_SESSION}' order by all") == held
    standin.set_now(NEXT)
    result = rebuild_home(settings_of(home.root, standin), no_progress)
    assert result.rows == result.rows_compared


def test_a_history_cut_short_upstream_is_kept_and_said(copied, standin):
    held = asked(copied, "select min(report_date), count(*) from ssga.fund_days where ticker = 'SPY'")
    standin.faults.add(r"navhist-us-en-spy\.xlsx", "shortened", since=date(2013, 1, 2))
    landing = ingested(settings_of(copied.root, standin), "ssga")["ssga"].landing
    assert (landing.state, landing.rows_new, landing.rows_withdrawn) == ("ok", 0, 0)
    assert asked(copied, "select min(report_date), count(*) from ssga.fund_days where ticker = 'SPY'") == held
    said = f"ssga fund_days SPY: source now starts 2013-01-02, we keep from {held[0][0]}"
    assert status(copied).shrinkages == (said,)


def test_every_listed_stock_is_a_universe_of_its_own_when_asked_for(copied, standin):
    standin.set_now(NEXT)
    wide = settings_of(copied.root, standin).model_copy(update={"wide_universe": True})
    outcome = run_of(wide, "nasdaq_trader", "sp500_membership", "yahoo_prices")
    assert outcome.release.state == "published"
    # the directory lists a stock that Yahoo does not know: said, and a lack in the coverage
    assert outcome.sources["yahoo_prices"].error.startswith("yahoo_prices: NA: expected a chart of NA")
    with duckdb.connect(str(copied.published), read_only=True) as con:
        rows = con.execute(
            f"select session_date, members_count > {MEMBERS}, coverage_ratio between 0.95 and 0.999, reason_text,"
            " advances_count + declines_count + unchanged_count = priced_count, universe_basis"
            " from marts.breadth_daily where universe = 'USCOMMON' order by session_date"
        ).fetchall()
    basis = "common stocks of the newest symbol directory, from our first snapshot on"
    assert rows == [(date(2014, 6, day), True, True, None, True, basis) for day in (10, 11)]
