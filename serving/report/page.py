"""report/index.html: the morning, charts, what followed and the health of the data, in one page without a script."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from ingest.home import Home, nothing_published
from serving.report.axes import shared_axes
from serving.report.changes import changes
from serving.report.groups import groups_section
from serving.report.health import checks_section, health_section
from serving.report.morning import newest_rows
from serving.report.phrases import ENGLISH, Phrases, phrases
from serving.report.regimes import morning_section, regime_sections
from serving.report.rendering import rendered, rows_of
from serving.report.watchlists import watchlists_section
from warehouse.presentation import read_presentation

if TYPE_CHECKING:
    import duckdb


def write_report(home: Home, language: str = ENGLISH) -> Path:
    """Write the report of what is published and return its path; NothingPublished when there is nothing."""
    import duckdb

    if not home.published.exists():
        raise nothing_published(home)
    with duckdb.connect(str(home.published), read_only=True) as con:
        page = render(con, phrases(language))
    path = home.report if language == ENGLISH else home.report.with_suffix(f".{language}{home.report.suffix}")
    path.parent.mkdir(parents=True, exist_ok=True)
    waiting = path.with_suffix(".tmp")
    waiting.write_text(page, encoding="utf-8")
    os.replace(waiting, path)
    return path


def render(con: duckdb.DuckDBPyConnection, words: Phrases | None = None) -> str:
    """Return the page for an open published file; everything that comes from a table is escaped."""
    words = words or phrases()
    (build,) = rows_of(
        con, "select build_id, built_at, origin, is_simulated, data_through_date, code_version from meta.build"
    )
    presentation = read_presentation(con)
    axes = shared_axes(con, presentation.charts if presentation else ())
    rows = newest_rows(con)
    sections = {
        "regime": morning_section(con, rows, changes(con, rows), words),
        **regime_sections(con, rows, axes, words),
        "watchlists": watchlists_section(con, words),
        "charts": groups_section(con, presentation, axes, words),
        "health": health_section(con, words),
        "checks": checks_section(con, words),
    }
    shown = {name: sections[name] for name in CONTENTS if sections.get(name)}
    return rendered(
        "page.html",
        words,
        build=build,
        marks=axes.marks,
        contents=[(name, words.say(CONTENTS[name])) for name in shown],
        sections=Markup("\n").join(shown.values()),
    )


CONTENTS = {
    "regime": "The regime",
    "history": "How the class went",
    "watchlists": "Watchlists",
    "charts": "Charts and readings",
    "followed": "What followed",
    "validity": "How far to trust it",
    "truth": "Against the simulated truth",
    "health": "Data health",
    "checks": "Checks",
}
"""The sections in their order, by the id of their heading."""
