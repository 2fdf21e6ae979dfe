"""The command `dictionary`: the published file's description of itself, as pages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_Out = Annotated[
    Path | None, typer.Option("--out", help="A folder: new, empty, or a dictionary. Otherwise dictionary in the home.")
]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(dictionary)


def dictionary(out: _Out = None) -> None:
    """Write the data dictionary of the published file as pages: every table, column and series, with a search.

    They open from disk, without a server and without a network.
    """
    from ingest.home import home_at
    from ingest.settings import load_settings
    from serving.dictionary.site import write_dictionary
    from serving.query.terminal import say

    home = home_at(load_settings().home)
    say(f"dictionary: {write_dictionary(home, (out or home.root / 'dictionary').absolute())}")
