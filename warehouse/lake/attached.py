"""The lake in a DuckDB connection: extensions of the installed packages, secrets, the catalog, the right versions.

Nothing is downloaded: the extensions are those of the packages of the extra `scale`, made for exactly one release of
DuckDB. Passwords and keys go into secrets of the connection, which DuckDB shows redacted, never into an address.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Final

import duckdb

from ingest.errors import ConfigError
from warehouse.lake.errors import LakeUnusable, lake_errors
from warehouse.lake.keys import catalog_secret, create_secrets, drop_secrets
from warehouse.lake.setting import Lake
from warehouse.sql import one, quoted, text

FORMAT: Final = "1.0"
"""Of DuckLake's catalog: what the pinned extension reads and writes."""

_RETRIES: Final = 100
"""Of a commit that meets another; ten, the default, are too few for two writers at once."""


def attach(
    con: duckdb.DuckDBPyConnection,
    lake: Lake,
    *,
    name: str = "lake",
    read_only: bool = False,
    snapshot: int | None = None,
) -> None:
    """Attach the lake as `name`: at `snapshot`, which is read-only, or at the newest. A catalog is made if needed.

    ConfigError where packages or keys are missing, LakeUnusable where the catalog cannot be used.
    """
    assert not is_attached(con, name), f"bug: {name} is attached already"
    load_extensions(con, lake)
    create_secrets(con, lake, name)
    options = [f"data_path {text(lake.data)}", "data_inlining_row_limit 0"]
    if lake.password is not None:
        options.append(f"meta_secret {text(catalog_secret(name))}")
    if read_only or snapshot is not None:
        options.append("read_only")
    if snapshot is not None:
        options.append(f"snapshot_version {int(snapshot)}")
    address = text(f"ducklake:postgres:{lake.catalog}")
    try:
        with lake_errors(lake):
            con.execute(f"attach {address} as {quoted(name)} ({', '.join(options)})")
            _require_format(con, lake, name)
    except LakeUnusable:
        detach(con, name)
        raise


def detach(con: duckdb.DuckDBPyConnection, name: str = "lake") -> None:
    """Let go of the lake and of its secrets."""
    con.execute(f"detach database if exists {quoted(name)}")
    drop_secrets(con, name)


def is_attached(con: duckdb.DuckDBPyConnection, name: str = "lake") -> bool:
    """Say whether the connection has a database of that name."""
    return bool(one(con, "select count(*) from duckdb_databases() where database_name = ?", name))


def newest_snapshot(con: duckdb.DuckDBPyConnection, name: str = "lake") -> int:
    """Return the newest snapshot of an attached lake, or the one at which it is attached."""
    return int(one(con, f"select id from {quoted(name)}.current_snapshot()"))


def load_extensions(con: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """Load what this lake needs into the connection; ConfigError where a package is missing or of another release."""
    for name in ("postgres_scanner", *(("httpfs",) if lake.is_on_s3 else ()), "ducklake"):
        con.execute(f"load {text(str(extension(name)))}")
    con.execute(f"set ducklake_max_retry_count = {_RETRIES}")


@cache
def extension(name: str) -> Path:
    """Return the file of an extension of DuckDB, from its package."""
    package = f"duckdb-extension-{name.replace('_', '-')}"
    found = importlib.util.find_spec(f"duckdb_extension_{name}")
    folders = (found and found.submodule_search_locations) or ()
    files = sorted(file for folder in folders for file in Path(folder).glob(f"extensions/v*/{name}.duckdb_extension"))
    if not files:
        raise ConfigError(f"TIDEGAUGE_LAKE needs the package {package}: pip install 'tidegauge[scale]'")
    releases = {file.parent.name.removeprefix("v"): file for file in files}
    if duckdb.__version__ not in releases:
        raise ConfigError(
            f"{package} is for DuckDB {' and '.join(releases)}, installed is DuckDB {duckdb.__version__}: "
            "pip install 'tidegauge[scale]' brings the two that fit"
        )
    return releases[duckdb.__version__]


def _require_format(con: duckdb.DuckDBPyConnection, lake: Lake, name: str) -> None:
    held = one(
        con, f"select value from {quoted(f'__ducklake_metadata_{name}')}.ducklake_metadata where key = 'version'"
    )
    if held != FORMAT:
        raise LakeUnusable(f"{lake.address}: its catalog has format {held} of DuckLake, this version needs {FORMAT}")
