"""Packages that a run needs later, imported while it waits for publishers."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from threading import Thread
from typing import Final

GATE_PACKAGES: Final = ("ingest.rules.expectations", "great_expectations")
"""What the first gate needs: two seconds of work, which the network leaves free. The first says what of the second is
not loaded."""


def import_ahead(*packages: str) -> Thread:
    """Begin to import `packages` in a thread of their own and return it; there is no need to wait for it.

    Whoever imports one meanwhile waits for that import, as Python has it. What is not installed is left to them to say.
    """
    thread = Thread(target=_import, args=packages, name="import-ahead", daemon=True)
    thread.start()
    return thread


def _import(*packages: str) -> None:
    for package in packages:
        with suppress(ImportError):
            import_module(package)
