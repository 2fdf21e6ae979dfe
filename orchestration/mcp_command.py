"""The command `mcp`: an assistant asks the published file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(mcp)


def mcp() -> None:
    """Serve the published file to an assistant (Model Context Protocol on standard input and output). Read-only.

    A program starts this, not a person: docs/bi.md shows its settings. New releases are followed.
    """
    from ingest.home import home_at
    from ingest.settings import load_settings
    from orchestration.version import code_version
    from serving.mcp.server import server_of

    # Without a release it starts all the same: each answer says that there is none, which reaches the person.
    server_of(home_at(load_settings().home), code_version()).run()
