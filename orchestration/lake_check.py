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
        return lake, _seen(lake, home)
    except TidegaugeError as error:
        return lake, Finding("lake", "bad", str(error), "", error.exit_code)


def lake_loss(settings: Settings, home: Home) -> str | None:
    """Return what is wrong with the lake of a home as a sentence; None where nothing is, or where it has none."""
    from warehouse.lake.belonging import has_lake

    if not has_lake(home):
        return None
    from orchestration.session import lake_for

    try:
        lake = lake_for(home, settings)
        assert lake is not None  # or lake_for said so
        _newest(lake, home)
    except TidegaugeError as error:
        return str(error)
    return None


def _newest(lake: Lake, home: Home) -> int | None:
    """Return the newest snapshot of the lake, None where it is still to be made; LakeUnusable says what is wrong."""
    import duckdb

    from warehouse.lake.attached import attach, newest_snapshot
    from warehouse.lake.belonging import has_lake, require_ours
    from warehouse.lake.errors import LakeLost, LakeMissing

    with duckdb.connect() as con:
        try:
            attach(con, lake, read_only=True)
        except LakeMissing:
            if has_lake(home):
                raise LakeLost(f"{lake.address} has nothing of this home any more: {LakeLost.remedy}") from None
            return None
        require_ours(con, home, lake)
        return newest_snapshot(con)


def _seen(lake: Lake, home: Home) -> Finding:
    import duckdb

    from warehouse.lake.attached import FORMAT

    snapshot = _newest(lake, home)
    _require_writable(lake)
    if snapshot is None:
        return Finding("lake", "note", f"{lake.address}: none yet", "The first run makes it.")
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
