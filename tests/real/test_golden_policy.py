"""Golden figures of monetary policy and of calendars: marts over the recorded history, parsers over native files."""

from __future__ import annotations

import csv
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from ingest.sources.bls import bls
from ingest.sources.kalshi import kalshi
from tests.unit.fakes import payload_of

DAYS = "select event_date from marts.calendar_events"
STEPS = "from marts.policy_events where change_bp <> 0"


def test_every_step_of_the_target_since_1982_is_an_event(published: duckdb.DuckDBPyConnection, real_data: Path):
    path = real_data / "packs/p6_policy/fed_target_changes_derived_1982_2026-08.csv"
    with path.open(encoding="utf-8", newline="") as file:
        recorded = [
            (date.fromisoformat(row["effective_date"]), float(row["change_upper_bp"])) for row in csv.DictReader(file)
        ]
    assert len(recorded) == 184
    assert published.execute(f"select effective_date, change_bp {STEPS} order by 1").fetchall() == recorded
    since_1990 = published.execute(
        "select count(*) filter (event_class = 'cut'), count(*) filter (event_class = 'hike')"
        f" {STEPS} and effective_date >= '1990-01-01'"
    )
    assert since_1990.fetchone() == (58, 51)


def test_a_step_is_dated_on_its_announcement_until_2016_and_on_the_day_after_since_2017(published):
    days = dict(
        published.execute(f"select effective_date, event_date {STEPS} and event_date > '2008-12-01'").fetchall()
    )
    for same in (date(2008, 12, 16), date(2015, 12, 16), date(2016, 12, 14)):
        assert days[same] == same
    assert all((first - announced).days == 1 for first, announced in days.items() if first > date(2017, 1, 1))
    assert days[date(2017, 3, 16)] == date(2017, 3, 15)
    at = published.execute(
        "select announced_at from marts.policy_rate_daily where session_date = '2024-09-19'"
    ).fetchone()
    assert at == (datetime(2024, 9, 18, 18),)  # 14:00 in New York


@pytest.mark.parametrize(
    ("day", "known_at"),
    [
        (date(2024, 9, 18), datetime(2024, 9, 18, 18)),  # told at 14:00, in force and dated from the next day on
        (date(2020, 3, 15), datetime(2020, 3, 15, 21)),  # on a Sunday at 17:00
        (date(2016, 12, 14), datetime(2016, 12, 15, 5)),  # dated on the day itself: certainly known at its end
    ],
)
def test_a_step_is_known_when_it_is_told(published, day: date, known_at: datetime):
    query = "select count(*) from marts.policy_events_as_of(?) where event_date = ? and change_bp <> 0"
    moments = (known_at - timedelta(seconds=1), known_at)
    assert [published.execute(query, [moment, day]).fetchone() for moment in moments] == [(0,), (1,)]


def test_every_meeting_is_a_step_or_a_hold_but_one_on_the_discount_rate(published):
    missing = published.execute(
        """
        select event_date from marts.calendar_events
        where event_type = 'fomc_decision' and event_date < date '2026-04-01'
        except
        select event_date from marts.policy_events where change_bp is not null
        """
    ).fetchall()
    assert missing == [(date(2007, 8, 17),)]


def test_the_meeting_that_was_called_off_in_march_2020(published):
    query = "select count(*) from marts.calendar_events_as_of(?) where event_type = 'fomc_decision' and event_date = ?"
    meeting, called_off = date(2020, 3, 18), datetime(2020, 3, 15, 21)
    moments = (datetime(2019, 11, 30), datetime(2020, 3, 10), called_off - timedelta(seconds=1), called_off)
    assert [published.execute(query, [one, meeting]).fetchone() for one in moments] == [(0,), (1,), (1,), (0,)]
    results = "select count(*) from marts.policy_events where event_date = ? and change_bp is not null"
    assert published.execute(results, [meeting]).fetchone() == (0,)


def test_the_last_cuts(published):
    rows = published.execute(
        "select effective_date, change_bp, target_lower_pct, target_upper_pct"
        f" {STEPS} and effective_date >= '2024-09-01' order by 1"
    ).fetchall()
    assert rows[0] == (date(2024, 9, 19), -50.0, 4.75, 5.0)
    assert rows[-1] == (date(2025, 12, 11), -25.0, 3.5, 3.75)
    newest = published.execute(
        "select target_lower_pct, target_upper_pct, last_change_bp from marts.policy_rate_daily"
        " order by session_date desc limit 1"
    ).fetchone()
    assert newest == (3.5, 3.75, -25.0)


def test_the_pause_of_2023_and_the_emergency_cuts_of_2020(published):
    events = dict(
        published.execute(
            "select event_date, event_class from marts.policy_events where event_class in ('pause_after_hikes', 'cut')"
        ).fetchall()
    )
    assert events[date(2023, 6, 14)] == "pause_after_hikes"
    assert published.execute(
        "select event_at from marts.policy_events where event_date = '2020-03-15' and event_class = 'cut'"
    ).fetchone() == (datetime(2020, 3, 15, 21),)


def test_decision_days_are_the_recorded_ones_but_for_the_wrong_one(published, real_data: Path):
    recorded = {
        date.fromisoformat(line)
        for line in (real_data / "packs/p6_policy/fomc_dates_2000_2026.csv").read_text().split()[1:]
    }
    wrong, right = date(2026, 5, 6), date(2026, 4, 29)
    ours = {
        day
        for (day,) in published.execute(
            f"{DAYS} where event_type = 'fomc_decision' and event_date < '2027-01-01'"
        ).fetchall()
    }
    assert ours == recorded - {wrong} | {right}


def test_expiries_are_the_recorded_ones(published, real_data: Path):
    with (real_data / "packs/p5_trend/opex_2019_2027_computed.csv").open(encoding="utf-8", newline="") as file:
        recorded = [date.fromisoformat(row["expiry_date"]) for row in csv.DictReader(file)]
    query = f"{DAYS} where event_type = 'options_expiry' and event_date >= '2019-01-01' order by 1"
    ours = [day for (day,) in published.execute(query).fetchall()]
    assert ours == recorded[: len(ours)]
    assert ours[-1] >= date(2027, 6, 17)
    assert {date(2019, 4, 18), date(2022, 4, 14), date(2025, 4, 17), date(2026, 6, 18), date(2027, 6, 17)} <= set(ours)


def test_the_recorded_calendar_of_the_bls_is_read_whole_and_served(published, real_data: Path):
    body = (real_data / "packs/p5_trend/bls_schedule_2023_2024.ics").read_bytes()
    rows = bls.parse(payload_of("bls", body, name="releases"))[bls.TABLE]
    assert (rows.height, rows["release_date"].min(), rows["release_date"].max()) == (
        321,
        date(2023, 1, 4),
        date(2024, 12, 20),
    )
    counts = published.execute(
        "select event_type, count(*), min(event_at) from marts.calendar_events"
        " where event_type in ('cpi', 'jobs_report') group by 1 order by 1"
    ).fetchall()
    assert counts == [("cpi", 24, datetime(2023, 1, 12, 13, 30)), ("jobs_report", 24, datetime(2023, 1, 6, 13, 30))]


def test_the_recorded_books_of_kalshi(real_data: Path):
    recorded = json.loads((real_data / "packs/p6_policy/kalshi_fed_2026-08.json").read_text(encoding="utf-8"))
    names = {"yes_bid": "yes_bid_dollars", "yes_ask": "yes_ask_dollars"}
    markets = [
        {**market, **{new: market[old] for old, new in names.items()}, "last_price_dollars": "0.0000"}
        for market in recorded["markets"].values()
    ]
    asked_at = datetime.fromisoformat(recorded["snapshot_utc"]).astimezone(UTC)
    body = json.dumps({"cursor": "", "markets": markets})
    rows = kalshi.parse(payload_of("kalshi", body, name="fed decisions", fetched_at=asked_at))[kalshi.TABLE]
    assert rows.height == len(markets)
    mids = {
        (str(row["meeting_date"]), row["outcome"]): (row["bid_usd"] + row["ask_usd"]) / 2
        for row in rows.iter_rows(named=True)
    }
    september = sum(mid for (day, _), mid in mids.items() if day == "2026-09-16")
    assert round(september, 4) == 0.995
    assert round(mids["2026-09-16", "H25"] / september, 4) == 0.3266
    assert round(mids["2026-09-16", "H0"] / september, 4) == 0.6583
    october = sum(mid for (day, _), mid in mids.items() if day == "2026-10-28")
    assert (round(october, 4), round(mids["2026-10-28", "H0"] / october, 4)) == (1.015, 0.7094)
