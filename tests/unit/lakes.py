"""Lakes of the tests' own: a database each of one PostgreSQL, data in a folder."""

from __future__ import annotations

import itertools
from pathlib import Path

import duckdb

from tests.unit.postgres_server import OWNER, PASSWORD, Server
from warehouse.lake.attached import attach
from warehouse.lake.setting import Lake, lake_of

READER = (
    Path(__file__)
    .parents[2]
    .joinpath("docs", "lake.md")
    .read_text()
    .partition("```sql\n")[2]
    .partition("```")[0]
    .replace("'a password of its own'", "'{password}'")
    .replace("database lake ", "database {database} ")
    .strip()
    .removesuffix(";")
)
"""The statements of docs/lake.md that make a role which only reads."""

_numbers = itertools.count()


def new_address(server: Server, data: str | Path, user: str = OWNER, password: str = PASSWORD) -> str:
    """Return the setting of a lake in a database that did not exist."""
    name = f"lake_{next(_numbers)}"
    server.asked(f"create database {name}")
    return f"postgresql://{user}:{password}@127.0.0.1:{server.port}/{name}?data={data}"


def address_of(lake: Lake) -> str:
    """Return the setting of a lake, password and all."""
    return lake.address.replace("://gauge_owner@", f"://gauge_owner:{PASSWORD}@")


def new_lake(server: Server, data: str | Path) -> Lake:
    return lake_of(new_address(server, data))


def opened(lake: Lake, **options: object) -> duckdb.DuckDBPyConnection:
    """Return a connection with the lake attached as `lake`."""
    con = duckdb.connect()
    attach(con, lake, **options)  # type: ignore[arg-type]
    return con
