"""The command `explore`: a local page over the published file."""

from __future__ import annotations

import contextlib
import socket
import sys
from typing import Annotated, Final

import typer

from ingest.errors import HomeUnusable, PortTaken

PORT: Final = 8765
HOST: Final = "127.0.0.1"

_Port = Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.", min=0, max=65535)]
_NoOpen = Annotated[bool, typer.Option("--no-open", help="Only say the address.")]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(explore)


def explore(port: _Port = PORT, no_open: _NoOpen = False) -> None:
    """Draw any column of the published file on a page of this machine, as of any day, back to the archived bytes.

    Reads only. New releases are followed. Ctrl-C ends it.
    """
    from ingest.home import home_at, nothing_published
    from ingest.settings import load_settings

    home = home_at(load_settings().home)
    if not home.published.exists():
        raise nothing_published(home)
    listening = _listening(port)
    import threading
    import webbrowser

    import uvicorn

    from orchestration.log import log_to
    from serving.explore.assets import VEGA, asset
    from serving.explore.server import app_of
    from serving.query.terminal import say

    with contextlib.suppress(HomeUnusable):  # a home that is for reading only is enough
        log_to(home)
    threading.Thread(target=asset, args=(VEGA,), daemon=True).start()  # takes a second or two: before it is asked for
    address = f"http://{HOST}:{listening.getsockname()[1]}/"
    say(f"{address} (home {home.root}; Ctrl-C ends it)", sys.stderr)
    if not no_open:
        threading.Timer(0.5, webbrowser.open, (address,)).start()
    server = uvicorn.Server(
        uvicorn.Config(
            app_of(home),
            log_level="error",
            access_log=False,
            server_header=False,
            ws="none",
            lifespan="off",
            timeout_graceful_shutdown=2,
        )
    )
    with contextlib.suppress(KeyboardInterrupt):  # the usual end of it
        server.run(sockets=[listening])


def _listening(port: int) -> socket.socket:
    """Return a socket that listens on this machine only; PortTaken says which port is not to be had."""
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((HOST, port))
        found.listen(64)
    except OSError as error:
        found.close()
        raise PortTaken(
            f"port {port} of {HOST} cannot be had: {error.strerror}. Another one: `tidegauge explore --port {port + 1}`"
        ) from error
    return found
