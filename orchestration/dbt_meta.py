"""What the dbt models say of themselves in their `meta`, taken from dbt's manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from warehouse.presentation import MartMeta, Presentation, presentation_of

SCHEMA: Final = "marts"


def presentation(manifest: Mapping[str, Any]) -> Presentation:
    """Return the readings and charts that the marts declare; ConfigError names the one that cannot be shown."""
    return presentation_of(marts_of(manifest))


def marts_of(manifest: Mapping[str, Any]) -> Iterator[MartMeta]:
    """Yield the marts with their columns and what each says."""
    for node in manifest["nodes"].values():
        if node["resource_type"] == "model" and node["schema"] == SCHEMA:
            columns = {name: _meta(column) for name, column in node["columns"].items()}
            yield MartMeta(node["name"], columns, _meta(node))


def _meta(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (entry.get("config") or {}).get("meta") or {}
    return found
