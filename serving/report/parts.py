"""Pieces of the report's page: tables, moments in New York time, and escaping of everything that comes from a table."""

from __future__ import annotations

import html
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ingest.clock import NEW_YORK

if TYPE_CHECKING:
    import duckdb


def table(caption: str, heads: str, rows: str) -> str:
    """Return a table that scrolls by itself when the page is narrow; `heads` and `rows` are escaped already."""
    body = f"<caption>{e(caption)}</caption><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody>"
    return f'<div class="wide"><table>{body}</table></div>'


def heads(*names: str) -> str:
    """Return the cells of a table's head."""
    return "".join(f'<th scope="col">{e(name)}</th>' for name in names)


def moment(at: datetime | None) -> str:
    """Return a naive UTC moment in New York time."""
    if at is None:
        return "–"
    local = at.replace(tzinfo=UTC).astimezone(NEW_YORK)
    return f"{local:%Y-%m-%d %H:%M}"


def e(value: Any) -> str:
    """Return a value as text that HTML takes for text; nothing is a dash."""
    return "–" if value is None else html.escape(str(value), quote=True)


def rows_of(con: duckdb.DuckDBPyConnection, query: str, told: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Return the rows of a query by name."""
    found = con.execute(query, told) if told else con.execute(query)
    names = [column[0] for column in found.description or []]
    return [dict(zip(names, values, strict=True)) for values in found.fetchall()]
