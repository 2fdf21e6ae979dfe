"""The ledger of regime rows as the warehouse knows it: a table that no archive can give back.

It is declared in warehouse/tables/regime.yml; analytics/regimes computes its rows.
"""

from __future__ import annotations

from typing import Final

LEDGER: Final = "regime.days"

MODEL_VERSION: Final = "2"
"""Raised whenever a rule or a threshold changes: rows of another version are computed anew beside the old ones."""

KEPT_ON_REBUILD: Final = f"basis = 'lived' or model_version <> '{MODEL_VERSION}'"
"""Rows that a rebuild keeps: those that were lived, and those whose rules are gone. The others are computed anew."""
