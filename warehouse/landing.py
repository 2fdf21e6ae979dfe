"""The only module that writes raw tables: it compares a batch with what is held and inserts what is new.

Nothing is ever updated or deleted. The rule of `known_at` is architecture.md section 2:

    vintage       the provider states when it was known
    captured      a changed or withdrawn value, one seen before its release, one that an earlier answer lacked
    release_rule  a period new to us, known at its release whenever we came to fetch it
    latest_only   the same, for revised series without vintages: what was then known may have differed
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Final

import duckdb
import polars as pl

from ingest.batch import ROWS_SCHEMA, Batch, GateResult, empty_rows, observations_of
from ingest.catalog import Catalog
from ingest.clock import naive_utc
from warehouse import absence
from warehouse.latest import SERIES_KEYS, latest_of, newest
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
from warehouse.unsound import refused_groups, refused_sentence

REVISED_AFTER: Final = timedelta(days=7)
"""A first look at a revised series later than this after its release may show a revision already."""

ROLLED_BY: Final = timedelta(days=45)
"""A source that drops its oldest day every day is recorded again only when its start moved by more than this."""

_RELATIONS: Final = absence.Relations(
    newest="landing_newest",
    accepted="landing_present_now",
    shown="landing_present_now",
    covering="landing_covering",
    doubted="landing_doubted",
    windows="landing_windows",
)
_MOMENT = pl.Datetime("us")
_FETCHES_SCHEMA: Final = pl.Schema(
    {
        "series_id": pl.String(),
        "fetched_at": _MOMENT,
        "window_start": pl.Date(),
        "window_end": pl.Date(),
        "first_period": pl.Date(),
        "last_period": pl.Date(),
        "rows_count": pl.Int64(),
    }
)
_LANDED_SCHEMA: Final = pl.Schema(
    {
        "series_id": pl.String(),
        "code": pl.String(),
        "period_date": pl.Date(),
        "value": pl.Float64(),
        "unit": pl.String(),
        "known_at": _MOMENT,
        "known_basis": pl.String(),
        "payload_sha256": pl.String(),
        "kind": pl.String(),
    }
)


def land(
    con: duckdb.DuckDBPyConnection,
    batch: Batch,
    gated: GateResult,
    catalog: Catalog,
    run_id: str,
    now: datetime,
) -> LandingResult:
    """Land what the gate accepted of one source, in one transaction; all of it or nothing.

    `now` is aware. The records of the run (ops.*, quarantine.*) are written in the same transaction. When the
    gate held the batch back only those are: nothing lands, and the answer does not count as a fetch.
    """
    return _Landing(con, batch, gated, catalog, run_id, naive_utc(now)).run(now)


def held(con: duckdb.DuckDBPyConnection, source: str) -> pl.DataFrame:
    """Return what we hold of each series of `source`: series_id, rows_count, first_period, last_period.

    Counted are periods whose newest vintage has a value.
    """
    return con.execute(
        f"""
        select series_id, count(*) as rows_count, min(period_date) as first_period, max(period_date) as last_period
        from {latest_of(f"{source}.observations")} where value is not null
        group by series_id order by series_id
        """
    ).pl()


def held_periods(con: duckdb.DuckDBPyConnection, source: str, series_ids: Sequence[str]) -> dict[str, frozenset[date]]:
    """Return every period that we hold a row of, gaps included, for each of `series_ids`."""
    rows = con.execute(
        f"""
        select series_id, list(distinct period_date) from {source}.observations
        where list_contains(?, series_id) group by series_id
        """,
        [list(series_ids)],
    ).fetchall()
    found = {series_id: frozenset(periods) for series_id, periods in rows}
    return {series_id: found.get(series_id, frozenset()) for series_id in series_ids}


def landed_payloads(con: duckdb.DuckDBPyConnection, source: str) -> frozenset[str]:
    """Return the sha256 of bodies that gave rows, all of which landed: these may be asked for "if changed"."""
    rows = con.execute(
        f"""
        select o.payload_sha256 from {source}.observations o
        semi join ops.source_runs r on r.source = ? and r.run_id = o.run_id and r.state = 'ok'
        except select payload_sha256 from quarantine.observations where source = ?
        """,
        [source, source],
    ).fetchall()
    return frozenset(row[0] for row in rows)


class _Landing:
    """One batch on its way in. The steps share the transaction, its temporary tables and the fetches."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        batch: Batch,
        gated: GateResult,
        catalog: Catalog,
        run_id: str,
        now: datetime,
    ) -> None:
        self.con = con
        self.batch = batch
        self.source = batch.source
        self.raw = observations_of(batch.source)
        self.fetched_at = naive_utc(batch.fetched_at)
        self.gated = gated
        self.accepted = gated.accepted.get(self.raw, empty_rows())
        self.refused = gated.refused.get(self.raw, empty_rows())
        self.received = self.accepted.height + self.refused.height
        self.catalog = catalog
        self.run_id = run_id
        self.now = now
        self.keyed = absence.Keyed(self.raw, "series_id", "period_date", SERIES_KEYS, ("value",))
        self.held_groups: list[absence.HeldGroup] = []

    def run(self, moment: datetime) -> LandingResult:
        self.con.begin()
        try:
            record_payloads(self.con, self.batch.payloads, self.source)
            if self.gated.held_back is None:
                self._take_newest()
                self._hold_back_groups()
            quarantined = self._record_refused()
            record_broken(
                self.con, self.source, self.batch.payloads, self.batch.problems, run_id=self.run_id, now=self.now
            )
            checks = absence.check_results(self.raw, self.held_groups, names=[absence.GONE_CHECK])
            checks = checks if self.batch.windows else []
            record_checks(self.con, self.run_id, [*self.gated.checks, *checks], moment)
            if self.gated.held_back is None:
                result = self._merge(quarantined)
            else:
                result = LandingResult("held", 0, 0, 0, quarantined, None, ())
            held = {group.group for group in self.held_groups}
            unsound = refused_groups(self.accepted, self.refused, pl.col("series_id"), "period_date")
            unsound = {} if self.gated.held_back else {name: why for name, why in unsound.items() if name not in held}
            said = (
                absence.sentence(self.source, self.raw, self.held_groups),
                refused_sentence(self.source, self.raw, unsound),
            )
            not_landed = "; ".join(filter(None, said)) or None
            result = replace(
                result,
                state="partial" if not_landed and result.state == "ok" else result.state,
                checks=tuple(checks),
                error=sentence_of(self.gated.held_back, self.batch.problems, not_landed),
            )
            record_source_run(self.con, self.source, result, received=self.received, run_id=self.run_id, now=self.now)
            self.con.commit()
        except BaseException:
            self.con.rollback()
            raise
        return result

    # -- what may not land -----------------------------------------------------------------------------------

    def _hold_back_groups(self) -> None:
        """Move series of which too much is gone at once from what is accepted to what is refused: see absence.py."""
        with self._answer():
            self.held_groups = absence.held_groups_of(
                self.con,
                self.keyed,
                _RELATIONS,
                is_regular=False,  # the gate refuses series that end before what is held
            )
        if not self.held_groups:
            return
        known = self.con.execute("select series_id, period_date, value from landing_newest").pl()
        told = {group.group: f"{group.check}: {group.told}" for group in self.held_groups}
        is_held = pl.col("series_id").is_in(list(told))
        # What is held already needs no quarantine.
        refused = (
            self.accepted.filter(is_held)
            .join(known, on=["series_id", "period_date", "value"], how="anti", nulls_equal=True)
            .with_columns(pl.col("series_id").replace_strict(told, return_dtype=pl.String).alias("reason"))
        )
        self.accepted = self.accepted.filter(~is_held)
        self.refused = pl.concat([self.refused, refused.select(self.refused.columns)])

    @contextmanager
    def _answer(self) -> Iterator[None]:
        """Show what the rule of absence looks at: what is held, came, was refused, was asked for."""
        accepted = _one_per_key(self.accepted)
        if accepted["stated_at"].null_count() < accepted.height:
            # Of several vintages of a period the newest is what the provider shows now.
            accepted = accepted.sort("stated_at", nulls_last=False).unique(["series_id", "period_date"], keep="last")
        covering = accepted.select(group_name="series_id", covered_date="period_date")
        with (
            shown(self.con, "landing_present_now", accepted),
            shown(self.con, "landing_covering", covering),
            shown(self.con, "landing_doubted", self.refused.select(group_name="series_id").unique()),
            shown(self.con, "landing_windows", self._windows().rename({"series_id": "group_name"})),
        ):
            yield

    # -- the merge -------------------------------------------------------------------------------------------

    def _merge(self, quarantined: int) -> LandingResult:
        fetches = self._fetches()
        with (
            shown(self.con, "landing_incoming", _one_per_key(self.accepted)),
            shown(self.con, "landing_fetches", fetches),
        ):
            self._take_present()
            shrinkages = self._record_shrinkages()
            landed = pl.concat([self._vintages(), self._plain(), self._withdrawn()])
            self._insert(landed)
            self._record_fetches()
            self.con.execute("drop table landing_newest; drop table landing_present")
        kinds = landed["kind"]
        newest = self.accepted.filter(pl.col("value").is_not_null())["period_date"].max()
        assert newest is None or isinstance(newest, date)
        return LandingResult(
            state_of(self.batch, has_rows=not self.batch.rows.is_empty()),
            int((kinds == "new").sum()),
            int((kinds == "changed").sum()),
            int((kinds == "withdrawn").sum()),
            quarantined,
            newest,
            shrinkages,
        )

    def _fetches(self) -> pl.DataFrame:
        """Return one row per series and window asked for, with what came inside it.

        A window without an end reaches up to the next window of its series, if there is one: rows beyond belong
        to that one. Refused rows count as come: the source does show the period.
        """
        held = [group.group for group in self.held_groups]  # an answer that was held counts as no fetch
        windows = self._windows().filter(pl.col("series_id").is_in(held).not_())
        came = pl.concat(
            [frame.select("series_id", "period_date", "fetched_at") for frame in (self.accepted, self.refused)]
        )
        with shown(self.con, "landing_windows", windows), shown(self.con, "landing_came", came):
            frame = self.con.execute(
                """
                with bounds as (
                    select *,
                        coalesce(window_start, date '0001-01-01') as lower_date,
                        coalesce(
                            window_end,
                            (lead(window_start) over by_start - 1)::date,
                            date '9999-12-31'
                        ) as upper_date
                    from landing_windows
                    window by_start as (partition by series_id order by window_start nulls first)
                ),
                asked as (select series_id, max(fetched_at) as fetched_at from landing_came group by series_id)
                select b.series_id, coalesce(any_value(a.fetched_at), ?) as fetched_at, b.window_start, b.window_end,
                    min(c.period_date) as first_period, max(c.period_date) as last_period,
                    count(c.period_date) as rows_count
                from bounds b
                left join asked a using (series_id)
                left join landing_came c
                    on c.series_id = b.series_id and c.period_date between b.lower_date and b.upper_date
                group by b.series_id, b.window_start, b.window_end
                order by b.series_id, b.window_start nulls first
                """,
                [self.fetched_at],
            ).pl()
        return frame.cast(_FETCHES_SCHEMA)

    def _windows(self) -> pl.DataFrame:
        return pl.DataFrame(
            [(window.group, window.start, window.end) for window in self.batch.windows],
            schema={"series_id": pl.String(), "window_start": pl.Date(), "window_end": pl.Date()},
            orient="row",
        ).unique()

    def _take_newest(self) -> None:
        """Keep the newest vintage of each period held of the series that this answer is about."""
        names = {window.group for window in self.batch.windows} | set(self.accepted["series_id"].unique())
        series = pl.DataFrame({"series_id": sorted(names)}, schema={"series_id": pl.String()})
        asked = f"(from {self.raw} where series_id in (select series_id from landing_series))"
        with shown(self.con, "landing_series", series):
            self.con.execute(
                f"""
                create temp table landing_newest as
                select series_id, period_date, value, code, unit, known_at {newest(asked, SERIES_KEYS)}
                """
            )

    def _take_present(self) -> None:
        """Keep the periods that the answer shows, refused or not."""
        with shown(self.con, "landing_refused", self.refused.select("series_id", "period_date", "payload_sha256")):
            self.con.execute(
                """
                create temp table landing_present as
                select series_id, period_date, payload_sha256 from landing_incoming
                union all from landing_refused where period_date is not null
                """
            )

    def _vintages(self) -> pl.DataFrame:
        """Return what the provider itself dates: its new vintages, and changes it made without a new date."""
        if self.accepted["stated_at"].null_count() == self.accepted.height:
            return pl.DataFrame(schema=_LANDED_SCHEMA)
        # Vintages are compared with what precedes them in time, held or arriving with them. 'latest_only' rows
        # are no vintages: they carry a later value at the first one's moment.
        fresh = self.con.execute(
            f"""
            with stated as (select * from landing_incoming where stated_at is not null),
            timeline as (
                select h.series_id, h.period_date, h.known_at, h.value, null as code, null as unit,
                    null as payload_sha256, true as is_held
                from {self.raw} h
                semi join stated s on h.series_id = s.series_id and h.period_date = s.period_date
                where h.known_basis <> 'latest_only'
                union all
                select s.series_id, s.period_date, s.stated_at, s.value, s.code, s.unit, s.payload_sha256, false
                from stated s
                anti join {self.raw} h
                    on h.series_id = s.series_id and h.period_date = s.period_date and h.known_at = s.stated_at
            ),
            ordered as (
                select *, lag({{'value': value}}) over (
                    partition by series_id, period_date order by known_at
                ) as preceding
                from timeline
            )
            select o.series_id, o.code, o.period_date, o.value, o.unit, o.known_at, 'vintage' as known_basis,
                o.payload_sha256,
                if(n.series_id is null and o.preceding is null, 'new', 'changed') as kind
            from ordered o left join landing_newest n using (series_id, period_date)
            where not o.is_held and (o.preceding is null or o.preceding.value is distinct from o.value)
            """
        ).pl()
        fresh = fresh.cast(_LANDED_SCHEMA)
        return pl.concat([fresh, self._undated_changes(fresh)])

    def _undated_changes(self, fresh: pl.DataFrame) -> pl.DataFrame:
        """Return values that the provider states now though no vintage says so, captured when we saw them.

        They changed under the same stated moment, or came back after they had been withdrawn. An answer that ends
        before our last vintage, or that came in part, says nothing about the present.
        """
        with shown(self.con, "landing_fresh", fresh):
            return (
                self.con.execute(
                    f"""
                with stated as (
                    select series_id, period_date, max(stated_at) as stated_at,
                        arg_max(landing_incoming, stated_at) as r
                    from landing_incoming where stated_at is not null
                        and series_id in (select series_id from landing_fetches)
                    group by all
                ),
                timeline as (
                    select h.series_id, h.period_date, h.value, h.known_at, h.known_basis
                    from {self.raw} h
                    semi join stated s on h.series_id = s.series_id and h.period_date = s.period_date
                    union all
                    select series_id, period_date, value, known_at, known_basis from landing_fresh
                ),
                present as (
                    select series_id, period_date, max(known_at) as known_at,
                        arg_max({{'value': value}}, known_at) as n,
                        max(known_at) filter (where known_basis = 'vintage') as last_vintage_at
                    from timeline group by all
                )
                select s.series_id, s.r.code as code, s.period_date, s.r.value as value, s.r.unit as unit,
                    greatest(s.r.fetched_at, p.known_at + interval 1 microsecond) as known_at,
                    'captured' as known_basis, s.r.payload_sha256 as payload_sha256, 'changed' as kind
                from stated s
                join present p using (series_id, period_date)
                where coalesce(p.last_vintage_at <= s.stated_at, true) and p.n.value is distinct from s.r.value
                """
                )
                .pl()
                .cast(_LANDED_SCHEMA)
            )

    def _plain(self) -> pl.DataFrame:
        """Return values without a stated moment: periods new to us, and changes of periods held."""
        differing = self.con.execute(
            """
            select i.series_id, i.code, i.period_date, i.value, i.unit, i.payload_sha256, i.fetched_at,
                n.series_id is not null as is_held, n.known_at as held_known_at
            from landing_incoming i left join landing_newest n using (series_id, period_date)
            where i.stated_at is null and (n.series_id is null or n.value is distinct from i.value)
            """
        ).pl()
        # Never at or before the row that it replaces: two rows of one moment would have no newest.
        changed = differing.filter(pl.col("is_held")).with_columns(
            pl.max_horizontal("fetched_at", pl.col("held_known_at") + timedelta(microseconds=1)).alias("known_at"),
            pl.lit("captured").alias("known_basis"),
            pl.lit("changed").alias("kind"),
        )
        new = self._place_new(differing.filter(~pl.col("is_held")))
        return pl.concat([frame.select(list(_LANDED_SCHEMA)).cast(_LANDED_SCHEMA) for frame in (changed, new)])

    def _place_new(self, new: pl.DataFrame) -> pl.DataFrame:
        """Give periods new to us their `known_at` and `known_basis`."""
        if new.is_empty():
            return pl.DataFrame(schema=_LANDED_SCHEMA)
        revised = [series.id for series in self.catalog.series if series.is_revised]
        with shown(self.con, "landing_new", self._with_release(new)):
            # An outage of ours moves nothing: only an answer that was there to be read, asked for the period after
            # its release and lacked it, makes the value late. What the gate refused had been seen all the same.
            return self.con.execute(
                f"""
                with refused as (
                    select series_id, period_date, value, min(fetched_at) as fetched_at
                    from quarantine.observations where source = $source group by all
                ),
                seen as (
                    select n.*, least(n.fetched_at, coalesce(r.fetched_at, n.fetched_at)) as first_seen_at
                    from landing_new n
                    left join refused r
                        on r.series_id = n.series_id and r.period_date = n.period_date
                        and r.value is not distinct from n.value
                ),
                lacking as (
                    select distinct s.series_id, s.period_date
                    from seen s join ops.fetches f
                        on f.source = $source and f.series_id = s.series_id
                        and f.fetched_at >= s.release_at and f.fetched_at < s.first_seen_at
                        and (f.window_start is null or f.window_start <= s.period_date)
                        and (f.window_end is null or f.window_end >= s.period_date)
                ),
                loaded as (select distinct series_id from {self.raw}),
                based as (
                    select s.*, case
                        when s.first_seen_at < s.release_at or l.series_id is not null then 'captured'
                        when list_contains($revised, s.series_id)
                            and (h.series_id is null or s.first_seen_at > s.release_at + $revised_after)
                            then 'latest_only'
                        else 'release_rule'
                    end as known_basis
                    from seen s
                    left join lacking l using (series_id, period_date)
                    left join loaded h on h.series_id = s.series_id
                )
                select *, if(known_basis = 'captured', first_seen_at, release_at) as known_at, 'new' as kind
                from based
                """,
                {"source": self.source, "revised": revised, "revised_after": REVISED_AFTER},
            ).pl()

    def _with_release(self, new: pl.DataFrame) -> pl.DataFrame:
        """Add `release_at`: the moment at which this provider prints the period."""
        rules = {series.id: provider.release for series, provider in self.catalog.of_source(self.source)}
        parts = [
            part.with_columns(rules[str(key[0])].released_at(part["period_date"]).alias("release_at"))
            for key, part in new.partition_by("series_id", as_dict=True, maintain_order=True).items()
        ]
        return pl.concat(parts)

    def _withdrawn(self) -> pl.DataFrame:
        """Return a NULL for each period that was withdrawn, by the rule of absence.py."""
        with self._answer():
            gone = absence.gone_sql(self.keyed, _RELATIONS)
            return (
                self.con.execute(
                    f"""
                    with asked as (
                        select series_id, max(fetched_at) as fetched_at from landing_fetches group by all
                    ),
                    payload as (
                        select series_id, arg_max(payload_sha256, period_date) as payload_sha256
                        from landing_present group by all
                    )
                    select n.series_id, n.code, n.period_date, null::double as value, n.unit,
                        greatest(f.fetched_at, n.known_at + interval 1 microsecond) as known_at,
                        'captured' as known_basis, p.payload_sha256, 'withdrawn' as kind
                    from ({gone}) g
                    join landing_newest n using (series_id, period_date)
                    join asked f using (series_id)
                    join payload p using (series_id)
                    """
                )
                .pl()
                .cast(_LANDED_SCHEMA)
            )

    def _insert(self, landed: pl.DataFrame) -> None:
        if landed.is_empty():
            return
        with shown(self.con, "landing_rows", landed):
            self.con.execute(
                f"""
                insert into {self.raw} by name
                select * exclude (kind), $source as provider, $now as loaded_at, $run_id as run_id
                from landing_rows order by series_id, period_date, known_at
                """,
                {"source": self.source, "now": self.now, "run_id": self.run_id},
            )

    # -- what is recorded beside it --------------------------------------------------------------------------

    def _record_shrinkages(self) -> tuple[Shrinkage, ...]:
        """Record series whose whole history was asked for and starts elsewhere than at the last record."""
        rows = self.con.execute(
            """
            with served as (
                select series_id, min(first_period) as served_from from landing_fetches
                group by series_id having min(first_period) is not null
            ),
            asked as (select series_id, min(coalesce(window_start, date '0001-01-01')) as since
                from landing_fetches group by series_id),
            kept as (
                select series_id, min(period_date) as held_from from landing_newest where value is not null group by all
            ),
            recorded as (
                select series_id, arg_max(served_from, seen_at) as served_from
                from ops.shrinkages where source = $source group by all
            )
            select s.series_id, k.held_from, s.served_from
            from served s
            join asked a using (series_id)
            join kept k using (series_id)
            left join recorded r using (series_id)
            where a.since <= k.held_from
                and case
                    when s.served_from > k.held_from
                        then r.served_from is null or abs(s.served_from - r.served_from) > $rolled_by
                    else r.served_from > k.held_from  -- the history is back
                end
            order by s.series_id
            """,
            {"source": self.source, "rolled_by": ROLLED_BY.days},
        ).fetchall()
        append(self.con, "ops.shrinkages", [(self.source, *row, self.fetched_at, self.run_id) for row in rows])
        return tuple(Shrinkage(*row) for row in rows if row[2] > row[1])

    def _record_fetches(self) -> None:
        self.con.execute(
            "insert into ops.fetches by name select *, ? as source, ? as run_id from landing_fetches",
            [self.source, self.run_id],
        )

    def _record_refused(self) -> int:
        """Append refusals not recorded before: the same cell, value and reason is recorded once."""
        if self.refused.is_empty():
            return 0
        with shown(self.con, "landing_refused", self.refused):
            counted = self.con.execute(
                """
                insert into quarantine.observations by name
                select distinct on (r.series_id, r.period_date, r.value, r.reason)
                    $source as source, r.series_id, r.code, r.period_date, r.value, r.unit, r.reason,
                    r.payload_sha256, r.fetched_at, $now::timestamp as quarantined_at, $run_id as run_id
                from landing_refused r
                anti join quarantine.observations q
                    on q.source = $source and q.series_id = r.series_id and q.reason = r.reason
                    and q.period_date is not distinct from r.period_date and q.value is not distinct from r.value
                order by r.series_id, r.period_date, r.value, r.reason, r.fetched_at, r.payload_sha256
                """,
                {"source": self.source, "now": self.now, "run_id": self.run_id},
            ).fetchone()
        return int(counted[0]) if counted else 0


def _one_per_key(rows: pl.DataFrame) -> pl.DataFrame:
    """Keep one row per series, period and stated moment: that of the latest payload, whatever order they came in.

    Where the provider dates a period's values, undated rows of the same period say nothing more.
    """
    key = ["series_id", "period_date", "stated_at"]
    wanted = rows.select([*ROWS_SCHEMA, "fetched_at"])
    undated = rows["stated_at"].null_count()
    if wanted.select(key).is_duplicated().any():
        wanted = wanted.sort([*key, "fetched_at", "payload_sha256", "value"], nulls_last=False).unique(key, keep="last")
    if 0 < undated < rows.height:
        dated = wanted.filter(pl.col("stated_at").is_not_null())
        plain = wanted.filter(pl.col("stated_at").is_null()).join(dated, on=["series_id", "period_date"], how="anti")
        wanted = pl.concat([dated, plain])
    return wanted
