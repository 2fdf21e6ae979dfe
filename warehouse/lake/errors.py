"""What goes wrong with the lake, as one line without passwords."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from ingest.errors import HomeUnusable, told
from warehouse.lake.setting import Lake


class LakeUnusable(HomeUnusable):
    """The lake's catalog or data cannot be reached, or belongs to another version; nothing of it was changed."""


class LakeMissing(LakeUnusable):
    """The database has no lake yet."""


class LakeLost(LakeUnusable):
    """The lake does not have what the home or a release put there."""

    remedy = (
        "set TIDEGAUGE_LAKE to the right one; if it is lost, `tidegauge rebuild` and then `tidegauge run` fill an "
        "empty one from the archive"
    )


@contextmanager
def lake_errors(lake: Lake) -> Iterator[None]:
    """Turn what DuckDB says of the catalog or the data into LakeUnusable."""
    try:
        yield
    except duckdb.Error as error:
        if "creating a new DuckLake is explicitly disabled" in str(error):
            raise LakeMissing(f"{lake.address}: there is no lake yet") from error
        raise LakeUnusable(_sentence(lake, str(error))) from error


def _sentence(lake: Lake, said: str) -> str:
    said = told(said)
    if "does not match existing data path" in said:
        held = said.partition("in the catalog ")[2].split('"')[1]
        return f"{lake.address}: the data of this catalog lies in {held}, TIDEGAUGE_LAKE says data={lake.data}"
    if "No snapshot found" in said:
        return (
            f"{lake.address} has no snapshot {said.rpartition(' ')[2]} any more: `tidegauge lake expire` forgot it, "
            f"or the lake is another: {LakeLost.remedy}"
        )
    if "Unable to connect to Postgres" in said:
        return f"the lake's catalog ({lake.catalog}) cannot be reached: {said.rpartition('failed: ')[2]}"
    if "catalog version" in said.lower() or "DuckLake version" in said:
        return f"{lake.address}: the catalog is of another version of DuckLake: {said}"
    return f"{lake.address}: {said}"
