"""The command `explain`: one cell of a mart, back to the archived bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ingest.errors import AuditFailed, QueryRefused

if TYPE_CHECKING:
    import duckdb

    from ingest.home import Home
    from ingest.settings import Settings
    from serving.explain.cell import Explanation
    from serving.explain.recomputed import Again
    from warehouse.lake.setting import Lake


def _complete(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return marts for the first word, and columns of that mart for a later one that is no value of its key."""
    from contextlib import suppress

    from ingest.errors import TidegaugeError
    from orchestration.query_command import home_of_settings
    from serving.query.names import column_names, table_names

    words = [word for word in ctx.params.get("words") or [] if word != incomplete]
    with suppress(TidegaugeError):  # settings that cannot be read have no names either
        published = home_of_settings().published
        names = column_names(published, words[0]) if words else table_names(published)
        return [name for name in names if name.startswith(incomplete) and not name.startswith("meta.")]
    return []


_Words = Annotated[
    list[str],
    typer.Argument(
        help="The mart, the values of its key, the column.", metavar="MART KEY... COLUMN", autocompletion=_complete
    ),
]
_Recompute = Annotated[
    bool,
    typer.Option(
        "--recompute",
        help="Compute the whole mart again from the archived answers and compare the cell; 3 where it differs.",
    ),
]
_Json = Annotated[bool, typer.Option("--json", help="For programs; moments are UTC.")]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(explain)


def explain(words: _Words, recompute: _Recompute = False, as_json: _Json = False) -> None:
    """Say where one cell comes from: formula, inputs with both clocks, the archived bytes of each, checks.

    For example: explain net_liquidity_daily 2023-03-15 net_liquidity_usd_bn. Each input is parsed again from its
    archived answer and compared; with --recompute the cell itself is too, by the code of a run, in a file apart.
    """
    from ingest.archive import Archive
    from ingest.home import home_at, nothing_published
    from ingest.settings import load_settings
    from serving.explain import page
    from serving.explain.archived import Answers
    from serving.explain.cell import explained
    from serving.query.terminal import say
    from warehouse.lake.setting import configured

    if len(words) < 3:
        raise QueryRefused("expected a mart, the values of its key, and a column")
    settings = load_settings()
    home = home_at(settings.home)
    if not home.published.exists():
        raise nothing_published(home)
    with _published(home, configured(settings)) as con:
        found = explained(con, words[0], words[1:-1], words[-1])
        again = _recomputed(settings, home, con, found) if recompute else None
    answers = Answers(Archive(home.archive))
    sources = [(one, answers.of(one)) for one in found.inputs]
    say(page.as_json(found, sources, again) if as_json else page.as_text(found, sources, again))
    if again is not None and not again.is_equal:
        raise typer.Exit(AuditFailed.exit_code)


def _recomputed(settings: Settings, home: Home, con: duckdb.DuckDBPyConnection, found: Explanation) -> Again:
    import duckdb

    from orchestration.progress import ConsoleProgress
    from orchestration.recomputing import recomputed
    from orchestration.version import code_version
    from serving.explain.cell import path_of
    from serving.explain.recomputed import Again, value_again

    with ConsoleProgress() as progress, recomputed(settings, home, con, [path_of(found.mart)], progress) as made:
        with duckdb.connect(str(made.path), read_only=True) as apart:
            has_row, value = value_again(apart, found.mart, found.key, found.column.name)
        return Again(
            published=found.value,
            value=value,
            has_row=has_row,
            evaluated_at=made.release.evaluated_at,
            code_version=made.release.code_version,
            code_version_now=code_version(),
            publishers=made.publishers,
            answers_count=made.answers_count,
        )


def _published(home: Home, lake: Lake | None) -> duckdb.DuckDBPyConnection:
    """Open the published file, and beside it the build file where no run is writing, with the lake of the release."""
    import duckdb

    from warehouse.connection import is_writer_active
    from warehouse.sql import text

    con = duckdb.connect(str(home.published), read_only=True)
    if home.warehouse.exists() and not is_writer_active(home):
        con.execute(f"attach {text(str(home.warehouse))} as warehouse (read_only)")
        if lake is not None:
            from warehouse.lake.attached import attach
            from warehouse.lake.reading import attach_release

            try:
                attach_release(con, lake)
            except QueryRefused:  # a release from before the lake, which the build file has by now
                attach(con, lake, read_only=True)
    return con
