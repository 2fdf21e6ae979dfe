"""The only module that writes raw panel tables: the rule of warehouse/landing.py for rows with keys and several values.

Nothing is ever updated or deleted. A key whose values changed is a new vintage; one that was withdrawn (absence.py says
when) is a vintage whose values are all NULL. One batch has one row per key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import duckdb
import polars as pl

from ingest.batch import Batch, CheckResult, GateResult
from ingest.catalog.calendars import working_days
from ingest.clock import naive_utc
from ingest.dataset import Dataset, dataset
from warehouse import absence
from warehouse.landing import REVISED_AFTER, ROLLED_BY
from warehouse.latest import newest
from warehouse.records import (
    LandingResult,
    Shrinkage,
    append,
    record_broken,
    record_payloads,
    record_source_run,
    sentence_of,
    shown,
    state_of,
)
from warehouse.runs import record_checks
from warehouse.snapshots import land_snapshots
from warehouse.unsound import refused_groups, refused_sentence

_RELATIONS = absence.Relations(
    newest="panel_newest",
    accepted="panel_incoming",
    shown="panel_present",
    covering="panel_covering",
    doubted="panel_doubted",
    windows="panel_windows",
)
_TEMPORARY = ("panel_newest", "panel_landed", "panel_fetched")


def land_panel(
    con: duckdb.DuckDBPyConnection,
    batch: Batch,
    gated: GateResult,
    run_id: str,
    now: datetime,
    *,
    snapshots: Path | None = None,
) -> LandingResult:
    """Land what the gate accepted of one desk, in one transaction; all of it or nothing. `now` is aware.

    `snapshots` is the folder of the home's snapshot files; a batch without snapshot tables needs none.

    When the gate held the batch back only the records of the run are written, and the answer counts as no fetch.
    """
    moment = naive_utc(now)
    landed: list[_Counts] = []
    con.begin()
    try:
        record_payloads(con, batch.payloads, batch.name)
        received = sum(frame.height for frames in (gated.accepted, gated.refused) for frame in frames.values())
        gated, daily = land_snapshots(con, snapshots, gated, run_id=run_id, now=moment)
        unsound = [] if gated.held_back else _unsound(batch, gated)
        gated, held, checks, gone = _without_held_groups(con, batch, gated, run_id, moment)
        held += unsound
        refused = [_Table(con, batch, gated, dataset(name), run_id, moment) for name in gated.refused]
        quarantined = sum(table.record_refused() for table in refused)
        record_broken(con, batch.name, batch.payloads, batch.problems, run_id=run_id, now=moment)
        _record_problems(con, batch, run_id)
        _record_lacks(con, batch, run_id)
        record_checks(con, run_id, [*gated.checks, *checks], now)
        if gated.held_back is None:
            for name in gated.accepted:
                table = _Table(con, batch, gated, dataset(name), run_id, moment, gone.get(name, frozenset()))
                landed.append(table.merge())
        result = daily.added_to(_result(batch, gated, landed, quarantined))
        result = replace(
            result,
            state="partial" if held and result.state == "ok" else result.state,
            checks=tuple(checks),
            error=sentence_of(gated.held_back, batch.problems, "; ".join(held) or None),
        )
        record_source_run(con, batch.name, result, received=received, run_id=run_id, now=moment)
        con.commit()
    except BaseException:
        con.rollback()
        raise
    return result


def held_groups(con: duckdb.DuckDBPyConnection, table_id: str) -> dict[str, date]:
    """Return the newest period held of each group (ticker, fund or "")."""
    table = dataset(table_id)
    return dict(
        con.execute(
            f"select {table.group_sql} as group_name, max({table.period}) from {table.id} group by all"
        ).fetchall()
    )


def landing_checks(table: Dataset) -> tuple[str, ...]:
    """Return the names of the checks that landing makes of a table."""
    ends = (absence.BEHIND_CHECK,) if table.is_regular or table.is_snapshot else ()
    return (absence.GONE_CHECK, *ends)


def _without_held_groups(
    con: duckdb.DuckDBPyConnection, batch: Batch, gated: GateResult, run_id: str, now: datetime
) -> tuple[GateResult, list[str], list[CheckResult], dict[str, frozenset[str]]]:
    """Return what may land, a sentence per table of which groups may not, the checks, and whose fetch does not count.

    The last by table: the groups of which too much would be gone at once.
    """
    if gated.held_back is not None:
        return gated, [], [], {}
    accepted, refused = dict(gated.accepted), dict(gated.refused)
    sentences: list[str] = []
    checks: list[CheckResult] = []
    found: dict[str, list[absence.HeldGroup]] = {}
    for name, rows in gated.accepted.items():
        if rows.is_empty():
            continue
        table = _Table(con, batch, gated, dataset(name), run_id, now)
        held = found[name] = table.held_groups()
        if not table.table.is_regular:  # it came beside a table whose groups may be held
            own = {group.group for group in held}
            came = set(rows.select(table.table.group_expression).to_series())
            held += [one for one in found.get(table.beside().id, []) if one.group in came - own]
        checks += absence.check_results(name, held, names=landing_checks(table.table))
        if held:
            accepted[name], gone = table.parted(held)
            refused[name] = pl.concat([refused[name], gone], how="diagonal") if name in refused else gone
            sentences.append(str(absence.sentence(batch.name, name, held)))
    not_counted = {
        name: frozenset(group.group for group in held if group.check == absence.GONE_CHECK)
        for name, held in found.items()
    }
    return replace(gated, accepted=accepted, refused=refused), sentences, checks, not_counted


def _unsound(batch: Batch, gated: GateResult) -> list[str]:
    """Return a sentence for each table of which the gate refused groups whole, or for their dates."""
    tables = (dataset(name) for name in gated.refused)
    said = (
        refused_sentence(
            batch.name,
            table.id,
            refused_groups(
                gated.accepted.get(table.id, pl.DataFrame()),
                gated.refused[table.id],
                table.group_expression,
                table.period,
            ),
        )
        for table in tables
        if table.is_regular
    )
    return [sentence for sentence in said if sentence]


@dataclass(frozen=True, slots=True)
class _Counts:
    """Vintages landed in one table."""

    new: int
    changed: int
    withdrawn: int
    shrinkages: tuple[Shrinkage, ...]


def _record_problems(con: duckdb.DuckDBPyConnection, batch: Batch, run_id: str) -> None:
    seen_at = naive_utc(batch.fetched_at)
    told = [(batch.name, problem.payload, str(problem), seen_at, run_id) for problem in batch.problems]
    columns = {"source": pl.String(), "payload": pl.String(), "message": pl.String(), "seen_at": pl.Datetime("us")}
    rows = pl.DataFrame(told, schema={**columns, "run_id": pl.String()}, orient="row")
    with shown(con, "panel_problems", rows):
        con.execute("insert into ops.panel_problems by name select * from panel_problems")


def _record_lacks(con: duckdb.DuckDBPyConnection, batch: Batch, run_id: str) -> None:
    seen_at = naive_utc(batch.fetched_at)
    append(con, "ops.panel_lacks", [(batch.name, lack.payload, str(lack), seen_at, run_id) for lack in batch.unknown])


def _result(batch: Batch, gated: GateResult, landed: Sequence[_Counts], quarantined: int) -> LandingResult:
    if gated.held_back is not None:
        return LandingResult("held", 0, 0, 0, quarantined, None, ())
    has_rows = any(not frame.is_empty() for frame in batch.tables.values())
    main = next(iter(gated.accepted.items()), None)
    newest = None if main is None else main[1][dataset(main[0]).period].max()
    assert newest is None or isinstance(newest, date)
    return LandingResult(
        state_of(batch, has_rows=has_rows),
        sum(counts.new for counts in landed),
        sum(counts.changed for counts in landed),
        sum(counts.withdrawn for counts in landed),
        quarantined,
        newest,
        tuple(shrinkage for counts in landed for shrinkage in counts.shrinkages),
    )


class _Table:
    """One table of a batch on its way in."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        batch: Batch,
        gated: GateResult,
        table: Dataset,
        run_id: str,
        now: datetime,
        not_counted: frozenset[str] = frozenset(),
    ) -> None:
        self.con = con
        self.not_counted = not_counted  # groups whose answer was held: it is no fetch
        self.batch = batch
        self.gated = gated
        self.table = table
        self.accepted = gated.accepted.get(table.id, pl.DataFrame())
        self.refused = gated.refused.get(table.id, pl.DataFrame())
        self.known = pl.DataFrame()  # what is held of the answer's groups, where some of them may not land
        self.told = {"source": batch.name, "table_id": table.id, "run_id": run_id, "now": now}
        self.group = table.group_sql
        self.keyed = absence.Keyed(
            table.id,
            self.group,
            table.period,
            [column.name for column in table.keys],
            [column.name for column in table.values],
        )
        self.keys = [column.name for column in table.keys]
        self.values = [column.name for column in table.values]

    def record_refused(self) -> int:
        """Append refusals not recorded before: the same row and reason is recorded once."""
        if self.refused.is_empty():
            return 0
        with shown(self.con, "panel_refused", self.refused):
            counted = self.con.execute(
                f"""
                insert into quarantine.panel_rows by name
                with told as (
                    select {self.group} as group_name, {self.table.period} as period_date,
                        {self._row_json("r")} as row_json, reason, payload_sha256, fetched_at
                    from panel_refused r
                )
                select distinct on (t.row_json, t.reason) $source as source, $table_id as table_id, t.*,
                    $now::timestamp as quarantined_at, $run_id as run_id
                from told t
                anti join quarantine.panel_rows q
                    on q.source = $source and q.table_id = $table_id and q.row_json = t.row_json
                    and q.reason = t.reason
                order by t.row_json, t.reason, t.fetched_at
                """,
                self.told,
            ).fetchone()
        return int(counted[0]) if counted else 0

    def merge(self) -> _Counts:
        """Compare with what is held and insert what is new; return how many vintages of each kind."""
        periods = self.accepted.select(pl.col(self.table.period).unique().sort().alias("period"))
        releases = periods.with_columns(self.table.own_release.released_at(periods["period"]).alias("release_at"))
        with (
            self._answer(),
            shown(self.con, "panel_releases", releases),
            shown(self.con, "panel_bodies", self._bodies()),
            self._temporary(),
        ):
            self._take_newest()
            self._fetch()
            self._compare()
            return self._insert()

    # -- what may not land -----------------------------------------------------------------------------------

    def held_groups(self) -> list[absence.HeldGroup]:
        """Return the groups whose answer may not land: see absence.py."""
        with self._answer():
            self._take_newest()
            held = absence.held_groups_of(
                self.con,
                self.keyed,
                _RELATIONS,
                is_regular=self.table.is_regular,
                is_snapshot=self.table.is_snapshot,
            )
            if held:
                self.known = self.con.execute(
                    f"select {self._listed([*self.keys, *self.values])} from panel_newest"
                ).pl()
            self.con.execute("drop table panel_newest")
        return held

    def parted(self, held: Sequence[absence.HeldGroup]) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the accepted rows without those of `held`, and what is new in those, with the reason."""
        reasons = {group.group: f"{group.check}: {group.told}" for group in held}
        group = pl.lit("") if self.group == "''" else pl.col(self.group)
        rows = self.accepted.with_columns(reason=group.replace_strict(reasons, default=None, return_dtype=pl.String))
        news = rows
        if self.known.width:
            news = rows.join(self.known, on=[*self.keys, *self.values], how="anti", nulls_equal=True)
        return rows.filter(pl.col("reason").is_null()).drop("reason"), news.filter(pl.col("reason").is_not_null())

    @contextmanager
    def _answer(self) -> Iterator[None]:
        """Show what landing and the rule of absence look at: what came, what was refused, what was asked for."""
        with (
            shown(self.con, "panel_incoming", self.accepted),
            shown(self.con, "panel_covering", self._groups_and_days(self.gated.accepted)),
            shown(self.con, "panel_doubted", self._groups_and_days(self.gated.refused).select("group_name").unique()),
            shown(self.con, "panel_present", self._present()),
            shown(self.con, "panel_windows", self._windows()),
        ):
            yield

    # -- the steps -------------------------------------------------------------------------------------------

    def _take_newest(self) -> None:
        """Keep the newest vintage of each key that this answer may say something about."""
        asked = f"""(
            from {self.table.id}
            where {self.table.period} >= (
                    select coalesce(min(p), date '0001-01-01') from (
                        select {self.table.period} as p from panel_present
                        union all select coalesce(window_start, date '0001-01-01') from panel_windows
                    )
                )
                and {self.group} in (
                    select {self.group} from panel_present union select group_name from panel_windows
                )
        )"""
        self.con.execute(
            f"""
            create temp table panel_newest as
            select {self._listed([*self.keys, *self.values])}, known_at {newest(asked, self.keys)}
            """
        )

    def _fetch(self) -> None:
        """Keep what was asked, with what came inside it; refused rows count as come: the source does show them."""
        self.con.execute(
            f"""
            create temp table panel_fetched as
            with came as (select {self.group} as group_name, {self.table.period} as period from panel_present)
            select w.group_name, coalesce(any_value(b.fetched_at), $fetched_at) as fetched_at, w.window_start,
                w.window_end, min(c.period) as first_period, max(c.period) as last_period,
                count(c.period) as rows_count
            from panel_windows w
            left join panel_bodies b using (group_name)
            left join came c on c.group_name = w.group_name
                and (w.window_start is null or c.period >= w.window_start)
                and (w.window_end is null or c.period <= w.window_end)
            group by w.group_name, w.window_start, w.window_end
            """,
            {"fetched_at": naive_utc(self.batch.fetched_at)},
        )

    def _compare(self) -> None:
        """Keep the vintages to land, with their `known_at`, `known_basis` and kind.

        An outage of ours moves nothing: only an answer that was there to be read, asked for the period after its
        release and lacked it, makes a row late. What the gate refused had been seen all the same.
        """
        self.con.execute(
            f"""
            create temp table panel_landed as
            with differing as (
                select i.*, r.release_at, n.known_at as held_known_at, n.known_at is not null as is_held
                from panel_incoming i
                join panel_releases r on r.period = i.{self.table.period}
                left join panel_newest n on {self._same("i", "n")}
                where n.known_at is null or {self._differs("i", "n")}
            ),
            seen as ({self._first_seen()}),
            lacking as (
                select {self._listed(self.keys, "s")}
                from seen s semi join ops.panel_fetches f
                    on f.source = $source and f.table_id = $table_id and f.group_name = {self._group("s")}
                    and f.fetched_at >= s.release_at and f.fetched_at < s.first_seen_at
                    and (f.window_start is null or f.window_start <= s.{self.table.period})
                    and (f.window_end is null or f.window_end >= s.{self.table.period})
                where not s.is_held
            ),
            loaded as ({self._loaded_groups()}),
            based as (
                select s.*, case
                    when s.stated_at is not null then 'vintage'
                    when s.is_held or s.first_seen_at < s.release_at or l.{self.keys[0]} is not null then 'captured'
                    when $is_revised
                        and (g.group_name is null or s.first_seen_at > s.release_at + $revised_after) then 'latest_only'
                    else 'release_rule'
                end as known_basis
                from seen s
                left join lacking l on {self._same("s", "l")}
                left join loaded g on g.group_name = {self._group("s")}
            )
            -- Never at or before the row that it replaces: two rows of one moment would have no newest.
            select {self._listed([*self.keys, *self.values])},
                case
                    when is_held
                        then greatest(coalesce(stated_at, fetched_at), held_known_at + interval 1 microsecond)
                    when known_basis = 'vintage' then stated_at
                    when known_basis = 'captured' then first_seen_at
                    else release_at
                end as known_at,
                known_basis, payload_sha256, if(is_held, 'changed', 'new') as kind
            from based
            union all by name
            {self._withdrawn()}
            """,
            {
                **{name: self.told[name] for name in ("source", "table_id")},
                "is_revised": self.table.is_history_revised,
                "revised_after": REVISED_AFTER,
            },
        )

    def _withdrawn(self) -> str:
        """SQL of a row without values for each key that was withdrawn, by the rule of absence.py."""
        empty = ", ".join(f"null as {name}" for name in self.values)
        keys = self._listed(self.keys, "n")
        gone = absence.gone_sql(self.keyed, _RELATIONS)
        return f"""
            select {keys}, {empty},
                greatest(f.fetched_at, n.known_at + interval 1 microsecond) as known_at,
                'captured' as known_basis, coalesce(b.payload_sha256, {self._last_body()}) as payload_sha256,
                'withdrawn' as kind
            from ({gone}) g
            join panel_newest n on {self._same("n", "g")}
            join (select group_name, max(fetched_at) as fetched_at from panel_fetched group by all) f
                on f.group_name = g.group_name
            left join panel_bodies b on b.group_name = g.group_name
            """

    def _insert(self) -> _Counts:
        order = self._listed(self.keys)
        self.con.execute(
            f"""
            insert into {self.table.id} by name
            select * exclude (kind), $provider as provider, $now as loaded_at, $run_id as run_id
            from panel_landed order by {order}, known_at
            """,
            {"provider": self.table.source, "now": self.told["now"], "run_id": self.told["run_id"]},
        )
        self.con.execute(
            "insert into ops.panel_fetches by name"
            " select *, $source as source, $table_id as table_id, $run_id as run_id from panel_fetched",
            {name: self.told[name] for name in ("source", "table_id", "run_id")},
        )
        counts: Mapping[str, int] = dict(
            self.con.execute("select kind, count(*) from panel_landed group by kind").fetchall()
        )
        if self.table.is_snapshot:
            self._record_gaps()
        shrinkages = self._record_shrinkages()
        return _Counts(counts.get("new", 0), counts.get("changed", 0), counts.get("withdrawn", 0), shrinkages)

    def _record_gaps(self) -> None:
        """Record each session between the first snapshot and the newest one that has none, once."""
        recorded = set(
            self.con.execute(
                "select group_name, session_date from ops.snapshot_gaps where table_id = ?", [self.table.id]
            ).fetchall()
        )
        held = self.con.execute(
            f"select {self.group}, list(distinct {self.table.period}) from {self.table.id} group by all"
        ).fetchall()
        gaps = [
            (group, day)
            for group, days in held
            for day in working_days("nyse", min(days), max(days))
            if day not in days and (group, day) not in recorded
        ]
        told = (self.told["now"], self.told["run_id"])
        append(
            self.con, "ops.snapshot_gaps", [(self.told["source"], self.table.id, *gap, *told) for gap in sorted(gaps)]
        )

    def _record_shrinkages(self) -> tuple[Shrinkage, ...]:
        """Record groups of which what we hold was asked for and whose answer starts later than at the last record.

        In ops.shrinkages, as "fund_days SPY"; as landing.py does it for series.
        """
        kept = " or ".join(f"{name} is not null" for name in self.values)
        rows = self.con.execute(
            f"""
            with served as (
                select group_name, min(first_period) as served_from,
                    min(coalesce(window_start, date '0001-01-01')) as since
                from panel_fetched group by group_name having min(first_period) is not null
            ),
            kept as (
                select {self.group} as group_name, min({self.table.period}) as held_from
                from panel_newest where {kept} group by all
            ),
            earliest as (  -- panel_newest may begin with what was asked for
                select {self.group} as group_name, min({self.table.period}) as first_held
                from {self.table.id} group by all
            ),
            recorded as (
                select series_id, arg_max(served_from, seen_at) as served_from
                from ops.shrinkages where source = $source group by all
            )
            select trim($table || ' ' || s.group_name) as series_id, k.held_from, s.served_from
            from served s
            join kept k using (group_name)
            join earliest e using (group_name)
            left join recorded r on r.series_id = trim($table || ' ' || s.group_name)
            where s.since <= e.first_held
                and case
                    when s.served_from > k.held_from
                        then r.served_from is null or abs(s.served_from - r.served_from) > $rolled_by
                    else r.served_from > k.held_from  -- the history is back
                end
            order by series_id
            """,
            {"source": self.told["source"], "table": self.table.name, "rolled_by": ROLLED_BY.days},
        ).fetchall()
        seen = (naive_utc(self.batch.fetched_at), self.told["run_id"])
        append(self.con, "ops.shrinkages", [(self.told["source"], *row, *seen) for row in rows])
        return tuple(Shrinkage(*row) for row in rows if row[2] > row[1])

    # -- what they look at -----------------------------------------------------------------------------------

    def _present(self) -> pl.DataFrame:
        """Return the keys that the answer shows, refused or not."""
        frames = [frame.select(self.keys) for frame in (self.accepted, self.refused) if frame.width]
        return pl.concat(frames).drop_nulls()

    def beside(self) -> Dataset:
        """Return the table whose rows show how far the answer reaches: splits come beside prices."""
        if self.table.is_regular:
            return self.table
        others = (dataset(name) for name in self.batch.tables)
        return next((one for one in others if one.is_regular and one.group_sql == self.group), self.table)

    def _groups_and_days(self, frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """Return group_name and covered_date of what shows how far the answer reaches: see absence.py."""
        table = self.beside()
        rows = [
            (one, frames[one.id]) for one in {self.table.id: self.table, table.id: table}.values() if one.id in frames
        ]
        if frames is self.gated.accepted:
            rows = [(one, frame) for one, frame in rows if one is table]
        group = pl.lit("") if self.group == "''" else pl.col(self.group)
        parts = [frame.select(group_name=group, covered_date=pl.col(one.period)) for one, frame in rows if frame.width]
        empty = pl.DataFrame(schema={"group_name": pl.String(), "covered_date": pl.Date()})
        return pl.concat([empty, *parts])

    def _windows(self) -> pl.DataFrame:
        asked = [
            (w.group, w.start, w.end)
            for w in self.batch.windows
            if w.table_id == self.table.id and w.group not in self.not_counted
        ]
        schema = {"group_name": pl.String(), "window_start": pl.Date(), "window_end": pl.Date()}
        return pl.DataFrame(asked, schema=schema, orient="row").unique()

    def _bodies(self) -> pl.DataFrame:
        """Return the newest body of each group and when it came, whichever table its rows went to."""
        frames = [
            frame.select(
                pl.col(group).alias("group_name") if (group := dataset(name).group_sql) != "''" else _NO_GROUP,
                "fetched_at",
                "payload_sha256",
            )
            for name, frame in self.batch.tables.items()
        ]
        return pl.concat(frames).group_by("group_name").agg(pl.all().sort_by("fetched_at", "payload_sha256").last())

    def _last_body(self) -> str:
        return f"'{self.batch.payloads[-1].sha256}'" if self.batch.payloads else "''"

    def _first_seen(self) -> str:
        """SQL of the differing rows with `first_seen_at`: when they came, or were refused before."""
        counted = self.con.execute(
            "select count(*) from quarantine.panel_rows where source = $source and table_id = $table_id",
            {name: self.told[name] for name in ("source", "table_id")},
        ).fetchone()
        if not counted or not counted[0]:
            return "select d.*, d.fetched_at as first_seen_at from differing d"
        return f"""
                select d.*, least(d.fetched_at, coalesce(q.fetched_at, d.fetched_at)) as first_seen_at
                from differing d left join (
                    select row_json, min(fetched_at) as fetched_at from quarantine.panel_rows
                    where source = $source and table_id = $table_id group by row_json
                ) q on q.row_json = {self._row_json("d")}
            """

    def _loaded_groups(self) -> str:
        """SQL of the groups that have rows already; only asked of tables whose first load may show revisions."""
        where = "" if self.table.is_history_revised else "where false"
        return f"select distinct {self.group} as group_name from {self.table.id} {where}"

    def _row_json(self, alias: str) -> str:
        parts = ", ".join(f"'{name}': {alias}.{name}" for name in (*self.keys, *self.values))
        return f"to_json({{{parts}}})::varchar"

    def _group(self, alias: str) -> str:
        return self.group if self.group == "''" else f"{alias}.{self.group}"

    def _listed(self, names: Sequence[str], alias: str = "") -> str:
        return ", ".join(f"{alias}.{name}" if alias else name for name in names)

    def _same(self, one: str, other: str) -> str:
        return " and ".join(f"{one}.{name} = {other}.{name}" for name in self.keys)

    def _differs(self, one: str, other: str) -> str:
        parts = []
        for column in self.table.values:
            ours, theirs = f"{one}.{column.name}", f"{other}.{column.name}"
            part = f"{ours} is distinct from {theirs}"
            if column.tolerance_ratio:
                part += f" and coalesce(abs({ours} - {theirs}) > {column.tolerance_ratio} * abs({theirs}), true)"
            parts.append(f"({part})")
        return " or ".join(parts)

    @contextmanager
    def _temporary(self) -> Iterator[None]:
        """Drop the temporary tables at the end; after an error the transaction is rolled back with them."""
        yield
        for name in _TEMPORARY:
            self.con.execute(f"drop table {name}")


_NO_GROUP = pl.lit("").alias("group_name")
