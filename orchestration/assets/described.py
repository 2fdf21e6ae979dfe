"""What Dagster's pages say of dbt's models and tests: layer and pack, owners, compiled SQL, each check in words.

All of it is read when the definitions are, and costs a run nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from dagster import AssetCheckSpec, AssetSpec, MetadataValue, TableColumn, TableSchema
from dagster_dbt import DagsterDbtTranslator, DbtProject

from orchestration.dbt_state import state

OWNERS: Final = ["team:tidegauge"]
COLUMN_SCHEMA: Final = "dagster/column_schema"

_GROUPS: Final = {"seeds": "reference"}
_COMMENT: Final = re.compile(r"\s*(?:\{#-?(?P<block>.*?)-?#\}|(?P<lines>(?:--[^\n]*\n)+))", re.DOTALL)


def schema_of(columns: Sequence[tuple[str, str, str | None]]) -> TableSchema:
    """Return the schema that a page shows, from names, types and comments."""
    return TableSchema(columns=[TableColumn(name, kind, description=said) for name, kind, said in columns])


class Described(DagsterDbtTranslator):
    """Keys are dbt's own: schema and name. Marts stand in the group of their pack, the rest in that of its layer."""

    @cached_property
    def _folder(self) -> Path:
        """Where dbt writes; asked once, because every file of the project is read for it."""
        return state().folder / "compiled"

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """Return staging, intermediate, reference, meta, or marts_<pack>."""
        schema = str(dbt_resource_props["schema"])
        folders = dbt_resource_props.get("fqn") or []
        return f"marts_{folders[2]}" if schema == "marts" and len(folders) > 3 else _GROUPS.get(schema, schema)

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str]:  # noqa: ARG002  # Dagster's signature
        """Return who answers for it."""
        return OWNERS

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """Return the description alone: the SQL is in the metadata, compiled."""
        return str(dbt_resource_props.get("description") or "")

    def get_metadata(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the columns with their descriptions, and the SQL as dbt last ran it in this home."""
        found = dict(super().get_metadata(dbt_resource_props))
        sql = _compiled(dbt_resource_props, self._folder)
        return {**found, "compiled_sql": MetadataValue.md(f"```sql\n{sql}\n```")} if sql else found

    def get_asset_check_spec(
        self, asset_spec: AssetSpec, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> AssetCheckSpec | None:
        """Return the check of a test, with what it holds in words."""
        found = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        return found._replace(description=check_text(manifest["nodes"][unique_id])) if found else None


def check_text(test: Mapping[str, Any]) -> str:
    """Return what a dbt test holds, in words: of a singular test the comment at its head."""
    of = test.get("test_metadata")
    if of is None:
        head = _COMMENT.match(test.get("raw_code") or "")
        said = (head["block"] or re.sub(r"^\s*--", " ", head["lines"], flags=re.MULTILINE)) if head else ""
        return " ".join(said.split())
    values: Mapping[str, Any] = of["kwargs"]
    parts = [_HOLDS[of["name"]](values) if of["name"] in _HOLDS else f"{of['name']}."]
    if values.get("reason"):
        parts.append(f"{values['reason'][:1].upper()}{values['reason'][1:]}.")
    if values.get("tolerated_rows"):
        parts.append(f"Up to {values['tolerated_rows']} rows are tolerated.")
    return " ".join(parts)


def _expressions(values: Mapping[str, Any]) -> str:
    return "In every row: " + "; ".join(f"`{' '.join(one.split())}`" for one in values["expressions"]) + "."


def _ranges(values: Mapping[str, Any]) -> str:
    return "; ".join(f"{name} {low:,} to {high:,}" for name, (low, high) in values["ranges"].items()) + "."


def _seed(values: Mapping[str, Any]) -> str:
    more = "".join(f" `{one}`." for one in values.get("before") or ())
    return f"Every row names its source, and its dates can be ({', '.join(values['dates'])}).{more}"


_HOLDS: Final = {
    "unique_key": lambda values: f"One row per {', '.join(values['columns'])}, none of them NULL.",
    "expressions_are_true": _expressions,
    "values_in_range": _ranges,
    "seed_rows_are_sound": _seed,
}


def _compiled(node: Mapping[str, Any], folder: Path) -> str | None:
    """Return the text that dbt compiled of a mart the last time it built it in this home."""
    if node.get("resource_type") != "model" or node.get("schema") != "marts":
        return None
    path: Path = folder / node["package_name"] / node["original_file_path"]
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return None  # nothing was built here yet
