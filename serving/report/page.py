"""report/index.html: the morning, charts, what followed and the health of the data, in one page without a script.

Beside it stands claims.html, the page of the claims.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from ingest.home import Home, nothing_published
from serving.report.axes import shared_axes
from serving.report.changes import changes
from serving.report.claims import claims_page_section, claims_section, marks
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
        page, of_claims = render(con, phrases(language)), render_claims(con, phrases(language))
    if of_claims:
        _written(home.report.with_stem("claims"), language, of_claims)
    return _written(home.report, language, page)


def _written(path: Path, language: str, page: str) -> Path:
    """Put a page in place whole, under the name that its language gives it."""
    path = path if language == ENGLISH else path.with_suffix(f".{language}{path.suffix}")
    path.parent.mkdir(parents=True, exist_ok=True)
    waiting = path.with_suffix(".tmp")
    waiting.write_text(page, encoding="utf-8")
    os.replace(waiting, path)
    return path


def render_claims(con: duckdb.DuckDBPyConnection, words: Phrases | None = None) -> str:
    """Return the page of the claims; nothing where the file has none."""
    words = words or phrases()
    section = claims_page_section(con, words)
    if not section:
        return ""
    contents = [("claims", words.say("Claims")), ("method", words.say("Method"))]
    return rendered("page.html", words, build=_build(con), marks=marks(con), contents=contents, sections=section)


def _build(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    (build,) = rows_of(
        con, "select build_id, built_at, origin, is_simulated, data_through_date, code_version from meta.build"
    )
    return build


def render(con: duckdb.DuckDBPyConnection, words: Phrases | None = None) -> str:
    """Return the page for an open published file; everything that comes from a table is escaped."""
    words = words or phrases()
    presentation = read_presentation(con)
    axes = shared_axes(con, presentation.charts if presentation else ())
    rows = newest_rows(con)
    with ThreadPoolExecutor(1, thread_name_prefix="charts") as beside:  # half of the page's time, most of it DuckDB's
        charts = beside.submit(groups_section, con.cursor(), presentation, axes, words)
        sections = {
            "regime": morning_section(con, rows, changes(con, rows), words),
            **regime_sections(con, rows, axes, words),
            "watchlists": watchlists_section(con, words),
            "claims": claims_section(con, words),
            "health": health_section(con, words),
            "checks": checks_section(con, words),
            "charts": charts.result(),
        }
    shown = {name: sections[name] for name in CONTENTS if sections.get(name)}
    return rendered(
        "page.html",
        words,
        build=_build(con),
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
    "claims": "Claims",
    "health": "Data health",
    "checks": "Checks",
}
"""The sections in their order, by the id of their heading."""
