"""A release as files: Parquet and CSV, one a table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import duckdb

from ingest.errors import TargetUnusable
from serving.publish.release import Build, Table
from serving.query.exports import FORMULA_STARTS
from serving.units import unit_of
from warehouse.sql import quoted, text

_ROWS_AT_ONCE: Final = 122_880


def write_parquet(
    con: duckdb.DuckDBPyConnection, tables: Sequence[Table], folder: Path, build: Build
) -> list[dict[str, Any]]:
    """Write a file for each table: zstd, typed, comments and units with the fields and, as JSON, with the file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    written = []
    for table in tables:
        path = _place(folder, table, "parquet")
        reader = con.sql(table.select()).to_arrow_reader(_ROWS_AT_ONCE)
        fields = [_described(field, table) for field in reader.schema]
        schema = pa.schema(fields, metadata=_about(table, build))
        rows = 0
        try:
            with pq.ParquetWriter(path, schema, compression="zstd") as writer:
                for batch in reader:
                    writer.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=schema), _ROWS_AT_ONCE)
                    rows += batch.num_rows
        except pa.ArrowNotImplementedError as error:
            raise TargetUnusable(f"{table.path}: parquet cannot hold a column of it: {error}") from None
        written.append(_entry(folder, path, table, rows))
    return written


def _described(field: Any, table: Table) -> Any:
    column = table.columns[table.names.index(field.name)]
    told = {"comment": column.comment, "unit": unit_of(column.name) or ""}
    return field.with_metadata({key: value for key, value in told.items() if value})


def _about(table: Table, build: Build) -> dict[str, str]:
    return {
        "table": table.path,
        "comment": table.comment,
        "build_id": build.build_id,
        "built_at": f"{build.built_at.isoformat()}Z",
        "origin": build.origin,
        "is_simulated": json.dumps(build.is_simulated),
        "key": json.dumps(table.key),
        "columns": json.dumps(
            {one.name: {"comment": one.comment, "unit": unit_of(one.name)} for one in table.columns}, ensure_ascii=False
        ),
    }


def write_csv(con: duckdb.DuckDBPyConnection, tables: Sequence[Table], folder: Path) -> list[dict[str, Any]]:
    """Write a file for each table, UTF-8 with a header: NULL is empty, empty text is quoted.

    As in `tidegauge query`, text that a spreadsheet would run as a formula gets a leading quote.
    """
    written = []
    for table in tables:
        path = _place(folder, table, "csv")
        cells = [
            f"{_harmless(one.sql) if one.kind == 'VARCHAR' else one.sql} as {quoted(one.name)}" for one in table.columns
        ]
        rows = con.execute(f"copy ({table.select(cells)}) to {text(str(path))} (format csv, header)").fetchall()[0][0]
        written.append(_entry(folder, path, table, rows))
    return written


def _harmless(sql: str) -> str:
    starts = ", ".join(f"chr({ord(sign)})" for sign in FORMULA_STARTS)
    return f"case when left({sql}, 1) in ({starts}) then '''' || {sql} else {sql} end"


def _place(folder: Path, table: Table, ending: str) -> Path:
    (folder / table.schema).mkdir(exist_ok=True)
    return folder / table.schema / f"{table.name}.{ending}"


def _entry(folder: Path, path: Path, table: Table, rows: int) -> dict[str, Any]:
    return {
        "file": path.relative_to(folder).as_posix(),
        "table": table.path,
        "rows": rows,
        "columns": len(table.columns),
    }
