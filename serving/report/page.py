"""report/index.html: readings, freshness and charts of the published file, in one page that needs no network."""

from __future__ import annotations

import os
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from ingest.home import Home, nothing_published
from serving.readings import NOT_DECLARED, readings, sentence
from serving.report.charts import draw
from serving.report.regimes import regime_sections
from serving.report.rendering import has_table, rendered, rows_of
from warehouse.presentation import read_presentation

if TYPE_CHECKING:
    import duckdb


def write_report(home: Home) -> Path:
    """Write the report of what is published and return its path; NothingPublished when there is nothing."""
    import duckdb

    if not home.published.exists():
        raise nothing_published(home)
    with duckdb.connect(str(home.published), read_only=True) as con:
        page = render(con)
    home.report.parent.mkdir(parents=True, exist_ok=True)
    waiting = home.report.with_suffix(".tmp")
    waiting.write_text(page, encoding="utf-8")
    os.replace(waiting, home.report)
    return home.report


def render(con: duckdb.DuckDBPyConnection) -> str:
    """Return the page for an open published file; everything that comes from a table is escaped."""
    (build,) = rows_of(
        con, "select build_id, built_at, origin, is_simulated, data_through_date, code_version from meta.build"
    )
    return rendered(
        "page.html",
        build=build,
        regimes=regime_sections(con),
        readings=readings_section(con),
        charts=charts_section(con),
        freshness=freshness_section(con),
        checks=checks_section(con),
    )


def readings_section(con: duckdb.DuckDBPyConnection) -> Markup:
    """Return the headline readings, group by group."""
    found = readings(con)
    groups = [
        (name, sentence(rows), rows)
        for name, rows in ((name, [*rows]) for name, rows in groupby(found or [], key=lambda one: one.group))
    ]
    return rendered("readings.html", groups=groups, note=NOT_DECLARED if found is None else None)


def charts_section(con: duckdb.DuckDBPyConnection) -> Markup:
    """Return the charts that the file declares; nothing where it declares none."""
    presentation = read_presentation(con)
    placed = presentation.charts if presentation else ()
    return rendered("charts.html", charts=[(one.chart.title, draw(con, one)) for one in placed]) if placed else Markup()


def freshness_section(con: duckdb.DuckDBPyConnection) -> Markup:
    """Return what went wrong with each source, once, and how old each series is."""
    sources = (
        rows_of(
            con,
            "select source, state, answered_at, error_text from meta.sources"
            " where state in ('failed', 'partial', 'held') order by source",
        )
        if has_table(con, "meta", "sources")
        else []
    )
    series = rows_of(
        con,
        """
        select s.title, f.* from meta.freshness as f inner join marts.series as s using (series_id)
        order by array_position(['never', 'stale', 'late', 'fresh', 'ended', 'optional'], f.state), s.title
        """,
    )
    return rendered("freshness.html", sources=sources, series=series)


def checks_section(con: duckdb.DuckDBPyConnection) -> Markup:
    """Return how many checks passed, and which did not."""
    (counted,) = rows_of(con, "select count(*) as total, count(*) filter (where is_passed) as passed from meta.quality")
    failed = rows_of(
        con,
        "select asset, check_name, severity, failed_count, detail from meta.quality where not is_passed order by all",
    )
    return rendered("checks.html", **counted, failed=failed)
