"""The errors a person may see, each with the exit code of the command that met it.

Every message names the source, the payload, what was expected and what came. Anything else that escapes is a
bug and exits with 1.
"""

from __future__ import annotations

from ingest.secrets import blotted


class TidegaugeError(Exception):
    """An error with a sentence for a person; `exit_code` is what the command line returns. It holds no secret."""

    exit_code = 1

    def __init__(self, *told: object) -> None:
        super().__init__(*(blotted(part) if isinstance(part, str) else part for part in told))


class ConfigError(TidegaugeError):
    """Settings or catalog cannot be used as they are written."""

    exit_code = 4


class HomeUnusable(TidegaugeError):
    """TIDEGAUGE_HOME cannot be written, its disk is full, or a file in it is damaged."""

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


class UnknownRelease(NothingPublished):
    """A release was named that is not kept: wrong usage."""

    exit_code = 2


class ClockBehind(ConfigError):
    """The clock stands before what the home has recorded; nothing was touched."""


class ArchiveDamaged(HomeUnusable):
    """What the archive holds under a name is not what was put there, or is gone."""


class SourceError(TidegaugeError):
    """One source failed; others go on. `payload` names the request or the archived body it is about."""

    exit_code = 8

    def __init__(self, source: str, payload: str, message: str) -> None:
        self.source = source
        self.payload = blotted(payload)
        super().__init__(f"{source}: {payload}: {message}")


class SourceUnavailable(SourceError):
    """No answer could be had: transport error, time-out, 429 or 5xx after every retry."""


class SourceRefused(SourceError):
    """The publisher refused us: missing or bad key, 401, 403 where data was expected."""


class SourceChanged(SourceError):
    """An answer came, and it is not what the contract says. The payload is kept, the source is held back."""

    def __init__(self, source: str, payload: str, *, expected: str, seen: str) -> None:
        self.expected = blotted(expected)
        self.seen = blotted(seen)
        super().__init__(source, payload, f"expected {expected}, got {seen}")


class SymbolUnknown(SourceChanged):
    """The publisher says that it does not know the symbol (any more)."""
