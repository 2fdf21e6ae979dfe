"""Answers of which the gate left so little, or that are dated so wrongly, that their source is not simply `ok`."""

from __future__ import annotations

import polars as pl

_EXAMPLES = 5


def refused_groups(accepted: pl.DataFrame, refused: pl.DataFrame, group: pl.Expr, period: str) -> dict[str, str]:
    """Return the groups (in their order) whose answer does not stand, each with the reason most of its rows have.

    Those of which everything was refused, more than a single row; and those with a refused row that has no period, or
    one after the day it was fetched: what it belongs to nobody knows. `refused` has `reason`; frames without columns
    are empty.
    """
    if refused.is_empty():
        return {}
    rows = refused.select(
        group.alias("group_name"),
        "reason",
        (pl.col(period).is_null() | (pl.col(period) > pl.col("fetched_at").dt.date())).alias("is_displaced"),
    )
    # not select(): of no rows that makes one row of a literal
    landed = accepted.with_columns(group.alias("group_name"))["group_name"] if accepted.width else pl.Series([""])[:0]
    is_whole = pl.col("group_name").is_in(landed.unique().implode()).not_() & (pl.len().over("group_name") > 1)
    found = (
        rows.filter(is_whole | pl.col("is_displaced").any().over("group_name"))
        .group_by("group_name", "reason")
        .agg(pl.len())
        .sort("group_name", "len", "reason")
        .unique("group_name", keep="last", maintain_order=True)
    )
    return dict(found.select("group_name", "reason").iter_rows())


def refused_sentence(source: str, table_id: str, groups: dict[str, str]) -> str | None:
    """Return what a person reads of these groups, None when there are none."""
    if not groups:
        return None
    told = [f"{group}: {reason}" if group else reason for group, reason in list(groups.items())[:_EXAMPLES]]
    more = "; …" if len(groups) > _EXAMPLES else ""
    count = len(groups)
    return (
        f"{source}: {table_id}: the answer about {count} group{'s' if count > 1 else ''} was refused, whole or for its "
        f"dates: {'; '.join(told)}{more}"
    )
