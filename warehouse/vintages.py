"""Which rows of an answer are new vintages, and since when each was known:

    vintage       the provider states when it was known
    captured      a changed or withdrawn value, one seen before its release, one that an earlier answer lacked
    release_rule  a period new to us, known at its release whenever we came to fetch it
    latest_only   the same, for histories that are revised without vintages: what was then known may have differed

Two rows of one key never share a moment: what replaces a row comes after it, if only by a microsecond, and a stated
moment that is held already adds nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import polars as pl

from ingest.catalog import Catalog
from ingest.catalog.release import ReleaseRule
from warehouse.answer import Answer
from warehouse.keyed import Keyed, listed
from warehouse.records import shown

REVISED_AFTER: Final = timedelta(days=7)
"""A first look at a revised history later than this after its release may show a revision already."""


def compare(answer: Answer) -> None:
    """Keep the undated rows that are new to us or differ from what is held: landing_differing.

    They have `group_name`, `held_known_at` (NULL: new to us), `is_restated`: a held value is another one now, and
    `is_emptied`: one is missing now.
    """
    keyed = answer.keyed
    answer.con.execute(
        f"""
        create temp table landing_differing as
        select i.*, {keyed.group("i")} as group_name, n.known_at as held_known_at,
            n.known_at is not null and {keyed.restates("i", "n")} as is_restated,
            n.known_at is not null and {keyed.loses("n", "i")} as is_emptied
        from landing_incoming i left join landing_newest n on {keyed.same("i", "n")}
        where i.stated_at is null and (n.known_at is null or {keyed.differs("i", "n")})
        """
    )


def take_releases(answer: Answer, catalog: Catalog) -> None:
    """Keep when each period of what differs or is gone was out: landing_releases (rule_name, period, release_at)."""
    table = answer.table
    rule = "''" if table.release is not None else "group_name"
    periods = answer.con.execute(
        f"""
        select distinct {rule} as rule_name, {table.period} as period
        from (select group_name, {table.period} from landing_differing
            union all select group_name, {table.period} from landing_gone)
        """
    ).pl()
    rules: dict[str, ReleaseRule] = {"": table.release} if table.release is not None else {}
    if table.release is None:
        rules = {series.id: provider.release for series, provider in catalog.of_source(table.source)}
    parts = [
        part.with_columns(rules[str(name)].released_at(part["period"]).alias("release_at"))
        for (name,), part in periods.partition_by("rule_name", as_dict=True).items()
    ]
    schema = {"rule_name": pl.String(), "period": pl.Date(), "release_at": pl.Datetime("us")}
    releases = pl.concat([pl.DataFrame(schema=schema), *parts], how="vertical_relaxed")
    with shown(answer.con, "landing_released", releases):
        answer.con.execute("create temp table landing_releases as from landing_released")


def released(answer: Answer, alias: str) -> str:
    """Return the SQL of "the release of this row" (`r`): a row of landing_releases."""
    rule = f"{alias}.group_name" if answer.table.release is None else "''"
    return f"r.rule_name = {rule} and r.period = {alias}.{answer.table.period}"


def place(answer: Answer, catalog: Catalog, source: str) -> None:
    """Keep the vintages to land, with `known_at`, `known_basis` and `kind` (new, changed, withdrawn): landing_vintages.

    `source` is the connector whose earlier answers and refusals count.
    """
    keyed, con = answer.keyed, answer.con
    told = {"source": source, "table_id": answer.table.id}
    columns = listed((*keyed.keys, *keyed.attributes, *keyed.values))
    con.execute(
        f"""
        create temp table landing_vintages as
        with seen as ({_first_seen(answer, told)}),
        lacking as (
            select {listed(keyed.keys, "s")}
            from seen s semi join ops.answers a
                on a.source = $source and a.table_id = $table_id and a.group_name = s.group_name
                and a.fetched_at >= s.release_at and a.fetched_at < s.first_seen_at
                and (a.window_start is null or a.window_start <= s.{keyed.period})
                and (a.window_end is null or a.window_end >= s.{keyed.period})
            where s.held_known_at is null
        ),
        loaded as ({_loaded_groups(answer)}),
        -- An outage of ours moves nothing: only an answer that was there to be read, asked for the period after its
        -- release and lacked it, makes a row late. What the gate refused had been seen all the same.
        based as (
            select s.*, case
                when s.held_known_at is not null or s.first_seen_at < s.release_at or l.{keyed.keys[0]} is not null
                    then 'captured'
                when ($all_revised or list_contains($revised, s.group_name))
                    and (g.group_name is null or s.first_seen_at > s.release_at + $revised_after) then 'latest_only'
                else 'release_rule'
            end as known_basis
            from seen s
            left join lacking l on {keyed.same("s", "l")}
            left join loaded g on g.group_name = s.group_name
        )
        select {columns},
            case
                when held_known_at is not null then greatest(fetched_at, held_known_at + interval 1 microsecond)
                when known_basis = 'captured' then first_seen_at
                else release_at
            end as known_at,
            known_basis, payload_sha256, if(held_known_at is null, 'new', 'changed') as kind
        from based
        union all by name
        select {listed((*keyed.keys, *keyed.attributes), "n")},
            greatest(coalesce(b.fetched_at, $fetched_at), n.known_at + interval 1 microsecond) as known_at,
            'captured' as known_basis, coalesce(b.payload_sha256, {_last_body(answer)}) as payload_sha256,
            'withdrawn' as kind
        from landing_gone g
        join landing_newest n on {keyed.same("n", "g")}
        left join landing_bodies b on b.group_name = g.group_name
        """,
        {
            **told,
            "fetched_at": answer.fetched_at,
            "all_revised": answer.table.is_history_revised,
            "revised": [series.id for series in catalog.series if series.is_revised] if answer.table.is_series else [],
            "revised_after": REVISED_AFTER,
        },
    )
    if answer.has_stated:
        _place_stated(answer)
        _place_undated_changes(answer)


def _first_seen(answer: Answer, told: dict[str, str]) -> str:
    """SQL of the differing rows with `release_at` and `first_seen_at`: when they came, or were refused before."""
    found = answer.con.execute(
        "select count(*) from quarantine.refused_rows where source = $source and table_id = $table_id", told
    ).fetchone()
    rows = f"landing_differing d join landing_releases r on {released(answer, 'd')}"
    if not found or not found[0]:
        return f"select d.*, r.release_at, d.fetched_at as first_seen_at from {rows}"
    return f"""
        select d.*, r.release_at, least(d.fetched_at, coalesce(q.fetched_at, d.fetched_at)) as first_seen_at
        from {rows} left join (
            select row_json, min(fetched_at) as fetched_at from quarantine.refused_rows
            where source = $source and table_id = $table_id group by row_json
        ) q on d.held_known_at is null and q.row_json = {answer.keyed.row_json("d")}
    """


def _loaded_groups(answer: Answer) -> str:
    """SQL of the groups that have rows already; only asked of tables whose first load may show revisions."""
    table = answer.table
    where = "" if table.is_history_revised or table.is_series else "where false"
    return f"select distinct {table.group_sql} as group_name from {table.id} {where}"


def _last_body(answer: Answer) -> str:
    return f"'{answer.batch.payloads[-1].sha256}'" if answer.batch.payloads else "''"


def _place_stated(answer: Answer) -> None:
    """Add what the provider itself dates: each of its vintages that differs from what precedes it in time.

    Held and arriving ones make one timeline. 'latest_only' rows are no vintages: they carry a later value at the first
    one's moment.
    """
    keyed, table = answer.keyed, answer.table.id
    carried = (*keyed.keys, *keyed.attributes, *keyed.values)
    answer.con.execute(
        f"""
        insert into landing_vintages by name
        with stated as ({_stated(keyed, "landing_incoming")}),
        timeline as (
            select {listed((*keyed.keys, *keyed.values), "h")}, h.known_at, h.loaded_at, h.payload_sha256,
                true as is_held
            from {table} h semi join stated s on {keyed.same("h", "s")}
            where h.known_basis <> 'latest_only'
            union all by name
            select {listed(carried, "s")}, s.stated_at as known_at, s.payload_sha256, false as is_held
            from stated s anti join {table} h on {keyed.same("h", "s")} and h.known_at = s.stated_at
        ),
        ordered as (
            select *, lag({keyed.struct("timeline", keyed.values)}) over (
                partition by {listed(keyed.keys)} order by known_at, loaded_at nulls last, payload_sha256
            ) as preceding
            from timeline
        )
        select {listed(carried, "o")}, o.known_at, 'vintage' as known_basis, o.payload_sha256,
            if(n.known_at is null and o.preceding is null, 'new', 'changed') as kind
        from ordered o left join landing_newest n on {keyed.same("o", "n")}
        where not o.is_held and (o.preceding is null or {keyed.differs("o", "o.preceding")})
        """
    )


def _place_undated_changes(answer: Answer) -> None:
    """Add values that the provider states now though no vintage says so, captured when we saw them.

    They changed under the same stated moment, or came back after they had been withdrawn. An answer that ends before
    our last vintage, or that came in part, says nothing about the present.
    """
    keyed = answer.keyed
    compared = (*keyed.keys, *keyed.values)
    answer.con.execute(
        f"""
        insert into landing_vintages by name
        with stated as (
            {_stated(keyed, "landing_present")} and {keyed.group("one")} in (select group_name from landing_windows)
        ),
        timeline as (
            select {listed(compared, "h")}, h.known_at, h.known_basis, h.loaded_at, h.payload_sha256
            from {answer.table.id} h semi join stated s on {keyed.same("h", "s")}
            union all by name
            select {listed(compared)}, known_at, known_basis, timestamp 'infinity' as loaded_at, payload_sha256
            from landing_vintages
        ),
        last as (
            select {listed(keyed.keys)}, max(known_at) as known_at,
                arg_max({keyed.struct("timeline", keyed.values)}, (known_at, loaded_at, payload_sha256)) as n,
                max(known_at) filter (where known_basis = 'vintage') as last_vintage_at
            from timeline group by all
        )
        select {listed((*keyed.keys, *keyed.attributes, *keyed.values), "s")},
            greatest(s.fetched_at, p.known_at + interval 1 microsecond) as known_at,
            'captured' as known_basis, s.payload_sha256, 'changed' as kind
        from stated s join last p on {keyed.same("s", "p")}
        where coalesce(p.last_vintage_at <= s.stated_at, true) and ({keyed.differs("s", "p.n")})
        """
    )


def _stated(keyed: Keyed, relation: str) -> str:
    """SQL of the rows that the provider dates, those of groups that may not land left out."""
    held = "(select group_name from landing_held)"
    return f"select one.* from {relation} one where one.stated_at is not null and {keyed.group('one')} not in {held}"
