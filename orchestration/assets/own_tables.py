"""Assets whose tables this project computes itself, in polars, between the raw tables and dbt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dagster import AssetKey, AssetSpec, MaterializeResult

from orchestration.assets.described import COLUMN_SCHEMA, OWNERS, schema_of
from orchestration.assets.table_facts import Facts
from warehouse.own_tables import own_table


def own_specs(tables: Mapping[str, str], deps: Iterable[AssetKey]) -> list[AssetSpec]:
    """Return the assets of `tables`, "schema.name" to description, each of which depends on `deps`."""
    keys = list(deps)
    return [
        AssetSpec(
            AssetKey(table.split(".")),
            group_name="analytics",
            kinds={"polars", "duckdb"},
            owners=OWNERS,
            description=text,
            metadata={COLUMN_SCHEMA: schema_of(own_table(table).columns)},
            deps=keys,
            skippable=False,
        )
        for table, text in tables.items()
    ]


def own_results(tables: Iterable[str], facts: Facts, metadata: Mapping[str, Any]) -> Iterator[MaterializeResult[None]]:
    """Yield that each table was brought up to date, with what the step says of all and the facts of its own."""
    for table in tables:
        yield MaterializeResult(asset_key=AssetKey(table.split(".")), metadata={**metadata, **facts.get(table, {})})
