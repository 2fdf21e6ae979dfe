"""Write a dashboard that Superset imports: the charts that a published file declares, as YAML in a zip.

    python -m scripts.superset_export PUBLISHED OUT.zip [--charts 8] [--uri duckdb:////where/it/is.duckdb]

One database, a dataset for each mart that is drawn, a line chart for each of the first charts of meta.charts, one
dashboard. Ids follow from names, so that an import over an earlier one replaces it. Superset needs duckdb and
duckdb-engine; `--uri` may as well name a PostgreSQL database that holds the same schema `marts`.
"""

from __future__ import annotations

import argparse
import json
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import yaml

ROOT = "tidegauge"
VERSION = "1.0.0"
COLUMNS, HEIGHT = 6, 46  # of a chart on Superset's grid of twelve columns; a row is eight pixels high
_SPACE = uuid.UUID("8f0a5c1e-6d0b-5b55-9f0e-7a3c1d2e4b60")
_TYPES = {"DOUBLE": "DOUBLE PRECISION", "TIMESTAMP": "TIMESTAMP WITHOUT TIME ZONE"}


@dataclass(frozen=True)
class Chart:
    """One chart of meta.charts with its lines: label, column and unit."""

    title: str
    years: int
    mart: str
    period: str
    rows: tuple[str, str] | None
    lines: tuple[tuple[str, str, str], ...]


def charts_of(con: duckdb.DuckDBPyConnection, count: int) -> list[Chart]:
    """Return the first charts that the file declares."""
    found: dict[int, list[tuple[Any, ...]]] = {}
    for row in con.execute(
        "select chart_position, chart_title, years_count, mart, period_column, rows_column, rows_value,"
        " label, column_name, shown_unit from meta.charts where chart_position <= ?"
        " order by chart_position, line_position",
        [count],
    ).fetchall():
        found.setdefault(row[0], []).append(row)
    return [
        Chart(*rows[0][1:5], (rows[0][5], rows[0][6]) if rows[0][5] else None, tuple((one[7:10]) for one in rows))
        for rows in found.values()
    ]


def files_of(con: duckdb.DuckDBPyConnection, uri: str, count: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every file of the export."""
    (origin, through) = con.execute("select origin, data_through_date from meta.build").fetchone() or ("", None)
    charts = charts_of(con, count)
    yield "metadata.yaml", {"version": VERSION, "type": "Dashboard", "timestamp": f"{through}T00:00:00+00:00"}
    yield "databases/tidegauge.yaml", _database(uri)
    for mart in dict.fromkeys(one.mart for one in charts):
        yield f"datasets/tidegauge/{mart}.yaml", _dataset(con, mart)
    for one in charts:
        yield f"charts/{_slug(one.title)}.yaml", _chart(one)
    yield "dashboards/tidegauge.yaml", _dashboard(charts, origin)


def write_export(published: Path, out: Path, uri: str | None = None, count: int = 8) -> None:
    """Write the zip for a published file."""
    with duckdb.connect(str(published), read_only=True) as con, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files_of(con, uri or f"duckdb:///{published.resolve()}", count):
            made.writestr(
                f"{ROOT}/{name}", yaml.dump(content, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True)
            )


def _id(*names: str) -> str:
    return str(uuid.uuid5(_SPACE, "/".join(names)))


def _slug(title: str) -> str:
    return "_".join("".join(sign if sign.isalnum() else " " for sign in title.lower()).split())


def _database(uri: str) -> dict[str, Any]:
    read_only = {"engine_params": {"connect_args": {"read_only": True}}} if uri.startswith("duckdb") else {}
    return {
        "database_name": "tidegauge",
        "sqlalchemy_uri": uri,
        "expose_in_sqllab": True,
        "allow_run_async": False,
        "allow_ctas": False,
        "allow_cvas": False,
        "allow_dml": False,
        "extra": read_only,
        "uuid": _id("database"),
        "version": VERSION,
    }


def _dataset(con: duckdb.DuckDBPyConnection, mart: str) -> dict[str, Any]:
    columns = con.execute(
        "select column_name, data_type, comment from duckdb_columns()"
        " where schema_name = 'marts' and table_name = ? order by column_index",
        [mart],
    ).fetchall()
    (comment,) = con.execute(
        "select comment from duckdb_tables() where schema_name = 'marts' and table_name = ?", [mart]
    ).fetchone() or ("",)
    dated = [name for name, kind, _ in columns if kind == "DATE"]
    return {
        "table_name": mart,
        "schema": "marts",
        "description": comment,
        "main_dttm_col": dated[0] if dated else None,
        "columns": [
            {
                "column_name": name,
                "type": _TYPES.get(kind, kind),
                "description": said,
                "is_dttm": kind in ("DATE", "TIMESTAMP"),
                "is_active": True,
                "groupby": True,
                "filterable": True,
            }
            for name, kind, said in columns
        ],
        "metrics": [{"metric_name": "rows", "expression": "count(*)", "metric_type": "count"}],
        "uuid": _id("dataset", mart),
        "database_uuid": _id("database"),
        "version": VERSION,
    }


def _chart(one: Chart) -> dict[str, Any]:
    """Return a chart: with two units it has an axis on either side."""
    metrics = [_metric(label, column, unit) for label, column, unit in one.lines]
    axes = list(dict.fromkeys(unit for *_, unit in one.lines))
    by_axis = [[metric for metric, (*_, unit) in zip(metrics, one.lines, strict=True) if unit == axis] for axis in axes]
    filters = [_since(one)] + ([_equals(*one.rows)] if one.rows else [])
    queries = [_query(one, found, filters) for found in by_axis]
    params: dict[str, Any] = {
        "viz_type": "mixed_timeseries" if len(axes) > 1 else "echarts_timeseries_line",
        "x_axis": one.period,
        "time_grain_sqla": None,
        "row_limit": 50_000,
        "truncateYAxis": True,
        "y_axis_bounds": [None, None],
        "show_legend": True,
        "rich_tooltip": True,
        "x_axis_time_format": "smart_date",
        "y_axis_title": axes[0],
        "y_axis_title_margin": 40,
        "yAxisTitle": axes[0],
    }
    for suffix, found in zip(("", "_b"), by_axis, strict=False):
        params |= {f"metrics{suffix}": found, f"adhoc_filters{suffix}": filters, f"groupby{suffix}": []}
    if len(axes) > 1:
        params |= {"yAxisIndexB": 1, "yAxisTitleSecondary": axes[1], "seriesTypeB": "line"}
    context = {
        "datasource": {"id": 0, "type": "table"},  # the import puts in the real one
        "force": False,
        "queries": queries,
        "form_data": params,
        "result_format": "json",
        "result_type": "full",
    }
    return {
        "slice_name": one.title,
        "description": f"marts.{one.mart}: {', '.join(column for _, column, _ in one.lines)}",
        "viz_type": params["viz_type"],
        "params": params,
        "query_context": json.dumps(context),
        "uuid": _id("chart", one.title),
        "dataset_uuid": _id("dataset", one.mart),
        "version": VERSION,
    }


def _metric(label: str, column: str, unit: str) -> dict[str, Any]:
    name = f"{label} ({unit})"
    return {
        "expressionType": "SIMPLE",
        "column": {"column_name": column},
        "aggregate": "AVG",  # of one row: a mart has one for each period
        "label": name,
        "hasCustomLabel": True,
        "optionName": f"metric_{column}",
    }


def _since(one: Chart) -> dict[str, Any]:
    return {
        "clause": "WHERE",
        "expressionType": "SIMPLE",
        "subject": one.period,
        "operator": "TEMPORAL_RANGE",
        "comparator": f"Last {one.years} years",
    }


def _equals(column: str, value: str) -> dict[str, Any]:
    return {
        "clause": "WHERE",
        "expressionType": "SIMPLE",
        "subject": column,
        "operator": "==",
        "comparator": value,
    }


def _query(one: Chart, metrics: list[dict[str, Any]], filters: list[dict[str, Any]]) -> dict[str, Any]:
    axis = {
        "columnType": "BASE_AXIS",
        "sqlExpression": one.period,
        "label": one.period,
        "expressionType": "SQL",
    }
    return {
        "columns": [axis],
        "metrics": metrics,
        "filters": [{"col": each["subject"], "op": each["operator"], "val": each["comparator"]} for each in filters],
        "orderby": [],
        "row_limit": 50_000,
        "post_processing": [],
    }


def _dashboard(charts: list[Chart], origin: str) -> dict[str, Any]:
    """Return the dashboard: two charts to a row, and above them what the figures are where they are no market's."""
    mark = "" if origin == "LIVE" else f"{origin}: "
    rows = [charts[start : start + 2] for start in range(0, len(charts), 2)]
    names = [f"ROW-{number}" for number in range(len(rows))]
    position: dict[str, Any] = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"type": "ROOT", "id": "ROOT_ID", "children": ["GRID_ID"]},
        "GRID_ID": {"type": "GRID", "id": "GRID_ID", "children": names, "parents": ["ROOT_ID"]},
        "HEADER_ID": {"type": "HEADER", "id": "HEADER_ID", "meta": {"text": f"{mark}Market liquidity"}},
    }
    for name, row in zip(names, rows, strict=True):
        held = [f"CHART-{_slug(one.title)}" for one in row]
        position[name] = {
            "type": "ROW",
            "id": name,
            "children": held,
            "parents": ["ROOT_ID", "GRID_ID"],
            "meta": {"background": "BACKGROUND_TRANSPARENT"},
        }
        for key, one in zip(held, row, strict=True):
            position[key] = {
                "type": "CHART",
                "id": key,
                "children": [],
                "parents": ["ROOT_ID", "GRID_ID", name],
                "meta": {
                    "chartId": 0,
                    "width": COLUMNS,
                    "height": HEIGHT,
                    "sliceName": one.title,
                    "uuid": _id("chart", one.title),
                },
            }
    return {
        "dashboard_title": f"{mark}Market liquidity",
        "description": f"{mark}the charts that the published file of tidegauge declares",
        "slug": "tidegauge",
        "published": True,
        "position": position,
        "metadata": {"color_scheme": "supersetColors", "refresh_frequency": 0},
        "uuid": _id("dashboard"),
        "version": VERSION,
    }


def main() -> None:
    """Read the command line and write the zip."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("published", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--charts", type=int, default=8)
    parser.add_argument("--uri")
    given = parser.parse_args()
    write_export(given.published, given.out, given.uri, given.charts)
    print(given.out)


if __name__ == "__main__":
    main()
