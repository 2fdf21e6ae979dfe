"""The page's server: a few addresses, all of them read-only, each answered from one release."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import jinja2
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from ingest.errors import QueryRefused
from ingest.home import Home
from serving.explore import columns, downloads, drawing
from serving.explore.assets import asset
from serving.explore.columns import Catalog
from serving.explore.explaining import explanation
from serving.explore.frames import Kept, choices
from serving.explore.guard import Guard
from serving.explore.published import Published, Reading
from serving.explore.refusals import Refused, said
from serving.explore.view import asked_of, view_of
from serving.report.colours import CLASS_COLOURS
from serving.report.rendering import has_table
from warehouse.published_table import CHARTS, LINEAGE

_TEMPLATES: Final = Path(__file__).parent / "templates"
_MOST_CHOICES: Final = 5_000
_FIRST_CHARTS: Final = 3
_BUG: Final = "this is a bug of tidegauge; tidegauge.log has the details"
_logger = logging.getLogger("tidegauge.explore")


class Explorer:
    """The answers to the page's questions, over the published file of a home."""

    def __init__(self, home: Home) -> None:
        self.published = Published(home)
        self.kept = Kept()
        self._catalog: tuple[str, Catalog] | None = None
        self._lock = threading.Lock()

    def page(self, _: Request) -> Response:
        with self.published.reading() as reading:
            build = drawing.build_document(reading.build)
        return HTMLResponse(_page().render(build=build))

    def build(self, _: Request) -> Response:
        with self.published.reading() as reading:
            return _json(drawing.build_document(reading.build))

    def catalog(self, _: Request) -> Response:
        """Return every column that can be drawn, and what the page shows before anything is chosen."""
        with self.published.reading() as reading:
            catalog = self._of(reading)
            return _json(
                {
                    "build": drawing.build_document(reading.build),
                    "marts": columns.as_document(catalog),
                    "first": _first(reading, catalog),
                    "colours": CLASS_COLOURS,
                }
            )

    def view(self, request: Request) -> Response:
        view = view_of(request.query_params.multi_items())
        with self.published.reading() as reading:
            catalog = self._of(reading)
            lines, left_out = drawing.lines_of(reading, catalog, view, self.kept)
            bands = drawing.bands_of(reading, catalog, view, self.kept)
            return _json(drawing.as_document(reading.build, view, lines, left_out, bands))

    def choices(self, request: Request) -> Response:
        """Return what the selectors of a mart can be set to."""
        mart = _one(request, ("mart",))["mart"]
        with self.published.reading() as reading:
            found = choices(reading.con, self._of(reading).mart(mart), _MOST_CHOICES)
            return _json({"build": drawing.build_document(reading.build), "choices": found})

    def explain(self, request: Request) -> Response:
        given = _one(request, ("s", "x"))
        asked = asked_of(given["s"])
        with self.published.reading() as reading:
            mart = self._of(reading).mart(asked.mart)
            return _json(explanation(reading, self.published.home, mart, asked, given["x"]))

    def download(self, request: Request) -> Response:
        form: downloads.Form = "xlsx" if request.url.path.endswith(".xlsx") else "csv"
        view = view_of(request.query_params.multi_items())
        with self.published.reading() as reading:
            lines, left_out = drawing.lines_of(reading, self._of(reading), view, self.kept)
            build = reading.build
        if left_out:  # a file cannot say what is not in it
            raise Refused(left_out[0].status, left_out[0].sentence)
        name = downloads.file_name(form, build)
        return Response(
            downloads.written(form, build, view, lines),
            media_type=downloads.MEDIA[form],
            headers={"content-disposition": f'attachment; filename="{name}"'},
        )

    def static(self, request: Request) -> Response:
        found = asset(request.path_params["name"])
        if found is None:
            raise Refused(404, "there is no such file")
        headers = {"etag": found.etag, "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == found.etag:
            return Response(status_code=304, headers=headers)
        return Response(found.body, media_type=found.media, headers=headers)

    def _of(self, reading: Reading) -> Catalog:
        with self._lock:
            if self._catalog is None or self._catalog[0] != reading.build.build_id:
                self._catalog = (reading.build.build_id, columns.catalog_of(reading))
            return self._catalog[1]


def app_of(home: Home) -> Starlette:
    """Return the application; the published file is opened with the first question."""
    explorer = Explorer(home)
    addresses: list[tuple[str, Callable[[Request], Response]]] = [
        ("/", explorer.page),
        ("/api/build", explorer.build),
        ("/api/catalog", explorer.catalog),
        ("/api/view", explorer.view),
        ("/api/choices", explorer.choices),
        ("/api/explain", explorer.explain),
        ("/download.csv", explorer.download),
        ("/download.xlsx", explorer.download),
        ("/static/{name:str}", explorer.static),
    ]
    return Starlette(
        routes=[Route(path, _answering(answer), methods=["GET"]) for path, answer in addresses],
        middleware=[Middleware(Guard)],
        exception_handlers={HTTPException: _unknown},
    )


def _answering(answer: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """Return `answer` with a sentence in the place of every error; what it does, it does in a thread."""

    def answering(request: Request) -> Response:
        try:
            return answer(request)
        except Refused as refused:
            return _json(
                {"error": refused.sentence, "left_out": drawing.left_out_document(refused.left_out)}, refused.status
            )
        except QueryRefused as refused:
            return _json({"error": str(refused)}, 400)
        except Exception as error:  # the last net: a person gets a sentence, the log the traceback
            _logger.error("a question of the page failed", exc_info=error)
            return _json({"error": _BUG}, 500)

    return answering


def _first(reading: Reading, catalog: Catalog) -> list[str]:
    """Return the first lines of the charts that the file itself puts first, of as many marts.

    A column that is another mart's as it stands is shown there: a mart that joins others is slow to read at a moment.
    """
    if not all(has_table(reading.con, "meta", table.name) for table in (CHARTS, LINEAGE)):
        return []
    placed = reading.rows(
        f"""
        select coalesce(replace(l.input_path, 'marts.', ''), c.mart), c.column_name
        from {CHARTS.path} as c
        left join {LINEAGE.path} as l
            on l.table_path = 'marts.' || c.mart and l.column_name = c.column_name and l.formula_text is null
            and l.input_column = c.column_name and starts_with(l.input_path, 'marts.')
        where c.line_position = 1 and c.rows_column is null
        order by c.chart_position
        """
    )
    drawn: dict[str, str] = {}
    for mart, name in placed:
        if mart in catalog.marts and name in catalog.marts[mart].columns and not catalog.marts[mart].selectors:
            drawn.setdefault(mart, name)
    return [f"{mart}.{name}" for mart, name in drawn.items()][:_FIRST_CHARTS]


def _one(request: Request, names: tuple[str, ...]) -> dict[str, str]:
    """Return the parameters of an address that has these and no others, each once."""
    given = request.query_params.multi_items()
    if sorted(name for name, _ in given) != sorted(names):
        raise Refused(400, f"expected the parameters {', '.join(names)}, each once")
    return dict(given)


def _page() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    return environment.get_template("explore.html")


def _json(document: Any, status: int = 200) -> Response:
    body = json.dumps(document, default=drawing.plain, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(body, status, media_type="application/json")


def _unknown(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    return _json({"error": f"there is nothing at {said(request.url.path)}"}, status)
