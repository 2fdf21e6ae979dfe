"""The ledger: a row is added once and stays, whatever becomes known later; a day at a time gives the whole history."""

from __future__ import annotations

import os
import random
import signal
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from analytics.regimes import computing, ledger
from analytics.regimes.daily import REGIME_DAILY, regime_daily_sql
from analytics.regimes.evaluate import evaluate_day
from analytics.regimes.ledger import reconstruct, update_ledger
from ingest.second_process import SecondProcess
from tests.unit import regime_world as world
from warehouse.lived import KEPT_ON_REBUILD

FIRST, LAST = date(2020, 1, 6), date(2020, 3, 31)
ROW = [name for name, *_ in REGIME_DAILY.columns if name not in ("basis", "computed_at")]


def recent() -> pl.DataFrame:
    """The economy from half a year before FIRST on: enough for every window but those of years."""
    return world.vintages().filter(pl.col("period_date") >= date(2019, 6, 3))


def mornings(first: date = FIRST, last: date = LAST) -> list[datetime]:
    """A quarter past each cut-off (UTC)."""
    spine, _ = world.reference()
    return [
        spine.cutoffs[spine.dates.index(day)] + timedelta(minutes=15) for day in spine.dates if first <= day <= last
    ]


def rows(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    return con.execute(regime_daily_sql()).pl()


def lived(source: pl.DataFrame, until: list[datetime]) -> tuple[duckdb.DuckDBPyConnection, dict[date, tuple]]:
    """Land each vintage when it becomes known, run each morning, and keep what each morning's newest row said."""
    con, shown = world.world(source.clear()), {}
    before = datetime(1900, 1, 1)
    for moment in until:
        world.add(con, source.filter(pl.col("known_at").is_between(before, moment, closed="right")))
        before = moment
        update_ledger(con, now=moment, run_id=f"{moment}")
        row = rows(con).tail(1).select(ROW).row(0)
        shown[row[0]] = row
    return con, shown


@pytest.fixture(scope="module")
def revised() -> pl.DataFrame:
    """With late releases, revisions and withdrawals on top: every 40th vintage is changed a day or two later."""
    source = recent()
    chance = random.Random(4)
    chosen = source.filter(pl.Series([chance.random() < 0.025 for _ in range(source.height)]))
    changes = chosen.with_columns(
        value=pl.Series([None if chance.random() < 0.2 else v * (1 + chance.gauss(0, 0.02)) for v in chosen["value"]]),
        known_at=pl.col("known_at") + pl.Series([timedelta(hours=chance.randint(2, 60)) for _ in range(chosen.height)]),
    ).with_columns(loaded_at=pl.col("known_at"), known_basis=pl.lit("captured"))
    late = pl.Series([chance.random() < 0.02 for _ in range(source.height)])
    delayed = source.with_columns(
        known_at=pl.when(late).then(pl.col("known_at") + timedelta(hours=30)).otherwise("known_at")
    )
    return pl.concat([delayed, changes])


@pytest.fixture(scope="module")
def lived_through(revised):
    return lived(revised, mornings())


def test_a_day_at_a_time_gives_the_rows_of_the_whole_history(lived_through, revised):
    """Lived against rebuilt: every vintage at once, after the fact, gives what each morning published."""
    con, shown = lived_through
    final = rows(con)
    assert [final.filter(pl.col("session_date") == day).select(ROW).row(0) for day in shown] == list(shown.values())
    at_once = world.world(revised.filter(pl.col("known_at") <= mornings()[-1]))
    update_ledger(at_once, now=mornings()[-1], run_id="once")
    assert_frame_equal(final.select(ROW), rows(at_once).select(ROW))
    told = final.filter(pl.col("session_date") >= FIRST)["basis"]
    assert set(told) == {"lived"}
    assert set(rows(at_once)["basis"][:-1]) == {"reconstructed"}


@pytest.fixture
def second():
    found = SecondProcess()
    yield found
    found.close()


def _kept(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    return con.execute("select * from regime.days order by rowid").pl()


def test_the_second_process_computes_the_same_rows_in_the_same_order(revised, second, monkeypatch):
    known, moment = revised.filter(pl.col("known_at") <= mornings()[-1]), mornings()[-1]
    alone, together = world.world(known), world.world(known)
    expected = update_ledger(alone, now=moment, run_id="once")
    here: list[bool] = []

    def evaluated(*given: Any, keeps_inputs: bool) -> Any:
        here.append(keeps_inputs)
        return evaluate_day(*given, keeps_inputs=keeps_inputs)

    monkeypatch.setattr(ledger, "_WORTH_SENDING", 20)
    monkeypatch.setattr(computing, "evaluate_day", evaluated)
    assert update_ledger(together, now=moment, run_id="once", second=second) == expected
    assert set(here) == {True}  # none of those known at the close
    assert_frame_equal(_kept(together), _kept(alone))
    assert _kept(alone)["cutoff_name"].head(4).to_list() == ["at_close", "next_morning"] * 2


def test_rows_of_a_second_process_that_died_are_computed_here(revised, second, monkeypatch):
    known, moment = revised.filter(pl.col("known_at") <= mornings()[-1]), mornings()[-1]
    alone, together = world.world(known), world.world(known)
    update_ledger(alone, now=moment, run_id="once")
    monkeypatch.setattr(ledger, "_WORTH_SENDING", 20)
    os.kill(second.pid, signal.SIGKILL)
    update_ledger(together, now=moment, run_id="once", second=second)
    assert_frame_equal(_kept(together), _kept(alone))


def test_a_day_is_not_sent(revised):
    con, _ = lived(revised, mornings()[:2])
    world.add(con, revised.filter(pl.col("known_at").is_between(mornings()[1], mornings()[2], closed="right")))
    update_ledger(con, now=mornings()[2], run_id="third", second=object())  # type: ignore[arg-type]
    assert rows(con)["session_date"].max() == mornings()[1].date()


def test_the_ledger_ignored_the_raw_tables_say_the_same(lived_through):
    con, _ = lived_through
    for cutoff_name, column in (("next_morning", "cutoff_at"), ("at_close", "close_cutoff_at")):
        anew = reconstruct(con, mornings()[-1], cutoff_name=cutoff_name)
        kept = con.execute(
            f"select d.* from regime.days as d join calendar.sessions as s using (session_date)"
            f" where cutoff_name = '{cutoff_name}' and s.{column} <= ? order by session_date",
            [mornings()[-1]],
        ).pl()
        leave = ["inputs_json"] if cutoff_name == "at_close" else []
        assert_frame_equal(anew.drop(leave), kept.select(anew.drop(leave).columns))


@pytest.mark.parametrize("place", random.Random(7).sample(range(20, 58), 4))
def test_what_became_known_later_changes_no_row(lived_through, place):
    """Truncation: without all rows known after D's cut-off, every row up to D is the same."""
    con, _ = lived_through
    spine, _ = world.reference()
    day = mornings()[place].date()
    cutoff = spine.cutoffs[spine.position(day) - 1]
    cut = reconstruct(con, cutoff, known_by=cutoff)
    whole = reconstruct(con, mornings()[-1])
    assert cut.height > 100
    assert_frame_equal(cut, whole.head(cut.height))
    assert cut["cutoff_at"].max() == cutoff


def test_a_revision_changes_no_row_and_a_second_run_adds_none():
    con, _ = lived(recent(), mornings()[:3])
    before = rows(con)
    wrong = recent().filter((pl.col("series_id") == "vix_close") & (pl.col("period_date") < FIRST))
    moment = mornings()[2] + timedelta(hours=1)
    world.add(con, wrong.with_columns(value=pl.lit(80.0), known_at=pl.lit(moment), loaded_at=pl.lit(moment)))
    update = update_ledger(con, now=moment, run_id="again")
    assert (update.rows_lived, update.rows_reconstructed) == (0, 0)
    assert_frame_equal(rows(con), before)


def test_a_morning_without_a_run_is_reconstructed_and_the_fold_goes_on():
    whole, _ = lived(recent(), mornings()[:8])
    gap, _ = lived(recent(), [*mornings()[:3], *mornings()[6:8]])
    assert_frame_equal(rows(gap).select(ROW), rows(whole).select(ROW))
    spine, _ = world.reference()
    place = spine.dates.index(FIRST)
    told = dict(rows(gap).select("session_date", "basis").iter_rows())
    assert [told[spine.dates[place + n]] for n in range(8)] == [*["lived"] * 3, *["reconstructed"] * 3, *["lived"] * 2]


def test_the_close_of_today_has_its_row_in_the_evening():
    spine, _ = world.reference()
    place = spine.dates.index(FIRST)
    con = world.world(recent().filter(pl.col("known_at") <= spine.close_cutoffs[place]))
    update_ledger(con, now=spine.close_cutoffs[place] + timedelta(hours=2), run_id="evening")
    newest = dict(con.execute("select cutoff_name, max(session_date) from regime.days group by 1").fetchall())
    assert newest == {"at_close": FIRST, "next_morning": spine.dates[place - 1]}
    assert rows(con)["session_date"].max() == spine.dates[place - 1]


def test_another_model_version_has_rows_of_its_own(monkeypatch):
    con, _ = lived(recent(), mornings()[:2])
    before = con.execute("select * from regime.days order by all").fetchall()
    monkeypatch.setattr(ledger, "MODEL_VERSION", "next")
    for module in ("daily", "evaluate"):
        monkeypatch.setattr(f"analytics.regimes.{module}.MODEL_VERSION", "next")
    update = update_ledger(con, now=mornings()[1], run_id="new rules")
    assert update.rows_lived + update.rows_reconstructed == len(before)
    assert con.execute("select * from regime.days where model_version <> 'next' order by all").fetchall() == before
    assert set(con.execute(regime_daily_sql()).pl()["model_version"]) == {"next"}


def test_a_rebuild_keeps_the_lived_rows_and_computes_the_others():
    con, _ = lived(recent(), mornings()[:4])
    before = rows(con)
    kept = con.execute(f"select * from regime.days where {KEPT_ON_REBUILD}").pl()
    assert 4 <= kept.height <= 9
    con.execute("delete from regime.days")
    con.register("kept", kept)
    con.execute("insert into regime.days by name select * from kept")
    update_ledger(con, now=mornings()[3], run_id="rebuilt")
    assert_frame_equal(rows(con).drop("computed_at"), before.drop("computed_at"))


def test_nothing_known_means_no_row():
    con = world.world(recent().clear())
    update = update_ledger(con, now=mornings()[0], run_id="empty")
    assert (update.rows_lived, update.newest_session) == (0, None)
    assert rows(con).is_empty()


def test_every_column_of_the_ledger_is_described():
    con = world.world(recent().clear())
    comments = con.execute(
        "select count(*) from duckdb_columns() where schema_name = 'regime' and comment is null"
    ).fetchone()
    assert comments == (0,)
