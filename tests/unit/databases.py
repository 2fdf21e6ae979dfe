"""Empty build files, in a folder of their own and in a home. Making the schema takes half a second, a copy of the file
a tenth of that."""

from __future__ import annotations

import shutil
import tempfile
from datetime import datetime
from functools import cache
from itertools import count
from pathlib import Path

import duckdb

from ingest.catalog import load_catalog
from ingest.home import Home
from warehouse.connection import connect, migrate
from warehouse.reference import replace_reference

_FOLDER = tempfile.TemporaryDirectory(prefix="tidegauge-empty-")  # goes with this process


def empty_build(reference_at: datetime | None = None) -> duckdb.DuckDBPyConnection:
    """Return a build file as a first run finds it after migration, with the catalog as of a moment if one is given."""
    path = Path(_FOLDER.name) / f"build-{next(_numbers)}.duckdb"
    shutil.copyfile(_made(reference_at), path)
    con = duckdb.connect(str(path))
    path.unlink()  # it lives as long as the connection
    con.execute("set TimeZone = 'UTC'")
    con.execute("pragma disable_checkpoint_on_shutdown")
    return con


def opened_build(home: Home) -> duckdb.DuckDBPyConnection:
    """Open the build file of a home, migrated; a home without one gets it as `migrate` leaves it in a new file."""
    if not home.warehouse.exists():
        home.warehouse.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_made(None), home.warehouse)
    return connect(home)


_numbers = count()


@cache
def _made(reference_at: datetime | None) -> Path:
    path = Path(_FOLDER.name) / f"{_made.cache_info().misses}.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("set TimeZone = 'UTC'")
        migrate(con)
        if reference_at is not None:
            replace_reference(con, load_catalog(), reference_at)
    return path
