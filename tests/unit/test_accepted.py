"""Changes beyond what is declared wait for a person; what a person lets in lands, and a rebuild gives it again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from ingest.batch import Batch, GateResult, Window
from ingest.catalog import Catalog, load_catalog
from ingest.catalog.models import Revisions
from ingest.home import Home
from tests.unit.databases import empty_build, opened_build
from tests.unit.series_batches import series_batch, series_gated
from tests.unit.test_landing import MON, OAS, SOURCE, counts, frame, utc
from tests.unit.test_panel_landing import rows_of
from warehouse.absence import GONE_CHECK
from warehouse.accepted import waiting
from warehouse.connection import connect
from warehouse.declared import REVISION_CHECK
from warehouse.landing import land, land_accepted
from warehouse.rebuild import rebuild

DAYS = [MON + timedelta(days=n) for n in range(60)]
SEEN = utc(20, 16, month=5)
"""Long after every release of DAYS."""


def declaring(revisions: Revisions) -> Catalog:
    """Return the catalog with the spread declared to change so often."""
    catalog = load_catalog()
    series = [one.model_copy(update={"revisions": revisions if one.id == OAS else "routine"}) for one in catalog.series]
    return catalog.model_copy(update={"series": tuple(series)})


def batch_of(values: dict[date, float | None], at: int) -> Batch:
    moment = SEEN + timedelta(days=at)
    rows = frame([(OAS, day, value) for day, value in values.items()], moment, f"answer {at}")
    return series_batch(SOURCE, rows, [Window(OAS, None)], (), (), moment)


def gate(_con: duckdb.DuckDBPyConnection, batch: Batch) -> GateResult:
    """Refuse values above 40 as a run off its level."""
    is_off = (pl.col("value") > 40).fill_null(value=False)
    refused = batch.rows.filter(is_off).with_columns(reason=pl.lit("level_holds: 1 values at 10 times the level"))
    return series_gated(SOURCE, batch.rows.filter(is_off.not_()), refused)


class Warehouse:
    """A home whose one series is answered for day after day."""

    def __init__(self, home: Home, revisions: Revisions) -> None:
        self.home, self.catalog, self.batches = home, declaring(revisions), list[Batch]()
        self.con = opened_build(home)

    def answer(self, values: dict[date, float | None]):
        batch = batch_of(values, len(self.batches))
        self.batches.append(batch)
        return land(self.con, batch, gate(self.con, batch), self.catalog, f"run {len(self.batches)}", batch.fetched_at)

    def accept(self):
        held = waiting(self.con)
        (moment,) = {one.batch_at for one in held}
        batch = next(one for one in self.batches if one.fetched_at.replace(tzinfo=None) == moment)
        return land_accepted(
            self.con,
            batch,
            gate(self.con, batch),
            self.catalog,
            held,
            reason="the publisher says so",
            accepted_by="ada",
            run_id="accept",
            now=SEEN + timedelta(days=30),
        )

    def values(self) -> dict[date, float | None]:
        return dict(self.con.execute("select period_date, value from fred.observations_latest").fetchall())

    def rows(self) -> list[tuple]:
        query = "select period_date, value, known_at, known_basis from fred.observations order by all"
        return self.con.execute(query).fetchall()

    def checks(self, name: str) -> list[bool]:
        query = (
            "select is_passed from ops.checks where check_name = ? and severity = 'error' order by checked_at, rowid"
        )
        return [passed for (passed,) in self.con.execute(query, [name]).fetchall()]

    def rebuilt(self) -> list[tuple]:
        """Return the rows after a rebuild out of the same answers."""
        self.con.close()
        rebuild(self.home, iter(self.batches), gate, self.catalog, run_id="rebuild", now=SEEN + timedelta(days=40))
        self.con = connect(self.home)
        return self.rows()


@pytest.fixture
def made(tmp_path: Path) -> Iterator[list[Warehouse]]:
    """Hold the warehouses that a test makes, and close them."""
    kept: list[Warehouse] = []
    yield kept
    for one in kept:
        one.con.close()


def warehouse(made: list[Warehouse], tmp_path: Path, revisions: Revisions) -> Warehouse:
    made.append(Warehouse(Home(tmp_path / f"home {len(made)}").ensure(), revisions))
    return made[-1]


HISTORY: dict[date, float | None] = {day: 3.0 + n / 100 for n, day in enumerate(DAYS)}
NEXT = DAYS[-1] + timedelta(days=1)


def changed(count: int) -> dict[date, float | None]:
    """Return the history with `count` values changed, and one more day."""
    return {day: (value or 0) + (0.5 if n < count else 0) for n, (day, value) in enumerate(HISTORY.items())} | {
        NEXT: 3.9
    }


@pytest.mark.parametrize(
    ("revisions", "count", "is_held"),
    [("never", 1, True), ("rare", 5, False), ("rare", 6, True), ("routine", 30, False)],
)
def test_changes_beyond_what_is_declared_wait_and_the_rest_lands(made, tmp_path, revisions, count, is_held):
    one = warehouse(made, tmp_path, revisions)
    one.answer(HISTORY)
    result = one.answer(changed(count))
    assert counts(result) == (1, 0 if is_held else count, 0)
    assert one.values()[DAYS[0]] == (3.0 if is_held else 3.5)
    assert one.values()[NEXT] == 3.9, "news land beside what waits"
    assert result.state == ("partial" if is_held else "ok")
    assert one.checks(REVISION_CHECK) == [True, not is_held]
    if is_held:
        assert "history changed more than it is declared to" in result.error
        assert one.con.execute("select count(*) from quarantine.refused_rows").fetchone() == (count,)
        (held,) = waiting(one.con)
        assert (held.source, held.table_id, held.group, held.changes_count) == (SOURCE, "fred.observations", OAS, count)
        assert (held.changes[0]["held"], held.changes[0]["came"]) == ({"value": 3.0}, {"value": 3.5})


def test_a_gap_that_is_filled_and_a_value_before_its_release_are_no_changes(made, tmp_path):
    one = warehouse(made, tmp_path, "never")
    one.answer({**HISTORY, DAYS[3]: None, date(2026, 5, 20): 1.0})  # the 20th is out on the 21st
    moment = SEEN + timedelta(hours=1)
    rows = frame([(OAS, day, value) for day, value in {**HISTORY, date(2026, 5, 20): 2.0}.items()], moment)
    batch = series_batch(SOURCE, rows, [Window(OAS, None)], (), (), moment)
    result = land(one.con, batch, gate(one.con, batch), one.catalog, "run", moment)
    assert (counts(result), result.state) == ((0, 2, 0), "ok")


def test_what_is_let_in_lands_once_and_a_rebuild_gives_it_again(made, tmp_path):
    one = warehouse(made, tmp_path, "never")
    one.answer(HISTORY)
    one.answer(changed(2))
    assert counts(one.accept()) == (0, 2, 0)
    assert one.values() == changed(2)
    assert waiting(one.con) == []
    assert one.con.execute("select reason, accepted_by from ops.accepted").fetchall() == [
        ("the publisher says so", "ada")
    ]
    assert counts(one.answer(changed(2))) == (0, 0, 0)
    assert counts(one.answer(changed(4))) == (0, 0, 0), "another change waits again"
    before = one.rows()
    assert one.rebuilt() == before
    assert len(waiting(one.con)) == 1


def test_a_mass_withdrawal_can_be_let_in(made, tmp_path):
    one = warehouse(made, tmp_path, "routine")
    one.answer(HISTORY)
    fewer = {day: value for day, value in HISTORY.items() if day not in DAYS[10:30]}
    assert counts(one.answer(fewer)) == (0, 0, 0)
    (held,) = waiting(one.con)
    assert (held.check, held.changes_count, held.changes[0]["came"]) == (GONE_CHECK, 20, None)
    result = one.accept()
    assert (counts(result), result.error) == ((0, 0, 20), None)
    assert one.checks(GONE_CHECK) == [True, False, True]
    before = one.rows()
    assert one.rebuilt() == before


def test_a_block_that_the_gate_refused_can_be_let_in(made, tmp_path):
    one = warehouse(made, tmp_path, "routine")
    one.answer(HISTORY)
    one.answer({**HISTORY, NEXT: 41.0})
    (held,) = waiting(one.con)
    assert (held.check, held.changes[0]["came"]) == ("level_holds", {"value": 41.0})
    assert counts(one.accept()) == (1, 0, 0)
    before = one.rows()
    assert one.rebuilt() == before


def test_what_a_later_answer_no_longer_says_waits_no_more(made, tmp_path):
    one = warehouse(made, tmp_path, "never")
    one.answer(HISTORY)
    one.answer(changed(2))
    one.answer({**HISTORY, NEXT: 3.9})
    assert waiting(one.con) == []


# ---- ties -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table_id", ["user_file.prices", "user_file.fund_days"])
def test_no_two_rows_of_one_key_share_a_moment_in_any_table(table_id):
    """A stated moment that is held already adds nothing; a value changed under it is known when it was seen."""
    con = empty_build()
    stated, catalog = datetime(2026, 3, 4, 13), load_catalog()

    def answer(at: int, *rows: tuple[float, datetime | None]) -> None:
        moment = datetime(2026, 6, 1, tzinfo=UTC) + timedelta(days=at)
        width = 5 if table_id.endswith("prices") else 3
        frames = [
            rows_of(table_id, moment, ("SPY", MON, *[value] * width)).with_columns(
                stated_at=pl.lit(said, dtype=pl.Datetime("us"))
            )
            for value, said in rows
        ]
        batch = Batch(
            "user_file", {table_id: pl.concat(frames)}, [Window("SPY", None, table_id=table_id)], (), (), moment
        )
        land(con, batch, GateResult(dict(batch.tables), {}, (), None), catalog, f"run {at}", moment)

    answer(0, (1.0, stated))
    answer(1, (2.0, stated))
    answer(2, (2.0, stated), (3.0, stated + timedelta(days=1)))
    answer(3, (4.0, None))
    value = "close_usd" if table_id.endswith("prices") else "nav_usd"
    rows = con.execute(f"select {value}, known_at, known_basis from {table_id} order by known_at").fetchall()
    assert [row[::2] for row in rows] == [
        (1.0, "vintage"),
        (3.0, "vintage"),
        (2.0, "captured"),
        (3.0, "captured"),  # what the provider shows when it dates it before what we saw last
        (4.0, "captured"),
    ]
    assert len({row[1] for row in rows}) == len(rows)
