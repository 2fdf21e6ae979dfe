"""The commands `releases` and `rollback`: which releases are kept, and an older one put back in place."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from warehouse.releases import Release


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (releases, rollback):
        app.command()(command)


def releases(
    as_json: Annotated[bool, typer.Option("--json", help="For programs: one document on standard output.")] = False,
) -> None:
    """List the releases that are kept, newest first, and whether each is what was published."""
    from rich.table import Table

    from ingest.home import nothing_published
    from orchestration.query_command import home_of_settings
    from serving.query.documents import say_json
    from serving.query.terminal import console
    from warehouse.publish import releases as kept

    home = home_of_settings()
    found = kept(home, verify=True)
    if not found:
        raise nothing_published(home)
    if as_json:
        say_json([_document(release) for release in found])
        return
    table = Table("", "release", "published (UTC)", "MB", "state")
    for release in found:
        mark = "*" if release.is_current else ""
        state = f"damaged: {release.path.name}" if release.is_damaged else "sound"
        moment, size = f"{release.stamp:%Y-%m-%d %H:%M}", f"{release.size_bytes / 1e6:.1f}"
        table.add_row(mark, release.build_id, moment, size, state)
    console(width=None if sys.stdout.isatty() else 180).print(table)


def rollback(
    to: Annotated[str | None, typer.Option(help="Id of a kept release; the one before the current otherwise.")] = None,
) -> None:
    """Put an older release back in place."""
    from orchestration.query_command import home_of_settings
    from serving.query.terminal import say
    from serving.report.page import write_report
    from warehouse.publish import rollback as roll_back

    home = home_of_settings()
    release = roll_back(home, to)
    write_report(home)
    say(f"published again: {release.build_id} ({release.stamp:%Y-%m-%d %H:%M} UTC)")


def _document(release: Release) -> dict[str, Any]:
    names = ("build_id", "size_bytes", "is_current", "is_damaged")
    return {
        **{name: getattr(release, name) for name in names},
        "published_at": release.stamp,
        "file": release.path.name,
    }
