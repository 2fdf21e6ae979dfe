"""The ledger of regime rows as the warehouse knows it: a table that no archive can give back.

analytics/regimes computes its rows; warehouse/schema/008_regime_days.sql, generated from there, creates it.
"""

from __future__ import annotations

from typing import Final

LEDGER: Final = "regime.days"

KEPT_ON_REBUILD: Final = "basis = 'lived' or model_version <> (select model_version from regime.model)"
"""Rows that a rebuild keeps: those that were lived, and those whose rules are gone. The others are computed anew."""
