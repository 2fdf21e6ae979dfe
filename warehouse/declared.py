"""Changes of held history that the publisher is not declared to make: they wait for a person.

    never     any held value whose release is past that came as another one, came as missing, or is gone
    rare      more than RARE_COUNT values of a group that came as others at once
    routine   nothing waits

What is gone, and how much of it at once is too much, says absence.py; here it counts where nothing ever changes. Gaps
that are filled are no changes, nor is what the provider itself dates. Only the changes wait: the rest of the answer
lands.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from ingest.catalog import Catalog
from ingest.dataset import Dataset
from ingest.registry import Revisions
from warehouse.absence import HeldGroup
from warehouse.answer import Answer
from warehouse.records import shown
from warehouse.vintages import released

REVISION_CHECK: Final = "revisions_are_declared"
RARE_COUNT: Final = 5
"""A publisher that changes its history rarely changes no more values of a group at once."""

CHECKS: Final = {REVISION_CHECK: "No publisher changed more of its history than the catalog declares it to."}


def declared(table: Dataset, catalog: Catalog) -> dict[str, Revisions]:
    """Return what each group is declared to do, those of a table under its one name ""; routine ones left out."""
    if not table.is_series:
        return {} if table.revisions == "routine" else {"": table.revisions}
    return {series.id: series.revisions for series in catalog.series if series.revisions != "routine"}


def undeclared(answer: Answer, catalog: Catalog) -> tuple[list[HeldGroup], pl.DataFrame]:
    """Return the groups that changed beyond what is declared, and the keys that changed (with `group_name`).

    Called after `vintages.take_releases`.
    """
    rules = declared(answer.table, catalog)
    if not rules:
        return [], pl.DataFrame(schema={"group_name": pl.String()})
    keys = ", ".join(f"d.{name}" for name in answer.keyed.keys)
    rule = "d.group_name" if answer.table.is_series else "''"
    changed = answer.con.execute(
        f"""
        select d.group_name, {rule} as rule_name, {keys}, d.{answer.table.period} as changed_period
        from (
            select group_name, {", ".join(answer.keyed.keys)}, fetched_at, is_restated
            from landing_differing where is_restated or is_emptied
            union all by name
            select *, $fetched_at as fetched_at, false as is_restated from landing_gone
        ) d join landing_releases r on {released(answer, "d")}
        where r.release_at <= d.fetched_at
            and (list_contains($never, rule_name) or (is_restated and list_contains($rare, rule_name)))
        """,
        {
            "never": [name for name, rule in rules.items() if rule == "never"],
            "rare": [name for name, rule in rules.items() if rule == "rare"],
            "fetched_at": answer.fetched_at,
        },
    ).pl()
    counted = changed.group_by("group_name", "rule_name").agg(
        pl.len().alias("changed_count"),
        pl.col("changed_period").min().alias("first_date"),
        pl.col("changed_period").max().alias("last_date"),
    )
    held = [
        HeldGroup(group, REVISION_CHECK, _told(count, first, last, rules[rule]))
        for group, rule, count, first, last in counted.sort("group_name").iter_rows()
        if rules[rule] == "never" or count > RARE_COUNT
    ]
    names = [one.group for one in held]
    return held, changed.filter(pl.col("group_name").is_in(names)).drop("rule_name", "changed_period")


def sentence(source: str, table_id: str, held: list[HeldGroup]) -> str | None:
    """Return what a person reads of the changes that did not land, None when there are none."""
    if not held:
        return None
    told = "; ".join(f"{one.group}: {one.told}" if one.group else one.told for one in held[:5])
    more = "; …" if len(held) > 5 else ""
    return (
        f"{source}: {table_id}: history changed more than it is declared to, the changes did not land: {told}{more}. "
        "`tidegauge accept` shows them and lets them in"
    )


def forget(answer: Answer, changed: pl.DataFrame) -> None:
    """Take the changes out of what is to land."""
    if changed.is_empty():
        return
    with shown(answer.con, "landing_changed", changed):
        for relation in ("landing_differing", "landing_gone"):
            answer.con.execute(
                f"delete from {relation} as d using landing_changed c where {answer.keyed.same('d', 'c')}"
            )


def _told(count: int, first: object, last: object, rule: Revisions) -> str:
    span = str(first) if first == last else f"{first} to {last}"
    values = "value" if count == 1 else "values"
    return f"{count:,} {values} changed ({span}), declared to change {_HOW_OFTEN[rule]}"


_HOW_OFTEN: Final = {"never": "never", "rare": f"rarely, and no more than {RARE_COUNT} at once", "routine": "often"}
