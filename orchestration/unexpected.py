"""What a command says of an unexpected error: a full disk, a damaged file of the home, or a bug of ours."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ingest.errors import HomeUnusable, TidegaugeError
from ingest.secrets import blotted

if TYPE_CHECKING:
    from ingest.home import Home

FULL_BELOW_BYTES = 1 << 20
_in_use: list[Home] = []


def use_home(home: Home | None) -> None:
    """Say which home the command works in: a rehearsal has another one than the settings. None: not known yet."""
    _in_use[:] = [] if home is None else [home]


def explained(error: Exception) -> int:
    """Print on standard error what happened and return the exit code. A bug's traceback goes to the log."""
    return _full_disk() or _unusable(error) or _bug(error)


def complain(text: str) -> None:
    """Print lines to standard error."""
    from serving.query.terminal import say

    say(text, sys.stderr)


def _unusable(error: Exception) -> int:
    """Tell which file of the home is damaged or in the way, where that is it; 0 otherwise."""
    from warehouse.connection import home_sentence

    try:
        home = _home()
    except TidegaugeError:
        return 0
    # Runs and rebuilds report damage where they meet it: what remains here is who reads the published file.
    sentence = home_sentence(home, error, read=home.published)
    if sentence is None:
        return 0
    complain(f"tidegauge: {sentence}")
    return HomeUnusable.exit_code


def _full_disk() -> int:
    """Tell that the disk is full, where it is; 0 otherwise. Dagster's own store reports it in words of many kinds."""
    import shutil

    try:
        root = _home().root
        free = shutil.disk_usage(root).free
    except (TidegaugeError, OSError):
        return 0
    if free > FULL_BELOW_BYTES:
        return 0
    sentence = f"the disk of {root} is full: free some space and run again; what had been stored is safe"
    complain(f"tidegauge: {sentence}")
    return HomeUnusable.exit_code


def _bug(error: Exception) -> int:
    """Keep the traceback in the log and say where it is; print it where no log can be written."""
    import logging

    from orchestration.log import log_to, traceback_of

    first = blotted((str(error).splitlines() or [""])[0])
    try:
        home = _home()
        log_to(home)
        logging.getLogger("tidegauge").exception("unexpected")
        where = f"details in {home.log}"
    except (TidegaugeError, OSError) as problem:
        where = f"no log could be written: {problem}\n{traceback_of(error)}"
    complain(f"tidegauge: a bug: {type(error).__name__}: {first}\n{where}")
    return 1


def _home() -> Home:
    """Return the home in which the command works; before that is known, the one of the settings."""
    if _in_use:
        return _in_use[0]
    from ingest.home import home_at
    from ingest.settings import load_settings

    return home_at(load_settings().home)
