"""The publishers: one file each. This is the whole list; a module is imported when its source is asked."""

from __future__ import annotations

from importlib import import_module
from typing import Final, cast

from ingest.catalog import SourceName
from ingest.connector import SourceModule

SOURCE_MODULES: Final[dict[SourceName, str]] = {
    "federal_reserve": "ingest.sources.federal_reserve.federal_reserve",
    "new_york_fed": "ingest.sources.new_york_fed.new_york_fed",
    "treasury": "ingest.sources.treasury.treasury",
    "japan_mof": "ingest.sources.japan_mof.japan_mof",
    "cboe": "ingest.sources.cboe.cboe",
    "yahoo": "ingest.sources.yahoo.yahoo",
    "ofr": "ingest.sources.ofr.ofr",
    "finra": "ingest.sources.finra.finra",
    "fred": "ingest.sources.fred.fred",
    "user_file": "ingest.sources.user_file.user_file",
}


def source_module(name: SourceName) -> SourceModule:
    """Return the module of a source; KeyError for a name that is none."""
    return cast(SourceModule, import_module(SOURCE_MODULES[name]))
