"""The command `report`: the morning page of what is published, written anew."""

from __future__ import annotations

from typing import Annotated

import typer

_Language = Annotated[str, typer.Option("--lang", help="Language of the page: en or zh (simplified Chinese).")]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(report)


def report(language: _Language = "en") -> None:
    """Write the morning page of what is published: report/index.html, or index.zh.html. Asks no source."""
    from ingest.home import home_at
    from ingest.settings import load_settings
    from serving.report.page import write_report
    from serving.report.phrases import LANGUAGES

    if language not in LANGUAGES:
        raise typer.BadParameter(f"expected one of {', '.join(LANGUAGES)}, got {language}", param_hint="--lang")
    typer.echo(write_report(home_at(load_settings().home), language))
