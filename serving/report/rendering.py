"""How the report's templates are filled: everything that comes from a table is escaped, and nothing is a dash."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jinja2
from markupsafe import Markup

from ingest.clock import NEW_YORK
from serving.report.colours import CLASS_COLOURS
from serving.report.drawing import figure
from serving.report.phrases import Phrases, phrases

if TYPE_CHECKING:
    import duckdb

TEMPLATES: Final = Path(__file__).parent / "templates"
NOTE_LENGTH: Final = 140
STATES: Final = {
    "fresh": {"kind": "fresh", "meaning": "in time", "is_due": True},
    "late": {"kind": "amber", "meaning": "due, and not there yet", "is_due": True},
    "stale": {"kind": "red", "meaning": "past its limit, shown as missing in the marts", "is_due": True},
    "never": {"kind": "red", "meaning": "no value from any provider", "is_due": True},
    "ended": {"kind": "ended", "meaning": "the publisher discontinued it", "is_due": False},
    "optional": {"kind": "ended", "meaning": "not supplied; only a file of yours would serve it", "is_due": False},
}
"""Each state of a series: its colour, what it means, and whether a next value is due."""


def rendered(template: str, words: Phrases | None = None, **context: Any) -> Markup:
    """Return a template of TEMPLATES filled with `context` in the language of `words`, as HTML that is escaped."""
    made = _environment(words or phrases()).get_template(template).render(context)
    return Markup(made)  # noqa: S704  # autoescape is on


def has_table(con: duckdb.DuckDBPyConnection, schema: str, name: str) -> bool:
    """Say whether the published file has a table: a release may be older than this code."""
    query = "select 1 from duckdb_tables() where schema_name = ? and table_name = ?"
    return con.execute(query, [schema, name]).fetchone() is not None


def rows_of(con: duckdb.DuckDBPyConnection, query: str, values: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Return the rows of a query by name."""
    found = con.execute(query, values) if values else con.execute(query)
    names = [column[0] for column in found.description or []]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@cache
def _environment(words: Phrases) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_or_dash,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"STATES": STATES, "CLASS_COLOURS": CLASS_COLOURS}
    environment.globals |= {"_": words.say, "words_language": words.language}
    environment.filters |= {
        "billions": lambda value: None if value is None else f"{value:,.1f}",
        "figure": _figure,
        "general": _general,
        "moment": _moment,
        "name": words.name,
        "percent": _percent,
        "plain": _plain,
        "said": words.said,
        "short": _short,
        "signed": _signed,
        "state": words.state,
        "summary": _summary,
        "text": words.text,
        "words": _words,
    }
    return environment


def _or_dash(value: Any) -> Any:
    return "–" if value is None else value


def _moment(at: datetime | None) -> str | None:
    """Return a naive UTC moment in New York time."""
    return None if at is None else f"{at.replace(tzinfo=UTC).astimezone(NEW_YORK):%Y-%m-%d %H:%M}"


def _percent(ratio: float | None, sign: bool = True) -> str | None:
    """Return a ratio in percent: a change with its sign and a decimal, a share without."""
    if ratio is None:
        return None
    return f"{100 * ratio:+.1f} %" if sign else f"{100 * ratio:.0f} %"


def _figure(value: float | None) -> str | None:
    return None if value is None else f"{value:.3g}"


def _plain(value: float | None) -> str | None:
    """Return a value with about four digits."""
    return None if value is None else figure(value)


def _signed(value: float | None) -> str | None:
    """Return a change in billions with its sign, none where it is nothing."""
    if value is None:
        return None
    change = round(value, 1)
    return f"{change:+,.1f}" if change else "0.0"


def _general(value: float) -> str:
    return f"{value:g}"


def _words(name: Any) -> Any:
    """Return a name of the code as words."""
    return None if name is None else str(name).replace("_", " ")


def _short(text: str) -> str:
    """Return the first sentence of a note, cut where it is long: bodies of answers belong to the archive."""
    plain = " ".join(re.sub(r"<[^>]*>?", " ", text).split())
    first = re.split(r"(?<=[.;]) ", plain, maxsplit=1)[0]
    return first if len(first) <= NOTE_LENGTH else f"{first[: NOTE_LENGTH - 1]}…"


def _summary(detail: str | None) -> str:
    """Return the sentence of a check: the gate keeps JSON with a summary, dbt a sentence."""
    try:
        parsed = json.loads(detail or "")
    except ValueError:
        return detail or ""
    return str(parsed.get("summary", detail)) if isinstance(parsed, dict) else str(parsed)
