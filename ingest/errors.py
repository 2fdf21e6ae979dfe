"""The errors a person may see, each with the exit code of the command that met it.

Every message names the source, the payload, what was expected and what came. Anything else that escapes is a
bug and exits with 1.
"""

from __future__ import annotations


class TidegaugeError(Exception):
    """An error with a sentence for a person; `exit_code` is what the command line returns."""

    exit_code = 1


class ConfigError(TidegaugeError):
    """Settings or catalog cannot be used as they are written."""

    exit_code = 4


class HomeUnusable(TidegaugeError):
    """TIDEGAUGE_HOME cannot be written, or its disk is full."""

    exit_code = 5


class AnotherWriter(TidegaugeError):
    """A second process holds the build file; nothing was touched."""

    exit_code = 6


class AuditFailed(TidegaugeError):
    """An error-level check failed: nothing was published, the last good release stays."""

    exit_code = 3


class NothingPublished(TidegaugeError):
    """A command needs a published file and there is none yet."""

    exit_code = 7


class QueryRefused(TidegaugeError):
    """The SQL of a query cannot run, is not read-only, or its rows cannot go where they should."""

    exit_code = 2


class SourceError(TidegaugeError):
    """One source failed; others go on. `payload` names the request or the archived body it is about."""

    exit_code = 8

    def __init__(self, source: str, payload: str, message: str) -> None:
        self.source = source
        self.payload = payload
        super().__init__(f"{source}: {payload}: {message}")


class SourceUnavailable(SourceError):
    """No answer could be had: transport error, time-out, 429 or 5xx after every retry."""


class SourceRefused(SourceError):
    """The publisher refused us: missing or bad key, 401, 403 where data was expected."""


class SourceChanged(SourceError):
    """An answer came, and it is not what the contract says. The payload is kept, the source is held back."""

    def __init__(self, source: str, payload: str, *, expected: str, seen: str) -> None:
        self.expected = expected
        self.seen = seen
        super().__init__(source, payload, f"expected {expected}, got {seen}")


class SymbolUnknown(SourceChanged):
    """The publisher says that it does not know the symbol (any more)."""
