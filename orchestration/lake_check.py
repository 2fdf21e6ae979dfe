"""Whether the lake of TIDEGAUGE_LAKE can be used: the packages, the catalog, and the place for its data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.errors import ConfigError, HomeUnusable, TidegaugeError
from ingest.home import Home
from ingest.settings import Settings
from orchestration.finding import Finding

if TYPE_CHECKING:
    from warehouse.lake.setting import Lake


def lake_finding(settings: Settings, home: Home) -> tuple[Lake | None, Finding | None]:
    """Return the lake and what was seen of it; neither where none is set and the home needs none.

    Nothing is created but an object on S3, which is removed at once: nothing else proves that one may be.
    """
    from orchestration.session import lake_for

    try:
        lake = lake_for(home, settings)
    except ConfigError as error:
        return None, Finding("lake", "bad", str(error), "", ConfigError.exit_code)
    if lake is None:
        return None, None
    try:
        return lake, _seen(lake)
    except TidegaugeError as error:
        return lake, Finding("lake", "bad", str(error), "", error.exit_code)


def _seen(lake: Lake) -> Finding:
    import duckdb

    from warehouse.lake.attached import FORMAT, attach, newest_snapshot
    from warehouse.lake.errors import LakeMissing

    with duckdb.connect() as con:
        try:
            attach(con, lake, read_only=True)
        except LakeMissing:
            _require_writable(lake)
            return Finding("lake", "note", f"{lake.address}: none yet", "The first run makes it.")
        snapshot = newest_snapshot(con)
    _require_writable(lake)
    seen = f"{lake.address}: snapshot {snapshot}, format {FORMAT}, DuckDB {duckdb.__version__}, data can be written"
    return Finding("lake", "good", seen)


def _require_writable(lake: Lake) -> None:
    """HomeUnusable where files cannot be put beside the data."""
    if lake.is_on_s3:
        from warehouse.snapshot_store import BucketStore

        BucketStore(lake).prove_writable()
        return
    folder = Path(lake.data)
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise HomeUnusable(f"{folder} cannot be written to")
