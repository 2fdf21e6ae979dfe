"""What the dbt models say of themselves in their `meta`, taken from dbt's manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from warehouse.presentation import MartMeta, Presentation, presentation_of

SCHEMA: Final = "marts"
KEY_TEST: Final = "unique_key"


def presentation(manifest: Mapping[str, Any]) -> Presentation:
    """Return the readings and charts that the marts declare; ConfigError names the one that cannot be shown."""
    return presentation_of(marts_of(manifest))


def marts_of(manifest: Mapping[str, Any]) -> Iterator[MartMeta]:
    """Yield the marts with their columns and what each says."""
    keys = dict(_keys(manifest))
    for unique_id, node in manifest["nodes"].items():
        if node["resource_type"] == "model" and node["schema"] == SCHEMA:
            columns = {name: _meta(column) for name, column in node["columns"].items()}
            yield MartMeta(node["name"], columns, _meta(node), keys.get(unique_id, ()))


def _keys(manifest: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the models that a test holds unique by some columns, with these."""
    for node in manifest["nodes"].values():
        test = node.get("test_metadata") or {}
        if test.get("name") == KEY_TEST and node.get("attached_node"):
            yield node["attached_node"], tuple(test["kwargs"]["columns"])


def _meta(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (entry.get("config") or {}).get("meta") or {}
    return found
