"""The pages: one that lists and searches, one for each table and each series. They ask nobody for anything.

The folder is replaced as a whole by a rename, and only where it holds a dictionary of ours or nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import duckdb
import jinja2
from markupsafe import Markup

from ingest.clock import NEW_YORK
from ingest.errors import HomeUnusable, QueryRefused
from ingest.home import Home, nothing_published
from serving.dictionary.facts import Facts, lag_of
from serving.dictionary.search import entries, register_index

TEMPLATES: Final = Path(__file__).parent / "templates"
MARK: Final = '<meta name="generator" content="tidegauge dictionary">'
INDEX: Final = "index.html"


def write_dictionary(home: Home, out: Path) -> Path:
    """Write the dictionary of what is published into the folder `out`; return its first page.

    NothingPublished; QueryRefused where `out` holds something else; HomeUnusable where it cannot be written.
    """
    if not home.published.exists():
        raise nothing_published(home)
    _require_ours(out)
    with duckdb.connect(str(home.published), read_only=True) as con:
        facts = Facts(con)
        found = pages(facts, entries(con, facts))
    waiting, old = (out.with_name(f".{out.name}.{what}") for what in ("new", "old"))
    try:
        for folder in (waiting, old):
            shutil.rmtree(folder, ignore_errors=True)
        for name, text in found.items():
            path = waiting / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        if out.exists():
            out.rename(old)
        waiting.rename(out)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise HomeUnusable(f"cannot write {out}: {error.strerror or error}") from error
    return out / INDEX


def pages(facts: Facts, searched: list[list[str]]) -> dict[str, str]:
    """Return the pages by their path in the folder."""
    known = {
        "tables": {table.path for table in facts.tables},
        "series": {one.id for one in facts.series},
        "titles": {one.id: one for one in facts.series},
    }
    shared = {"build": facts.build, "known": known, "facts": facts, "mark": Markup(MARK)}  # noqa: S704  # our own text
    found = {
        INDEX: _filled("index.html", root="", searched=_as_data(searched), register=register_index(facts), **shared)
    }
    for table in facts.tables:
        found[f"tables/{table.path}.html"] = _filled("table.html", root="../", table=table, **shared)
    for one in facts.series:
        found[f"series/{one.id}.html"] = _filled("one_series.html", root="../", series=one, **shared)
    return found


def _require_ours(out: Path) -> None:
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    index = out / INDEX
    if not (index.is_file() and MARK in index.read_text(encoding="utf-8", errors="replace")):
        raise QueryRefused(f"{out} holds something other than a dictionary: nothing was touched. Name another folder")


def _as_data(searched: list[list[str]]) -> Markup:
    """Return JSON that may stand in a page: nothing in it ends the element, whatever a description says."""
    text = json.dumps(searched, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("&", "\\u0026"))  # noqa: S704  # no markup is left in it


def _filled(template: str, **context: Any) -> str:
    return _environment().get_template(template).render(context)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: "–" if value is None else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = (TEMPLATES / "search.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(f"\n{script}".encode()).digest()).decode()
    environment.globals |= {"script": Markup(script), "script_hash": f"sha256-{digest}"}  # noqa: S704  # our own file
    environment.filters |= {
        "breakable": _breakable,
        "lag": lag_of,
        "moment": _moment,
        "thousands": _thousands,
        "words": _words,
    }
    return environment


def _moment(at: datetime | None) -> str | None:
    """Return a naive UTC moment in New York time."""
    return None if at is None else f"{at.replace(tzinfo=UTC).astimezone(NEW_YORK):%Y-%m-%d %H:%M}"


def _breakable(name: str) -> Markup:
    """Return a name that may be broken after its underscores."""
    return Markup("_<wbr>").join(name.split("_"))


def _thousands(number: int | None) -> str | None:
    return None if number is None else f"{number:,}"


def _words(name: Any) -> Any:
    return None if name is None else str(name).replace("_", " ")
