"""What it means that a row we hold is not in an answer: one rule for series and for panel tables.

A row is withdrawn only when the answer was asked for it, was accepted, and shows rows of its group on both sides of it,
or other rows of its very period (a snapshot's other lines). Splits and dividends are few: what covers them are the
prices of the same ticker in the same answer. Where it starts later or ends earlier than what is held it
says nothing of what lies beyond: that history was shortened, or the answer is behind. Nor does an answer of which the
gate refused rows of the group: what is absent may be what was refused, printed under another date. (It still counts as
an answer that lacked what it lacked: a row that turns up later was late, and calling it on time would look ahead.)

Two things hold a whole group of an answer back:

    gone at once   more than 2 % of what is held of the group over the days of the answer (and more than three rows),
                   absent or printed as gaps, whole or in a column: such an answer counts as no fetch, and splits and
                   dividends that came beside the prices are held with them
    behind         the answer of a group that goes on day by day ends before what is held: it is frozen (it was there to
                   be read all the same, so it counts as a fetch)
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import duckdb

from ingest.batch import CheckResult
from warehouse.keyed import Keyed, listed
from warehouse.sql import one

GONE_RATIO: Final = 0.02
GONE_COUNT: Final = 3
"""More of a group than both of these gone at once is no correction."""

GONE_CHECK: Final = "history_is_not_withdrawn"
BEHIND_CHECK: Final = "answer_does_not_end_early"
CHECKS: Final = {
    GONE_CHECK: f"No group lost more than {GONE_RATIO:.0%} of its rows (and more than {GONE_COUNT}) in one answer.",
    BEHIND_CHECK: "No group's answer ends before what is held of it.",
}
"""The checks of landing and what each says when it passes."""

_EXAMPLES: Final = 5


@dataclass(frozen=True, slots=True)
class HeldGroup:
    """A group whose answer, or the changes in it, do not land: why, in counts."""

    group: str
    check: str
    told: str


def take_gone(con: duckdb.DuckDBPyConnection, keyed: Keyed) -> None:
    """Keep the keys that are held with a value, were asked for and are gone: landing_gone (group_name and the keys).

    The relations that are read here and below are those of warehouse.answer.
    """
    con.execute(
        f"""
        create temp table landing_gone as
        with bounded as (from landing_windows anti join landing_doubted using (group_name)),
        covered as (
            select b.group_name, b.lower_date, min(a.covered_date) as first_date, max(a.covered_date) as last_date
            from bounded b join landing_covering a
                on a.group_name = b.group_name and a.covered_date between b.lower_date and b.upper_date
            group by b.group_name, b.lower_date
        )
        select distinct c.group_name, {listed(keyed.keys, "n")}
        from landing_newest n
        join covered c on c.group_name = {keyed.group("n")}
            and n.{keyed.period} between c.first_date and c.last_date
        anti join landing_present a on {keyed.same("n", "a")}
        where {keyed.has_value("n")} {_surrounded(keyed)}
        """
    )


def _surrounded(keyed: Keyed) -> str:
    """SQL of "not on the edge of the answer": inside it, or among other rows of its very period."""
    inside = f"n.{keyed.period} > c.first_date and n.{keyed.period} < c.last_date"
    if not keyed.has_rows_of_a_period:
        return f"and {inside}"
    return f"""and (
                {inside}
                or exists (
                    select 1 from landing_present s
                    where s.{keyed.period} = n.{keyed.period} and {keyed.group("s")} = c.group_name
                )
            )"""


def held_groups_of(con: duckdb.DuckDBPyConnection, keyed: Keyed) -> list[HeldGroup]:
    """Return the groups of the answer that may not land, of the rows that `take_gone` found and those that came empty.

    Called after `vintages.compare`.

    Of a snapshot and of a table whose groups gain rows session by session or week by week an answer that ends before
    what is held is frozen (of series the gate says so). Rows of one period are counted within their periods (a
    snapshot's lines), others within what is held of the group between the first and the last row of the answer: ten
    bars missing from a month are no small loss, however long the history before it is.
    """
    return _gone_at_once(con, keyed) + (_behind(con, keyed) if keyed.table.must_reach_newest else [])


def _gone_at_once(con: duckdb.DuckDBPyConnection, keyed: Keyed) -> list[HeldGroup]:
    at_most = one(
        con,
        "select (select count(*) from landing_gone)"
        " + (select count(*) from landing_differing where is_emptied)"
        " + (select count(*) from landing_present where stated_at is not null)",
    )
    if at_most <= GONE_COUNT:
        return []  # as on most days, and what follows takes longer to plan than to run
    rows = con.execute(
        f"""
        with gone as (
            from landing_gone
            union
            select group_name, {listed(keyed.keys)} from landing_differing where is_emptied
            union
            select {keyed.group("n")} as group_name, {listed(keyed.keys, "n")}
            from landing_newest n join landing_present a on {keyed.same("n", "a")}
            where a.stated_at is not null and {keyed.loses("n", "a")}
        ),
        lost as (
            select group_name, count(*) as gone_count, count(distinct {keyed.period}) as periods_count,
                min({keyed.period}) as first_date, max({keyed.period}) as last_date
            from gone group by group_name having count(*) > {GONE_COUNT}
        ),
        spans as (
            select {keyed.group("a")} as group_name, min(a.{keyed.period}) as came_from,
                max(a.{keyed.period}) as came_to
            from landing_shown a group by all
        ),
        whole as (
            select l.group_name, count(*) as held_count
            from lost l join landing_newest h on {keyed.group("h")} = l.group_name
            left join spans s on s.group_name = l.group_name
            where {keyed.has_value("h")}
                and h.{keyed.period} between least(l.first_date, s.came_from) and greatest(l.last_date, s.came_to)
            group by all
        ),
        within as (  -- of periods with several rows, in the periods that lost some
            select g.group_name, count(*) as held_count
            from (select distinct group_name, {keyed.period} from gone) g
            join landing_newest n on {keyed.group("n")} = g.group_name and n.{keyed.period} = g.{keyed.period}
            where {keyed.has_value("n")} group by all
        )
        select l.group_name, l.gone_count, if(i.held_count > l.periods_count, i.held_count, w.held_count) as held_count,
            l.first_date, l.last_date
        from lost l join whole w using (group_name) join within i using (group_name)
        where l.gone_count > {GONE_RATIO} * if(i.held_count > l.periods_count, i.held_count, w.held_count)
        order by l.group_name
        """
    ).fetchall()
    return [
        HeldGroup(group, GONE_CHECK, f"{gone:,} of {held:,} rows held are gone at once ({first} to {last})")
        for group, gone, held, first, last in rows
    ]


def _behind(con: duckdb.DuckDBPyConnection, keyed: Keyed) -> list[HeldGroup]:
    # asked up to what is held: a page of the past ends where it ends; a snapshot is of one day and asked for none
    asked = "semi join landing_windows w on w.group_name = c.group_name and coalesce(w.window_end >= h.last_date, true)"
    rows = con.execute(
        f"""
        with came as (
            select {keyed.group("a")} as group_name, max(a.{keyed.period}) as last_date
            from landing_shown a group by all
        ),
        held as (
            select {keyed.group("n")} as group_name, max(n.{keyed.period}) as last_date
            from landing_newest n where {keyed.has_value("n")} group by all
        )
        select c.group_name, c.last_date, h.last_date
        from came c join held h using (group_name)
        {"" if keyed.table.is_snapshot else asked}
        where c.last_date < h.last_date order by c.group_name
        """
    ).fetchall()
    return [
        HeldGroup(group, BEHIND_CHECK, f"the answer ends on {came}, held is up to {held}: it is frozen or cut short")
        for group, came, held in rows
    ]


def check_results(table_id: str, held: Sequence[HeldGroup], *, names: Sequence[str]) -> list[CheckResult]:
    """Return the checks of landing for one table, one each of `names`, passed or failed."""
    results = []
    for name in names:
        failed = [group for group in held if group.check == name]
        summary = _told(failed) if failed else "passed"
        detail = json.dumps({"summary": summary, "groups": [group.group for group in failed]})
        results.append(CheckResult(table_id, name, "error", not failed, len(failed), detail))
    return results


def sentence(source: str, table_id: str, held: Sequence[HeldGroup]) -> str | None:
    """Return what a person reads of the groups that did not land, None when all did."""
    if not held:
        return None
    count = len(held)
    return (
        f"{source}: {table_id}: {count} group{'s' if count > 1 else ''} held back, nothing of it landed: {_told(held)}"
    )


def _told(held: Sequence[HeldGroup]) -> str:
    shown = [f"{group.group}: {group.told}" if group.group else group.told for group in held[:_EXAMPLES]]
    return "; ".join(shown) + ("; …" if len(held) > _EXAMPLES else "")
