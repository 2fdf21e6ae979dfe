"""The one committer of the lake: finished Parquet files become rows of a table, all in one transaction or none.

Whoever computes writes files only. Files are added and taken out whole, never rows of one, and nothing is inlined into
the catalog: whoever reads the files of a snapshot has exactly its rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

import duckdb

from warehouse.lake.attached import newest_snapshot
from warehouse.sql import quoted, text

AUTHOR: Final = "tidegauge"


def register(
    con: duckdb.DuckDBPyConnection,
    table: str,
    files: Sequence[str],
    *,
    comment: str,
    replace: bool = False,
    name: str = "lake",
) -> int:
    """Add finished Parquet files to `schema.table` of the attached lake; return the snapshot that has them.

    A table that is not there is made with the columns of the first file; columns that it does not have yet are added.
    A file that the table has already is left out; nothing is committed where none is left. With `replace` the files
    become all that the table has. The caller has no transaction open: one of DuckDB writes to one database.
    """
    with committing(con, comment, name=name) as commit:
        commit.add(table, files, replace=replace)
    return newest_snapshot(con, name)


class Commit:
    """A transaction of the lake: what is added to it becomes visible at once, at its end."""

    def __init__(self, con: duckdb.DuckDBPyConnection, name: str) -> None:
        self._con = con
        self._name = name
        self.is_empty = True

    def add(self, table: str, files: Sequence[str], *, replace: bool = False) -> None:
        """Add files to a table, as `register` does."""
        schema, _, plain = table.rpartition(".")
        target = f"{quoted(self._name)}.{quoted(schema)}.{quoted(plain)}"
        is_there = self._has(schema, plain)
        held = self._held(schema, plain) if is_there and not replace else set()
        new = [file for file in dict.fromkeys(files) if file not in held]
        if not new:
            return
        self.is_empty = False
        if not is_there or replace:
            self._con.execute(f"create schema if not exists {quoted(self._name)}.{quoted(schema)}")
            self._con.execute(f"create or replace table {target} as {_nothing_of(new[0])}")
        self._widen(target, new)
        self._con.execute(
            f"call ducklake_add_data_files({text(self._name)}, {text(plain)}, [{', '.join(text(one) for one in new)}],"
            f" schema => {text(schema)}, allow_missing => true)"
        )

    def create(self, table: str, columns: Sequence[tuple[str, str]], comment: str) -> None:
        """Create a table of these names and types without rows, unless it is there with all of them."""
        schema, _, plain = table.rpartition(".")
        target = f"{quoted(self._name)}.{quoted(schema)}.{quoted(plain)}"
        if not self._has(schema, plain):
            self.is_empty = False
            typed = ", ".join(f"{quoted(column)} {kind}" for column, kind in columns)
            self._con.execute(f"create schema if not exists {quoted(self._name)}.{quoted(schema)}")
            self._con.execute(f"create table {target} ({typed})")
            self._con.execute(f"comment on table {target} is {text(comment)}")
            return
        held = {column for column, *_ in self._con.execute(f"describe {target}").fetchall()}
        for column, kind in columns:
            if column not in held:
                self.is_empty = False
                self._con.execute(f"alter table {target} add column {quoted(column)} {kind}")

    def files_of(self, table: str) -> set[str]:
        """Return the addresses of the files of a table, none where it is not there."""
        schema, _, plain = table.rpartition(".")
        return self._held(schema, plain) if self._has(schema, plain) else set()

    def take_out(self, table: str, files: Sequence[str]) -> None:
        """Take whole files out of a table; earlier snapshots keep them."""
        if not files:
            return
        self.is_empty = False
        schema, _, plain = table.rpartition(".")
        listed = ", ".join(text(one) for one in files)
        self._con.execute(
            f"delete from {quoted(self._name)}.{quoted(schema)}.{quoted(plain)} where filename in ({listed})"
        )

    def _has(self, schema: str, table: str) -> bool:
        known = "select 1 from duckdb_tables() where database_name = ? and schema_name = ? and table_name = ?"
        return self._con.execute(known, [self._name, schema, table]).fetchone() is not None

    def _held(self, schema: str, table: str) -> set[str]:
        files = f"ducklake_list_files({text(self._name)}, {text(table)}, schema => {text(schema)})"
        return {file for (file,) in self._con.execute(f"select data_file from {files}").fetchall()}

    def _widen(self, target: str, files: Sequence[str]) -> None:
        """Add the columns of the files that the table does not have yet."""
        held = {column for column, *_ in self._con.execute(f"describe {target}").fetchall()}
        for file in files:
            for column, kind, *_ in self._con.execute(f"describe {_nothing_of(file)}").fetchall():
                if column not in held:
                    self._con.execute(f"alter table {target} add column {quoted(column)} {kind}")
                    held.add(column)


@contextmanager
def committing(con: duckdb.DuckDBPyConnection, comment: str, *, name: str = "lake") -> Iterator[Commit]:
    """Begin a transaction of the lake and commit it with `comment`; an error, or nothing added, rolls it back."""
    commit = Commit(con, name)
    con.begin()
    try:
        yield commit
        if commit.is_empty:
            con.rollback()
            return
        con.execute(f"call ducklake_set_commit_message({text(name)}, {text(AUTHOR)}, {text(comment)})")
        con.commit()
    except BaseException:
        with suppress(duckdb.TransactionException):  # a commit that failed has ended the transaction itself
            con.rollback()
        raise


def _nothing_of(file: str) -> str:
    return f"select * from read_parquet({text(file)}) limit 0"
