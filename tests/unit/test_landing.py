"""Landing: one hand-made sequence for each rule of `known_at`, and the properties that hold for any batch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.batch import ROWS_SCHEMA, CheckResult, Window
from ingest.catalog import load_catalog
from ingest.clock import naive_utc
from ingest.errors import SourceChanged, SourceUnavailable
from ingest.payload import Payload
from tests.unit.databases import empty_build
from tests.unit.series_batches import series_batch, series_gated
from warehouse.connection import migrate
from warehouse.held import held, held_periods
from warehouse.landing import LandingResult, Shrinkage, land

CATALOG = load_catalog()
SOURCE = "fred"
OAS = "hy_oas"  # ice_fred: the next SIFMA working day, 10:30 New York
NFCI = "nfci"  # is_revised; printed on Wednesdays, 08:30
MON, TUE, WED, THU, FRI = (date(2026, 3, day) for day in range(2, 7))


def utc(day: int, hour: int = 0, minute: int = 0, month: int = 3) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


def release_of(series_id: str, period: date) -> datetime:
    return CATALOG.by_id(series_id).provider(SOURCE).release.released_at_one(period)


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    return empty_build()


def frame(rows: Sequence[tuple], fetched_at: datetime, payload: str = "answer") -> pl.DataFrame:
    """Rows are (series_id, period, value[, stated_at])."""
    sha = hashlib.sha256(f"{payload} {rows}".encode()).hexdigest()
    return pl.DataFrame(
        [
            (series, CATALOG.by_id(series).provider(SOURCE).code, period, value, "Percent", (*rest, None)[0], sha)
            for series, period, value, *rest in rows
        ],
        schema=dict(ROWS_SCHEMA),
        orient="row",
    ).with_columns(pl.lit(naive_utc(fetched_at), dtype=pl.Datetime("us")).alias("fetched_at"))


def answer(
    con: duckdb.DuckDBPyConnection,
    fetched_at: datetime,
    *rows: tuple,
    windows: Sequence[Window] | None = None,
    refused: Sequence[tuple] = (),
    problems: Sequence = (),
    held_back: str | None = None,
    payloads: Sequence[Payload] = (),
    checks: Sequence[CheckResult] = (),
) -> LandingResult:
    """Land one answer of FRED. Refused rows are (series_id, period, value, reason)."""
    accepted = frame(rows, fetched_at)
    rejected = frame([row[:3] for row in refused], fetched_at, "refused").with_columns(
        pl.Series("reason", [row[3] for row in refused], dtype=pl.String)
    )
    if windows is None:
        windows = [Window(series, None) for series in dict.fromkeys(row[0] for row in (*rows, *refused))]
    everything = pl.concat([accepted, rejected.drop("reason")])
    batch = series_batch(SOURCE, everything, windows, payloads, problems, fetched_at)
    gated = series_gated(SOURCE, accepted, rejected, checks, held_back)
    return land(con, batch, gated, CATALOG, f"run {fetched_at:%d %H:%M}", fetched_at)


def rows_of(con: duckdb.DuckDBPyConnection, series: str = OAS) -> list[tuple]:
    return con.execute(
        "select period_date, value, known_at, known_basis from fred.observations where series_id = ? "
        "order by period_date, known_at",
        [series],
    ).fetchall()


def counts(result: LandingResult) -> tuple[int, int, int]:
    return result.rows_new, result.rows_changed, result.rows_withdrawn


# ---- a period new to us ---------------------------------------------------------------------------------------------


def test_a_new_period_is_known_at_its_release_however_late_we_come(con):
    result = answer(con, utc(20, 12), (OAS, MON, 3.1), (OAS, TUE, 3.2))
    assert counts(result) == (2, 0, 0)
    assert rows_of(con) == [
        (MON, 3.1, datetime(2026, 3, 3, 15, 30), "release_rule"),
        (TUE, 3.2, datetime(2026, 3, 4, 15, 30), "release_rule"),
    ]


def test_an_outage_of_ours_moves_nothing(con):
    answer(con, utc(3, 16), (OAS, MON, 3.1))
    # no run on Wednesday; on Friday both missing periods come
    answer(con, utc(6, 16), (OAS, MON, 3.1), (OAS, TUE, 3.2), (OAS, WED, 3.3))
    assert [row[2:] for row in rows_of(con)[1:]] == [
        (release_of(OAS, TUE), "release_rule"),
        (release_of(OAS, WED), "release_rule"),
    ]


def test_a_period_that_an_earlier_answer_lacked_was_late(con):
    answer(con, utc(3, 16), (OAS, MON, 3.1))
    answer(con, utc(4, 16), (OAS, MON, 3.1))  # Tuesday's value was due at 15:30
    answer(con, utc(5, 9), (OAS, MON, 3.1), (OAS, TUE, 3.2))
    assert rows_of(con)[1] == (TUE, 3.2, datetime(2026, 3, 5, 9), "captured")


def test_an_answer_before_the_release_does_not_make_a_period_late(con):
    answer(con, utc(4, 15, 29), (OAS, MON, 3.1))
    answer(con, utc(5, 9), (OAS, MON, 3.1), (OAS, TUE, 3.2))
    assert rows_of(con)[1] == (TUE, 3.2, release_of(OAS, TUE), "release_rule")


@pytest.mark.parametrize(
    ("window", "basis"),
    [
        (Window(OAS, WED), "release_rule"),  # not asked: the window starts behind it
        (Window(OAS, MON, MON), "release_rule"),  # not asked: the page ends before it
        (Window(OAS, TUE, TUE), "captured"),
        (Window(OAS, MON), "captured"),
    ],
)
def test_only_an_answer_that_was_asked_for_the_period_can_lack_it(con, window, basis):
    answer(con, utc(9, 16), windows=[window])
    answer(con, utc(10, 16), (OAS, TUE, 3.2), windows=[Window(OAS, TUE)])
    assert [row[3] for row in rows_of(con)] == [basis]


def test_a_fetch_that_failed_lacks_nothing(con):
    answer(con, utc(3, 16), (OAS, MON, 3.1))
    answer(con, utc(4, 16), windows=[], problems=[SourceUnavailable("fred", "BAMLH0A0HYM2", "no answer")])
    answer(con, utc(5, 9), (OAS, MON, 3.1), (OAS, TUE, 3.2))
    assert rows_of(con)[1][3] == "release_rule"


def test_a_batch_held_back_lands_nothing_and_counts_as_no_answer(con):
    answer(con, utc(3, 16), (OAS, MON, 3.1))
    result = answer(con, utc(4, 16), (OAS, MON, 9.9), (OAS, TUE, 3.2), held_back="units changed")
    assert (result.state, counts(result)) == ("held", (0, 0, 0))
    assert len(rows_of(con)) == 1
    answer(con, utc(5, 9), (OAS, MON, 3.1), (OAS, TUE, 3.2))
    assert rows_of(con)[1][3] == "release_rule"
    states = con.execute("select state, error from ops.source_runs order by recorded_at").fetchall()
    assert states == [("ok", None), ("held", "units changed"), ("ok", None)]


def test_a_value_seen_before_its_release_is_captured_when_seen(con):
    answer(con, utc(4, 14), (OAS, TUE, 3.2))
    assert rows_of(con) == [(TUE, 3.2, datetime(2026, 3, 4, 14), "captured")]


def test_a_gap_that_the_source_shows_lands_as_null_and_its_value_is_a_change(con):
    answer(con, utc(4, 16), (OAS, TUE, None))
    assert rows_of(con) == [(TUE, None, release_of(OAS, TUE), "release_rule")]
    assert counts(answer(con, utc(5, 16), (OAS, TUE, 3.2))) == (0, 1, 0)
    assert rows_of(con)[1] == (TUE, 3.2, datetime(2026, 3, 5, 16), "captured")


# ---- changes --------------------------------------------------------------------------------------------------------


def test_a_revision_and_a_revision_back_are_two_vintages(con):
    answer(con, utc(4, 16), (OAS, TUE, 3.2))
    assert counts(answer(con, utc(5, 16), (OAS, TUE, 3.25))) == (0, 1, 0)
    assert counts(answer(con, utc(6, 16), (OAS, TUE, 3.2))) == (0, 1, 0)
    assert [row[1:] for row in rows_of(con)] == [
        (3.2, release_of(OAS, TUE), "release_rule"),
        (3.25, datetime(2026, 3, 5, 16), "captured"),
        (3.2, datetime(2026, 3, 6, 16), "captured"),
    ]


def test_the_smallest_difference_is_a_change(con):
    answer(con, utc(4, 16), (OAS, TUE, 0.1 + 0.2))
    assert counts(answer(con, utc(5, 16), (OAS, TUE, 0.3))) == (0, 1, 0)


def test_a_change_under_a_clock_that_stands_still_comes_after_what_it_changes(con):
    answer(con, utc(4, 14), (OAS, TUE, 3.2))
    answer(con, utc(4, 14), (OAS, TUE, 3.3))
    assert [row[1:3] for row in rows_of(con)] == [
        (3.2, datetime(2026, 3, 4, 14)),
        (3.3, datetime(2026, 3, 4, 14, 0, 0, 1)),
    ]


# ---- withdrawn ------------------------------------------------------------------------------------------------------


def test_a_value_gone_from_inside_the_answer_is_withdrawn_and_may_come_back(con):
    answer(con, utc(6, 16), (OAS, MON, 3.1), (OAS, TUE, 3.2), (OAS, WED, 3.3))
    assert counts(answer(con, utc(9, 16), (OAS, MON, 3.1), (OAS, WED, 3.3))) == (0, 0, 1)
    assert rows_of(con)[2] == (TUE, None, datetime(2026, 3, 9, 16), "captured")
    assert counts(answer(con, utc(10, 16), (OAS, MON, 3.1), (OAS, WED, 3.3))) == (0, 0, 0)
    assert counts(answer(con, utc(11, 16), (OAS, MON, 3.1), (OAS, TUE, 3.2), (OAS, WED, 3.3))) == (0, 1, 0)
    assert rows_of(con)[3] == (TUE, 3.2, datetime(2026, 3, 11, 16), "captured")


def test_nothing_is_withdrawn_before_the_first_or_after_the_last_period_of_the_answer(con):
    answer(con, utc(9, 16), *((OAS, day, 3.0) for day in (MON, TUE, WED, THU, FRI)))
    assert counts(answer(con, utc(10, 16), (OAS, TUE, 3.0), (OAS, WED, 3.0))) == (0, 0, 0)


def test_nothing_is_withdrawn_that_was_not_asked_for(con):
    answer(con, utc(9, 16), *((OAS, day, 3.0) for day in (MON, TUE, WED, THU, FRI)))
    pages = [Window(OAS, MON, MON), Window(OAS, FRI, FRI)]
    assert counts(answer(con, utc(10, 16), (OAS, MON, 3.0), (OAS, FRI, 3.0), windows=pages)) == (0, 0, 0)
    lost_part: list[Window] = []
    assert counts(answer(con, utc(11, 16), (OAS, MON, 3.0), (OAS, FRI, 3.0), windows=lost_part)) == (0, 0, 0)


def test_a_series_that_was_not_answered_keeps_everything(con):
    answer(con, utc(9, 16), (OAS, MON, 3.1), (OAS, TUE, 3.1), ("ig_oas", MON, 1.0), ("ig_oas", TUE, 1.0))
    assert counts(answer(con, utc(10, 16), (OAS, MON, 3.1), (OAS, TUE, 3.1))) == (0, 0, 0)
    assert counts(answer(con, utc(11, 16), windows=[Window(OAS, None)])) == (0, 0, 0)


def test_a_refused_cell_is_not_withdrawn_and_is_recorded_once(con):
    answer(con, utc(6, 16), (OAS, MON, 3.1), (OAS, TUE, 3.2), (OAS, WED, 3.3))
    bad = (OAS, TUE, 320.0, "outside 0..40")
    first = answer(con, utc(9, 16), (OAS, MON, 3.1), (OAS, WED, 3.3), refused=[bad])
    again = answer(con, utc(10, 16), (OAS, MON, 3.1), (OAS, WED, 3.3), refused=[bad])
    other = answer(con, utc(11, 16), (OAS, MON, 3.1), (OAS, WED, 3.3), refused=[(OAS, TUE, 330.0, "outside 0..40")])
    assert [counts(result) for result in (first, again, other)] == [(0, 0, 0)] * 3
    assert [result.rows_quarantined for result in (first, again, other)] == [1, 0, 1]
    assert con.execute("select (row_json->>'value')::double from quarantine.refused_rows order by 1").fetchall() == [
        (320.0,),
        (330.0,),
    ]


def test_a_value_that_the_gate_refused_at_first_was_not_late(con):
    answer(con, utc(4, 16), refused=[(OAS, TUE, 41.0, "outside 0..40")])
    answer(con, utc(9, 16), (OAS, TUE, 41.0))
    assert rows_of(con) == [(TUE, 41.0, release_of(OAS, TUE), "release_rule")]


def test_a_value_corrected_after_it_was_refused_is_captured(con):
    answer(con, utc(4, 16), refused=[(OAS, TUE, 320.0, "outside 0..40")])
    answer(con, utc(5, 16), (OAS, TUE, 3.2))
    assert rows_of(con) == [(TUE, 3.2, datetime(2026, 3, 5, 16), "captured")]


# ---- shrinkage ------------------------------------------------------------------------------------------------------


def test_a_shortened_history_is_recorded_and_nothing_is_lost(con):
    days = [date(2026, 1, 5) + timedelta(days=number) for number in range(90)]
    moment = utc(6, 16, month=4)
    answer(con, moment, *((OAS, day, 3.0) for day in days))
    assert answer(con, moment + timedelta(days=1), *((OAS, day, 3.0) for day in days)).shrinkages == ()

    result = answer(con, moment + timedelta(days=2), *((OAS, day, 3.0) for day in days[20:]))
    assert result.shrinkages == (Shrinkage(OAS, days[0], days[20]),)
    assert counts(result) == (0, 0, 0)
    rolled = answer(con, moment + timedelta(days=3), *((OAS, day, 3.0) for day in days[21:]))
    assert rolled.shrinkages == ()
    rolled_far = answer(con, moment + timedelta(days=4), *((OAS, day, 3.0) for day in days[66:]))
    assert rolled_far.shrinkages == (Shrinkage(OAS, days[0], days[66]),)
    back = answer(con, moment + timedelta(days=5), *((OAS, day, 3.0) for day in days))
    assert back.shrinkages == ()
    served = con.execute("select served_from from ops.shrinkages order by seen_at").fetchall()
    assert served == [(days[20],), (days[66],), (days[0],)]
    assert len(rows_of(con)) == len(days)


def test_a_window_that_starts_later_is_no_shrinkage(con):
    answer(con, utc(9, 16), (OAS, MON, 3.0), (OAS, TUE, 3.0), (OAS, WED, 3.0))
    assert answer(con, utc(10, 16), (OAS, WED, 3.0), windows=[Window(OAS, WED)]).shrinkages == ()
    assert answer(con, utc(11, 16), (OAS, WED, 3.0), windows=[Window(OAS, MON)]).shrinkages != ()


# ---- vintages -------------------------------------------------------------------------------------------------------


def stated(day: int, hour: int = 13) -> datetime:
    return datetime(2026, 3, day, hour)


def test_vintages_land_in_any_order_and_repeats_of_a_value_are_none(con):
    result = answer(
        con,
        utc(20),
        (NFCI, date(2026, 2, 27), -0.4, stated(18)),
        (NFCI, date(2026, 2, 27), -0.5, stated(4)),
        (NFCI, date(2026, 2, 27), -0.5, stated(11)),
    )
    assert counts(result) == (1, 1, 0)
    assert [row[1:] for row in rows_of(con, NFCI)] == [(-0.5, stated(4), "vintage"), (-0.4, stated(18), "vintage")]
    # a later answer brings the one in between, which differs from the one before it
    answer(con, utc(21), (NFCI, date(2026, 2, 27), -0.45, stated(11)))
    assert [row[1] for row in rows_of(con, NFCI)] == [-0.5, -0.45, -0.4]


def test_vintages_fill_in_behind_history_that_was_loaded_without_them(con):
    answer(con, utc(20), (NFCI, date(2026, 2, 27), -0.4))
    answer(
        con,
        utc(21),
        (NFCI, date(2026, 2, 27), -0.5, stated(4)),
        (NFCI, date(2026, 2, 27), -0.4, stated(18)),
    )
    assert [row[1:] for row in rows_of(con, NFCI)] == [
        (-0.5, stated(4), "vintage"),
        (-0.4, release_of(NFCI, date(2026, 2, 27)), "latest_only"),
        (-0.4, stated(18), "vintage"),
    ]


def test_a_dated_value_withdrawn_and_shown_again_comes_back(con):
    days = [date(2026, 2, 20), date(2026, 2, 27), date(2026, 3, 6)]
    rows = [(NFCI, day, -0.5, stated(12)) for day in days]
    answer(con, utc(20), *rows)
    assert counts(answer(con, utc(21), rows[0], rows[2])) == (0, 0, 1)
    assert counts(answer(con, utc(22), *rows)) == (0, 1, 0)
    assert rows_of(con, NFCI)[-2] == (days[1], -0.5, datetime(2026, 3, 22), "captured")
    assert counts(answer(con, utc(23), *rows)) == (0, 0, 0)


def test_a_value_changed_under_the_same_stated_moment_is_captured(con):
    answer(con, utc(20), (NFCI, date(2026, 2, 27), -0.5, stated(4)))
    assert counts(answer(con, utc(21), (NFCI, date(2026, 2, 27), -0.4, stated(4)))) == (0, 1, 0)
    assert rows_of(con, NFCI)[1][1:] == (-0.4, datetime(2026, 3, 21), "captured")


def test_older_vintages_alone_do_not_undo_newer_ones(con):
    answer(con, utc(20), (NFCI, date(2026, 2, 27), -0.4, stated(18)))
    answer(con, utc(21), (NFCI, date(2026, 2, 27), -0.5, stated(4)))
    assert [row[1:] for row in rows_of(con, NFCI)] == [(-0.5, stated(4), "vintage"), (-0.4, stated(18), "vintage")]


# ---- revised series without vintages --------------------------------------------------------------------------------


def test_history_of_a_revised_series_is_latest_only(con):
    answer(con, utc(20), (NFCI, date(2026, 3, 6), -0.5), (NFCI, date(2026, 3, 13), -0.5))
    assert [row[3] for row in rows_of(con, NFCI)] == ["latest_only", "latest_only"]
    assert rows_of(con, NFCI)[0][2] == release_of(NFCI, date(2026, 3, 6))


def test_a_revised_series_fetched_in_time_is_no_longer_latest_only(con):
    answer(con, utc(20), (NFCI, date(2026, 3, 13), -0.5))
    answer(con, utc(26), (NFCI, date(2026, 3, 13), -0.5), (NFCI, date(2026, 3, 20), -0.5))  # released on the 25th
    late = utc(17, month=4)  # the 27th was released on April 1st
    answer(con, late, *((NFCI, date(2026, 3, day), -0.5) for day in (13, 20, 27)))
    assert [row[3] for row in rows_of(con, NFCI)] == ["latest_only", "release_rule", "latest_only"]


# ---- what is recorded -----------------------------------------------------------------------------------------------


def payload(name: str, body: bytes, fetched_at: datetime) -> Payload:
    sha = hashlib.sha256(body).hexdigest()
    return Payload(SOURCE, name, f"https://example.org/{name}", body, sha, fetched_at)


def test_payloads_checks_and_broken_answers_are_recorded_with_the_rows(con):
    kept = payload("BAMLH0A0HYM2", b"a", utc(9, 16))
    broken = payload("NFCI", b"<html>", utc(9, 16))
    check = CheckResult("fred.observations", "values in range", "error", True, 0, "2 rows")
    for _ in range(2):
        result = answer(
            con,
            utc(9, 16),
            (OAS, TUE, 3.2),
            payloads=[kept, broken],
            problems=[SourceChanged("fred", "NFCI", expected="CSV", seen="HTML")],
            checks=[check],
        )
    assert result.state == "partial"
    assert con.execute("select name, bytes_count, status from ops.payloads order by name").fetchall() == [
        ("BAMLH0A0HYM2", 1, 200),
        ("NFCI", 6, 200),
    ]
    assert (
        con.execute("select payload, payload_sha256, seen from quarantine.payloads").fetchall()
        == [("NFCI", broken.sha256, "HTML")] * 2
    )
    assert (
        con.execute(
            "select check_name, is_passed, failed_count from ops.checks where check_name = 'values in range'"
        ).fetchall()
        == [("values in range", True, 0)] * 2
    )
    assert con.execute("select error from ops.source_runs limit 1").fetchone() == (
        "fred: NFCI: expected CSV, got HTML",
    )


def test_states_of_a_source(con):
    down = SourceUnavailable("fred", "BAMLH0A0HYM2", "no answer")
    assert answer(con, utc(9), windows=[]).state == "skipped"
    assert answer(con, utc(10), windows=[], payloads=[payload("NFCI", b"", utc(10))]).state == "ok"
    assert answer(con, utc(11), windows=[], problems=[down]).state == "failed"
    assert answer(con, utc(12), (OAS, TUE, 3.2), windows=[], problems=[down]).state == "partial"


def test_a_landing_that_breaks_leaves_nothing_behind(con, monkeypatch):
    answer(con, utc(5, 16), (OAS, TUE, 3.2))
    tables = ("fred.observations", "ops.answers", "ops.source_runs", "quarantine.refused_rows")
    before = [con.execute(f"from {table}").fetchall() for table in tables]

    def broken(*_: object, **__: object) -> None:
        raise duckdb.IOException("No space left on device")

    monkeypatch.setattr("warehouse.landing.record_source_run", broken)
    with pytest.raises(duckdb.IOException):
        answer(con, utc(6, 16), (OAS, TUE, 3.3), refused=[(OAS, WED, 99.0, "range")])
    assert [con.execute(f"from {table}").fetchall() for table in tables] == before
    monkeypatch.undo()
    assert counts(answer(con, utc(6, 16), (OAS, TUE, 3.3))) == (0, 1, 0)


def test_what_is_held(con):
    answer(con, utc(9, 16), (OAS, MON, 3.1), (OAS, TUE, 3.2), (OAS, WED, 3.3), ("ig_oas", MON, None))
    answer(con, utc(10, 16), (OAS, MON, 3.1), (OAS, TUE, None), (OAS, WED, None))
    assert held(con, SOURCE).rows() == [(OAS, 1, MON, MON)]
    assert held_periods(con, SOURCE, [OAS, "ig_oas", NFCI]) == {
        OAS: frozenset({MON, TUE, WED}),
        "ig_oas": frozenset({MON}),
        NFCI: frozenset(),
    }


# ---- properties -----------------------------------------------------------------------------------------------------

DAYS = st.integers(0, 9).map(lambda number: MON + timedelta(days=number))
VALUES = st.one_of(st.none(), st.sampled_from([3.0, 3.1, 3.2]))
STATED = st.one_of(st.none(), st.integers(4, 19).map(stated))
ROWS = st.lists(st.tuples(st.sampled_from([OAS, NFCI]), DAYS, VALUES, STATED), max_size=14)


def landed(con: duckdb.DuckDBPyConnection) -> list[tuple]:
    return con.execute(
        "select * exclude (loaded_at, run_id, payload_sha256) from fred.observations order by all"
    ).fetchall()


STRAIGHT, SHUFFLED = "straight", "shuffled"


@cache
def warehouse(_name: str) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    migrate(con)
    return con


def emptied(name: str) -> duckdb.DuckDBPyConnection:
    """Making the schema takes longer than an example: it is made once."""
    con = warehouse(name)
    for table in ("fred.observations", "ops.answers", "ops.source_runs", "ops.shrinkages", "quarantine.refused_rows"):
        con.execute(f"delete from {table}")
    return con


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(batches=st.lists(ROWS, min_size=1, max_size=3), data=st.data())
def test_landing_only_adds_and_the_same_answer_twice_adds_nothing(batches, data):
    straight, shuffled = emptied(STRAIGHT), emptied(SHUFFLED)
    for number, rows in enumerate(batches):
        moment = utc(20 + number, 16)
        # doubles of one moment are for the gate: keep the first
        rows = list({(row[0], row[1], row[3]): row for row in rows}.values())
        before = landed(straight)
        answer(straight, moment, *rows)
        after = landed(straight)
        assert set(before) <= set(after)
        newest = straight.execute(
            "select count(*) from (select 1 from fred.observations group by series_id, period_date, known_at "
            "having count(*) > 1)"
        ).fetchone()
        assert newest == (0,)

        repeat = answer(straight, moment + timedelta(hours=1), *rows)
        assert counts(repeat) == (0, 0, 0)
        assert landed(straight) == after

        answer(shuffled, moment, *data.draw(st.permutations(rows)))
    assert landed(shuffled) == landed(straight)
