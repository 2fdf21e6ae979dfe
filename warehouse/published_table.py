"""The tables of the published file that publication itself writes, as warehouse/tables/meta.yml declares them."""

from __future__ import annotations

from typing import Final

from warehouse.declared_tables import declared_tables
from warehouse.own_tables import FOLDER

RELEASED: Final = ("marts", "claims", "meta")
"""The schemas of a release."""

IN_RELEASE: Final = f"schema_name in {RELEASED}"

PUBLISH_TABLES: Final = declared_tables(FOLDER / "meta.yml")
"""What publication itself writes; every other table of the file is a dbt model, of the regimes or of the claims."""

_BY_NAME: Final = {table.name: table for table in PUBLISH_TABLES}
BUILD: Final = _BY_NAME["build"]
QUALITY: Final = _BY_NAME["quality"]
CHECKS: Final = _BY_NAME["checks"]
RUNS: Final = _BY_NAME["runs"]
REGIME_LEDGER: Final = _BY_NAME["regime_ledger"]
ACCEPTANCES: Final = _BY_NAME["acceptances"]
AS_OF: Final = _BY_NAME["as_of"]
AS_OF_PARTS: Final = _BY_NAME["as_of_parts"]
READINGS: Final = _BY_NAME["readings"]
CHARTS: Final = _BY_NAME["charts"]
KEYS: Final = _BY_NAME["keys"]
LINEAGE: Final = _BY_NAME["lineage"]
DEFINITIONS: Final = _BY_NAME["definitions"]
LAKE_FINGERPRINTS: Final = _BY_NAME["lake_fingerprints"]
