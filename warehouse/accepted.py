"""What waits for a person, and what a person let in: ops.held and ops.accepted.

An answer is named by its connector, the moment it was asked and the body about the group. Who accepts it lands it from
the archive at once, as if it had not been held: a rebuild, which meets the same answer again, finds the acceptance and
lands the same rows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final

import duckdb
import polars as pl

from ingest.batch import Batch, GateResult
from ingest.clock import naive_utc
from ingest.dataset import Dataset, dataset
from warehouse.absence import GONE_CHECK, HeldGroup
from warehouse.answer import Answer
from warehouse.declared import REVISION_CHECK
from warehouse.fetched import Stamp
from warehouse.records import shown
from warehouse.sql import insert_rows

GATE_CHECKS: Final = (
    "history_is_not_multiplied",
    "level_holds",
    "splits_show_in_prices",
    "providers_share_a_basis",
    "large_return_is_confirmed",
    "spikes_are_confirmed",
    "dividend_fits_its_price",
)
"""Checks of the gate whose doubt a person can settle; a reason begins with the check's name."""

ACCEPTABLE: Final = (GONE_CHECK, REVISION_CHECK, *GATE_CHECKS)

_SHOWN: Final = 20
"""So many changes of a held answer are kept to be shown."""


@dataclass(frozen=True, slots=True)
class Held:
    """One group's answer that waits. `changes` are the first of them: key, what is held, what came."""

    source: str
    table_id: str
    group: str
    check: str
    message: str
    changes_count: int
    changes: tuple[Mapping[str, Any], ...]
    batch_at: datetime
    payload_sha256: str
    held_at: datetime


def waiting(con: duckdb.DuckDBPyConnection, source: str | None = None, group: str | None = None) -> list[Held]:
    """Return what is held: of each group the newest answer, if nobody accepted it and no later answer came.

    `source` is a connector or the schema of its tables.
    """
    rows = con.execute(
        """
        select h.source, table_id, group_name, check_name, message, changes_count, changes_json, batch_at,
            payload_sha256, held_at
        from ops.held h
        anti join ops.accepted a using (source, table_id, group_name, check_name, batch_at, payload_sha256)
        anti join ops.answers n
            on n.source = h.source and n.table_id = h.table_id and n.group_name in (h.group_name, '')
            and n.fetched_at > h.fetched_at
        where coalesce(h.source = $source or split_part(table_id, '.', 1) = $source, true)
            and coalesce(h.group_name = $group, true)
        qualify rank() over (partition by h.source, table_id, group_name order by batch_at desc) = 1
        order by h.source, table_id, group_name, check_name
        """,
        {"source": source, "group": group},
    ).fetchall()
    return [_waiting(row) for row in rows]


def _waiting(row: tuple[Any, ...]) -> Held:
    source, table_id, group, check, message, count, changes, batch_at, sha, held_at = row
    return Held(source, table_id, group, check, message, count, tuple(json.loads(changes)), batch_at, sha, held_at)


def record_held(answer: Answer, held: Sequence[HeldGroup], stamp: Stamp) -> None:
    """Append to ops.held what landing held of an answer and what the gate refused in blocks, with the first changes.

    Called before what is held is taken out of landing_gone; `answer.refused` has the rows.
    """
    found = {(one.group, one.check): one.told for one in held if one.check in ACCEPTABLE}
    for group, reason in _blocks(answer.table, answer.refused).iter_rows():
        check, _, told = str(reason).partition(": ")
        found.setdefault((group, check), told)
    if not found:
        return
    came = [rows["fetched_at"].max() for rows in answer.batch.tables.values()]
    fetched_at = max([answer.fetched_at, *(moment for moment in came if isinstance(moment, datetime))])
    changes = _changes(answer, list(found))
    rows = []
    for (group, check), told in found.items():
        mine = changes.filter(pl.col("group_name") == group, pl.col("check_name") == check)
        cut = json.dumps(mine.select("key", "held", "came").to_dicts(), default=_plain, ensure_ascii=False)
        count = mine["changes_count"].max() or 0
        counted = (check, told, count, cut, answer.fetched_at, fetched_at, _body(answer, group))
        rows.append((stamp.source, answer.table.id, group, *counted, stamp.run_id, stamp.now))
    insert_rows(answer.con, "ops.held", rows)


def honoured(con: duckdb.DuckDBPyConnection, batch: Batch, gated: GateResult) -> tuple[GateResult, dict[str, set[str]]]:
    """Return the judgement of the gate with the groups that a person let in, and these groups by table."""
    rows = con.execute(
        "select table_id, group_name, check_name, payload_sha256 from ops.accepted where source = ? and batch_at = ?",
        [batch.name, naive_utc(batch.fetched_at)],
    ).fetchall()
    if not rows:
        return gated, {}
    bodies = {sha for frame in batch.tables.values() for sha in frame["payload_sha256"].unique()} | {""}
    let_in: dict[str, set[str]] = {}
    accepted, refused = dict(gated.accepted), dict(gated.refused)
    for table_id, group, check, sha in rows:
        if sha not in bodies:
            continue
        let_in.setdefault(table_id, set()).add(group)
        if check in GATE_CHECKS and table_id in refused:
            is_let_in = (_doubted(dataset(table_id)) == group) & pl.col("reason").str.starts_with(f"{check}: ")
            back = refused[table_id].filter(is_let_in).drop("reason")
            accepted[table_id] = pl.concat([accepted[table_id], back.select(accepted[table_id].columns)])
            refused[table_id] = refused[table_id].filter(~is_let_in)
    return replace(gated, accepted=accepted, refused=refused), let_in


def only(batch: Batch, gated: GateResult, groups: set[str]) -> tuple[Batch, GateResult]:
    """Return what a batch says of `groups`: the rest of it has landed. Tables without groups stay whole."""

    def cut(frames: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
        return {
            name: rows if dataset(name).group is None else rows.filter(dataset(name).group_expression.is_in(groups))
            for name, rows in frames.items()
        }

    windows = [window for window in batch.windows if window.group in {*groups, ""}]
    batch = replace(batch, tables=cut(batch.tables), windows=windows, payloads=(), problems=(), unknown=())
    return batch, replace(gated, accepted=cut(gated.accepted), refused=cut(gated.refused), checks=(), pages={})


def record_accepted(
    con: duckdb.DuckDBPyConnection, held: Sequence[Held], *, reason: str, accepted_by: str, now: datetime
) -> None:
    """Append to ops.accepted; `now` is naive UTC."""
    insert_rows(
        con,
        "ops.accepted",
        [
            (h.source, h.table_id, h.group, h.check, h.batch_at, h.payload_sha256, reason, accepted_by, now)
            for h in held
        ],
    )


def _doubted(table: Dataset) -> pl.Expr:
    """Return the column by which the gate doubts rows together."""
    return pl.lit("") if table.history is None else pl.col(table.history)


def _blocks(table: Dataset, refused: pl.DataFrame) -> pl.DataFrame:
    """Return group and reason of what the gate refused by a check that a person can settle, once each."""
    return (
        refused.select(group=_doubted(table), reason=pl.col("reason"))
        .with_columns(check=pl.col("reason").str.split(": ").list.first())
        .filter(pl.col("check").is_in(GATE_CHECKS), pl.col("group").is_not_null())
        .unique(["group", "check"], keep="first", maintain_order=True)
        .select("group", "reason")
    )


def _changes(answer: Answer, found: Sequence[tuple[str, str]]) -> pl.DataFrame:
    """Return the first changes of each group and check: key, held and came (structs), and how many there are."""
    keyed, keys = answer.keyed, answer.table.key_names
    rows = answer.refused.select(
        *keys,
        *answer.table.value_names,
        group_name=_doubted(answer.table),
        check_name=pl.col("reason").str.split(": ").list.first(),
    )
    pairs = pl.DataFrame(list(found), schema={"group_name": pl.String(), "check_name": pl.String()}, orient="row")
    with shown(answer.con, "landing_doubtful", rows), shown(answer.con, "landing_found", pairs):
        return answer.con.execute(
            f"""
            with one as (
                select f.group_name, f.check_name, {keyed.struct("d", keys)} as key,
                    case when {keyed.has_value("n")} then {keyed.struct("n", keyed.values)} end as held,
                    {keyed.struct("d", keyed.values)} as came
                from landing_found f join landing_doubtful d using (group_name, check_name)
                left join landing_newest n on {keyed.same("n", "d")}
                union all
                select f.group_name, f.check_name, {keyed.struct("n", keys)}, {keyed.struct("n", keyed.values)}, null
                from landing_found f
                join landing_gone g on g.group_name = f.group_name
                join landing_newest n on {keyed.same("n", "g")}
                where not list_contains($of_the_gate, f.check_name)
            )
            select *, count(*) over (partition by group_name, check_name) as changes_count
            from one where held is distinct from came
            qualify row_number() over (partition by group_name, check_name order by key) <= {_SHOWN}
            order by group_name, check_name, key
            """,
            {"of_the_gate": list(GATE_CHECKS)},
        ).pl()


def _body(answer: Answer, group: str) -> str:
    found = answer.con.execute(
        "select payload_sha256 from landing_bodies where group_name in (?, '') order by group_name desc", [group]
    ).fetchone()
    return str(found[0]) if found else ""


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, date | datetime) else str(value)
