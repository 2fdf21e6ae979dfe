"""The published tables of the regimes, as tables.yml declares them."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Final

from warehouse.declared_tables import DeclaredTable, declared_table
from warehouse.derived_table import DerivedTable, Rule

_DECLARATIONS: Final = Path(__file__).with_name("tables.yml")


def regime_table(name: str, *rules: Rule, **figures: object) -> DerivedTable:
    """Return a table of the schema marts with its rules; `figures` are named in its comments."""
    table = declared_table(_DECLARATIONS, f"marts.{name}", **figures)
    return DerivedTable(**{field.name: getattr(table, field.name) for field in fields(DeclaredTable)}, rules=rules)
