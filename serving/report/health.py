"""The report's last sections: one line for each source, the series that are not in time, and the checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

from serving.report.phrases import Phrases
from serving.report.rendering import has_table, rendered, rows_of

if TYPE_CHECKING:
    import duckdb

    Row = dict[str, Any]

_BEHIND: Final = ("never", "stale", "late")


def health_section(con: duckdb.DuckDBPyConnection, words: Phrases | None = None) -> Markup:
    """Return how each source and its series fare, what went wrong with a source being said once."""
    series = rows_of(
        con,
        """
        select s.title, f.* from meta.freshness as f inner join marts.series as s using (series_id)
        order by array_position(['never', 'stale', 'late', 'fresh', 'ended', 'optional'], f.state), s.title
        """,
    )
    return rendered(
        "health.html",
        words,
        sources=_sources(con),
        behind=[row for row in series if row["state"] in _BEHIND or row["shrinkage_note"]],
        others=[row for row in series if row["state"] not in _BEHIND and not row["shrinkage_note"]],
    )


def _sources(con: duckdb.DuckDBPyConnection) -> list[Row]:
    """Return the sources, those with something wrong first, with the states of the series each serves."""
    if not has_table(con, "meta", "sources"):
        return []
    found = rows_of(
        con,
        """
        select source, state, answered_at, error_text from meta.sources
        order by array_position(['failed', 'held', 'partial', 'ok', 'skipped'], state), source
        """,
    )
    served: dict[str, Row] = {}
    counted = con.execute(
        "select provider, state, count(*), max(data_through_date) from meta.freshness where provider is not null"
        " group by provider, state"
        " order by array_position(['never', 'stale', 'late', 'fresh', 'ended', 'optional'], state)"
    )
    for provider, state, count, newest in counted.fetchall():
        one = served.setdefault(provider, {"states": [], "newest_date": newest})
        one["states"].append((state, count))
        one["newest_date"] = max(one["newest_date"], newest)
    return [row | served.get(row["source"], {"states": [], "newest_date": None}) for row in found]


def checks_section(con: duckdb.DuckDBPyConnection, words: Phrases | None = None) -> Markup:
    """Return how many checks passed, and which did not."""
    (counted,) = rows_of(con, "select count(*) as total, count(*) filter (where is_passed) as passed from meta.quality")
    failed = rows_of(
        con,
        "select asset, check_name, severity, failed_count, detail from meta.quality where not is_passed order by all",
    )
    return rendered("checks.html", words, **counted, failed=failed)
