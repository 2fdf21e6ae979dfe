"""The errors a person may see, each with the exit code of the command that met it.

Every message names the source, the payload, what was expected and what came. Anything else that escapes is a
bug and exits with 1.
"""

from __future__ import annotations

import re
from typing import Final

from ingest.secrets import blotted

MOST_CHARACTERS: Final = 400
"""Of a sentence about a source; lists of names are cut before. What a publisher sent has at most MOST_SEEN of them."""

MOST_SEEN: Final = 160

_LOOKED_AT: Final = 4096
_PAGE: Final = re.compile(
    r"<(?:!doctype|html|head|body|title|script|style|div|span|h\d|p|br|meta|center)\b", re.IGNORECASE
)
_UNSEEN: Final = re.compile(r"<(script|style|head)\b.*?(?:</\1>|$)", re.IGNORECASE | re.DOTALL)
_TITLE: Final = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_TAG: Final = re.compile(r"<!--.*?-->|<[^<>]*>?", re.DOTALL)


def told(text: str, most: int = MOST_CHARACTERS) -> str:
    """Return `text` as one line of at most `most` characters; of a web page its title, or its words without tags.

    Bodies belong to the archive: a sentence about one is read by people, on pages and terminals.
    """
    text = text[:_LOOKED_AT]
    if page := _PAGE.search(text):
        title = _TITLE.search(text)
        shown = title[1] if title else _TAG.sub(" ", _UNSEEN.sub(" ", text[page.start() :]))
        text = f"{text[: page.start()]} {shown}"
    flat = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"


class TidegaugeError(Exception):
    """An error with a sentence for a person; `exit_code` is what the command line returns. It holds no secret."""

    exit_code = 1

    def __init__(self, *told: object) -> None:
        super().__init__(*(blotted(part) if isinstance(part, str) else part for part in told))

    def __reduce__(self) -> tuple[object, ...]:
        """Cross to another process as it is: a subclass is made of other arguments than the sentence that it keeps."""
        return _as_it_was, (type(self), self.args, self.__dict__)


def _as_it_was(kind: type[TidegaugeError], args: tuple[object, ...], held: dict[str, object]) -> TidegaugeError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(held)
    return error


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


class QueryRefused(TidegaugeError):
    """The SQL of a query cannot run, is not read-only, or its rows cannot go where they should."""

    exit_code = 2


class TargetUnusable(TidegaugeError):
    """A release cannot go where it was to be put (a folder, a database); what was there is as it was."""

    exit_code = 9


class UnknownRelease(NothingPublished):
    """A release was named that is not kept: wrong usage."""

    exit_code = 2


class PortTaken(TidegaugeError):
    """A page was to be served on a port that is not free: wrong usage."""

    exit_code = 2


class NothingHeld(TidegaugeError):
    """Something was to be accepted that does not wait for a person: wrong usage."""

    exit_code = 2


class EngineUnusable(ConfigError):
    """The engine of TIDEGAUGE_LAKE cannot be reached, has other versions or failed; nothing was changed."""


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
        super().__init__(f"{source}: {payload}: {told(blotted(message))}")


class SourceUnavailable(SourceError):
    """No answer could be had: transport error, time-out, 429 or 5xx after every retry."""


class NotAsked(SourceUnavailable):
    """Nothing was asked: the host has been silent in this run, or the time for asking is over (`is_over`)."""

    def __init__(self, source: str, payload: str, message: str, *, is_over: bool) -> None:
        self.is_over = is_over
        super().__init__(source, payload, message)


class SourceRefused(SourceError):
    """The publisher refused us: missing or bad key, 401, 403 where data was expected."""


class NotConfigured(SourceError):
    """Nothing was asked, because a setting is missing that the publisher wants: no failure, and it says which one."""


class SourceChanged(SourceError):
    """An answer came, and it is not what the contract says. The payload is kept, the source is held back."""

    def __init__(self, source: str, payload: str, *, expected: str, seen: str) -> None:
        self.expected = told(blotted(expected), MOST_SEEN)
        self.seen = told(blotted(seen), MOST_SEEN)
        super().__init__(source, payload, f"expected {self.expected}, got {self.seen}")


class SymbolUnknown(SourceChanged):
    """The publisher says that it does not know the symbol (any more)."""
