"""The only module that writes raw tables: a batch is compared with what is held, and what is new is inserted.

Nothing is ever updated or deleted. A key whose values changed is a new vintage; one that was withdrawn (absence.py says
when) is a vintage whose values are all NULL. Since when each was known says vintages.py, which changes wait for a
person declared.py and accepted.py. Series are a table like the others: their groups are the series.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import duckdb
import polars as pl

from ingest.batch import Batch, CheckResult, GateResult
from ingest.catalog import Catalog
from ingest.clock import naive_utc
from ingest.dataset import Dataset, dataset
from warehouse import absence, declared, vintages
from warehouse.accepted import Held, honoured, only, record_accepted, record_held
from warehouse.answer import Answer
from warehouse.fetched import Stamp, record_answers, record_gaps, record_refused, record_shrinkages
from warehouse.keyed import Keyed
from warehouse.lake.wide_prices import move_out, rows_go_to
from warehouse.records import (
    LandingResult,
    Shrinkage,
    record_broken,
    record_payloads,
    record_source_run,
    sentence_of,
    shown,
    state_of,
)
from warehouse.runs import record_checks
from warehouse.snapshot_store import Root, store_at
from warehouse.snapshots import land_snapshots
from warehouse.sql import insert_rows, transaction
from warehouse.unsound import refused_groups, refused_sentence

__all__ = ["LandingResult", "Shrinkage", "land", "land_accepted", "landing_checks"]


def land(
    con: duckdb.DuckDBPyConnection,
    batch: Batch,
    gated: GateResult,
    catalog: Catalog,
    run_id: str,
    now: datetime,
    *,
    snapshots: Root | None = None,
) -> LandingResult:
    """Land what the gate accepted of one connector, in one transaction; all of it or nothing.

    `snapshots` is where the home's snapshot files are; a batch without such tables needs none. `now` is aware. The
    records of the run (ops.*, quarantine.*) are written in the same transaction. When the gate held the batch back only
    those are: nothing lands, and the answer does not count as one.
    """
    received = sum(rows.height for frames in (gated.accepted, gated.refused) for rows in frames.values())
    with transaction(con):
        gated, daily = land_snapshots(con, snapshots, gated, run_id=run_id, now=naive_utc(now))
        landing = _Landing(con, batch, gated, catalog, Stamp(batch.name, run_id, naive_utc(now)))
        result = daily.added_to(landing.run(now))
        record_source_run(con, batch.name, result, received=received, run_id=run_id, now=naive_utc(now))
        _move_out(con, snapshots, batch, run_id, now)
    return result


def land_accepted(
    con: duckdb.DuckDBPyConnection,
    batch: Batch,
    gated: GateResult,
    catalog: Catalog,
    held: Sequence[Held],
    *,
    reason: str,
    accepted_by: str,
    run_id: str,
    now: datetime,
    snapshots: Root | None = None,
) -> LandingResult:
    """Record that a person accepted `held`, all of this batch, and land what it says of their groups. `now` is aware.

    How the source fared stays what its run said.
    """
    with transaction(con):
        record_accepted(con, held, reason=reason, accepted_by=accepted_by, now=naive_utc(now))
        batch, gated = only(batch, gated, {one.group for one in held})
        result = _Landing(con, batch, gated, catalog, Stamp(batch.name, run_id, naive_utc(now))).run(now)
        _move_out(con, snapshots, batch, run_id, now)
    return result


def landing_checks(table: Dataset) -> dict[str, str]:
    """Return the checks that landing makes of a table, and what each says when it passes."""
    checks = {**absence.CHECKS, **declared.CHECKS}
    if not table.must_reach_newest:
        del checks[absence.BEHIND_CHECK]
    return checks


def _move_out(con: duckdb.DuckDBPyConnection, snapshots: Root | None, batch: Batch, run_id: str, now: datetime) -> None:
    """Move prices beyond the core universe into files of the lake: the last thing that the transaction does."""
    store = None if snapshots is None else store_at(snapshots)
    move_out(con, store, batch.tables, run_id=run_id, now=naive_utc(now))


@dataclass(frozen=True, slots=True)
class _Landed:
    """Vintages landed in one table by kind, and what was recorded beside them."""

    new: int
    changed: int
    withdrawn: int
    shrinkages: tuple[Shrinkage, ...]


class _Landing:
    """One batch on its way in, table by table: those that show how far an answer reaches come before those beside."""

    def __init__(
        self, con: duckdb.DuckDBPyConnection, batch: Batch, gated: GateResult, catalog: Catalog, stamp: Stamp
    ) -> None:
        self.con = con
        self.batch = batch
        self.gated, self.let_in = honoured(con, batch, gated)
        self.catalog = catalog
        self.stamp = stamp
        self.held: dict[str, list[absence.HeldGroup]] = {}  # by table: groups of which nothing lands
        self.sentences: list[str | None] = []
        self.checks: list[CheckResult] = []
        self.landed: list[_Landed] = []
        self.quarantined = 0
        self.newest_period: date | None = None

    def run(self, moment: datetime) -> LandingResult:
        """Record and land everything; the caller's transaction makes it whole."""
        source, run_id, now = self.stamp.source, self.stamp.run_id, self.stamp.now
        record_payloads(self.con, self.batch.payloads, source)
        tables = [dataset(name) for name in dict.fromkeys((*self.gated.accepted, *self.gated.refused))]
        for table in tables:
            if self.gated.held_back is None:
                self._land(table, is_main=table is tables[0])
            elif table.id in self.gated.refused:
                refused = self.gated.refused[table.id]
                self.quarantined += record_refused(self.con, Keyed(table), refused, self.stamp)
        if self.gated.held_back is None:
            self.sentences += [self._unsound(table) for table in tables]
        record_broken(self.con, source, self.batch.payloads, self.batch.problems, run_id=run_id, now=now)
        self._record_problems()
        record_checks(self.con, run_id, [*self.gated.checks, *self.checks], moment)
        return self._result()

    # -- one table -------------------------------------------------------------------------------------------

    def _land(self, table: Dataset, *, is_main: bool) -> None:
        answer = Answer(self.con, self.batch, self.gated, table)
        with answer.laid_out():
            vintages.compare(answer)
            absence.take_gone(self.con, answer.keyed)
            self._hold_back(answer)
            self.quarantined += record_refused(self.con, answer.keyed, answer.refused, self.stamp)
            vintages.place(answer, self.catalog, self.stamp.source)
            self._insert(table)
            record_answers(answer, self.stamp)
            record_gaps(answer, self.stamp)
            kinds = dict(self.con.execute("select kind, count(*) from landing_vintages group by kind").fetchall())
            shrinkages = record_shrinkages(answer, self.stamp)
        landed = _Landed(kinds.get("new", 0), kinds.get("changed", 0), kinds.get("withdrawn", 0), shrinkages)
        self.landed.append(landed)
        # What may not land of this table is doubted of those beside it too.
        self.gated = replace(
            self.gated,
            accepted={**self.gated.accepted, table.id: answer.accepted},
            refused={**self.gated.refused, table.id: answer.refused},
        )
        if is_main:
            has_value = pl.any_horizontal(pl.col(name).is_not_null() for name in table.value_names)
            newest = answer.accepted.filter(has_value)[table.period].max()
            self.newest_period = newest if isinstance(newest, date) else None

    def _hold_back(self, answer: Answer) -> None:
        """Take out what may not land: groups by the rule of absence.py, and changes by that of declared.py."""
        table, source = answer.table, self.stamp.source
        came = set(answer.accepted.select(table.group_expression.alias("group"))["group"])
        let_in = self.let_in.get(table.id, set())
        held = absence.held_groups_of(self.con, answer.keyed) if came else []
        beside = self.held.get(answer.beside().id, []) if not table.is_regular else []
        own = {one.group for one in held}
        held += [one for one in beside if one.group in came - own]  # it came beside a table whose groups are held
        held = [one for one in held if one.check == absence.BEHIND_CHECK or one.group not in let_in]
        answer.refuse({one.group: f"{one.check}: {one.told}" for one in held})
        self._leave_out(held)
        vintages.take_releases(answer, self.catalog)
        undeclared, changed = declared.undeclared(answer, self.catalog)
        out = let_in | {one.group for one in held}
        undeclared = [one for one in undeclared if one.group not in out]
        changed = changed.filter(pl.col("group_name").is_in([one.group for one in undeclared]))
        answer.refuse({one.group: f"{one.check}: {one.told}" for one in undeclared}, changed)
        record_held(answer, [*held, *undeclared], self.stamp)
        declared.forget(answer, changed)
        self._forget_gone(held)
        self.held[table.id] = held
        if came:
            self.checks += absence.check_results(table.id, [*held, *undeclared], names=[*landing_checks(table)])
        self.sentences += [
            absence.sentence(source, table.id, held),
            declared.sentence(source, table.id, undeclared),
        ]

    def _leave_out(self, held: Sequence[absence.HeldGroup]) -> None:
        """Take whole groups out of what is to land; one of which too much is gone does not even count as an answer."""
        rows = pl.DataFrame(
            [(one.group, one.check == absence.GONE_CHECK) for one in held],
            schema={"group_name": pl.String(), "is_no_answer": pl.Boolean()},
            orient="row",
        )
        with shown(self.con, "landing_left", rows):
            self.con.execute("create temp table landing_held as from landing_left")
        if held:
            self.con.execute(
                """
                delete from landing_differing where group_name in (select group_name from landing_held);
                delete from landing_windows where group_name in (select group_name from landing_held where is_no_answer)
                """
            )

    def _forget_gone(self, held: Sequence[absence.HeldGroup]) -> None:
        if held:
            self.con.execute("delete from landing_gone where group_name in (select group_name from landing_held)")

    def _insert(self, table: Dataset) -> None:
        self.con.execute(
            f"""
            insert into {rows_go_to(self.con, table)} by name
            select * exclude (kind), $provider as provider, $now as loaded_at, $run_id as run_id
            from landing_vintages order by {", ".join(table.key_names)}, known_at
            """,
            {"provider": table.source, "now": self.stamp.now, "run_id": self.stamp.run_id},
        )

    # -- the records of the run ------------------------------------------------------------------------------

    def _unsound(self, table: Dataset) -> str | None:
        """Return a sentence where the gate refused groups of a table whole, or for their dates.

        A group of what comes irregularly may be a row or two: of such a table only a whole answer says anything.
        """
        if not (table.is_regular or table.is_series or table.group is None):
            return None
        held = {one.group for one in self.held[table.id]}
        accepted, refused = self.gated.accepted[table.id], self.gated.refused[table.id]
        groups = refused_groups(accepted, refused, table.group_expression, table.period)
        found = {group: why for group, why in groups.items() if group not in held}
        return refused_sentence(self.stamp.source, table.id, found)

    def _record_problems(self) -> None:
        seen_at, source = naive_utc(self.batch.fetched_at), self.stamp.source
        for name, found in (("ops.panel_problems", self.batch.problems), ("ops.panel_lacks", self.batch.unknown)):
            rows = [(source, one.payload, str(one), seen_at, self.stamp.run_id) for one in found]
            insert_rows(self.con, name, rows)

    def _result(self) -> LandingResult:
        not_landed = "; ".join(filter(None, self.sentences)) or None
        if self.gated.held_back is not None:
            result = LandingResult("held", 0, 0, 0, self.quarantined, None, ())
        else:
            state = state_of(self.batch, has_rows=not self.batch.is_empty)
            result = LandingResult(
                "partial" if not_landed and state == "ok" else state,
                sum(one.new for one in self.landed),
                sum(one.changed for one in self.landed),
                sum(one.withdrawn for one in self.landed),
                self.quarantined,
                self.newest_period,
                tuple(shrinkage for one in self.landed for shrinkage in one.shrinkages),
            )
        error = sentence_of(self.gated.held_back, self.batch.problems, not_landed)
        return replace(result, checks=tuple(self.checks), error=error)
